// Plays the recording. Tells with the events "time" and "state" when its time or state has changed.

export class Player extends EventTarget {
  constructor(audio) {
    super();
    this.audio = audio;
    this.durationS = 0;
    for (const name of ["play", "pause", "ended", "error"]) audio.addEventListener(name, () => this.#changed());
    for (const name of ["seeked", "timeupdate"]) {
      audio.addEventListener(name, () => this.dispatchEvent(new Event("time")));
    }
  }

  load(address, durationS) {
    this.durationS = durationS;
    this.audio.src = address; // and with it, what could not be played before is forgotten
    this.#changed();
    this.dispatchEvent(new Event("time"));
  }

  unload() {
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
  }

  get playable() {
    return this.audio.error === null;
  }

  get playing() {
    return !this.audio.paused && !this.audio.ended;
  }

  get timeS() {
    return Math.min(this.audio.currentTime, this.durationS);
  }

  toggle() {
    if (this.playing) this.audio.pause();
    else this.audio.play().catch(() => this.#changed()); // not playable: said by the state
  }

  seek(seconds) {
    this.audio.currentTime = Math.max(0, Math.min(seconds, this.durationS));
    this.dispatchEvent(new Event("time"));
  }

  #changed() {
    this.dispatchEvent(new Event("state"));
    const frame = () => {
      this.dispatchEvent(new Event("time"));
      if (this.playing) requestAnimationFrame(frame);
    };
    if (this.playing) frame();
  }
}
