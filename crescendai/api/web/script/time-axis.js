// An axis of time under pictures: a slider for the keyboard, a place to click for the mouse, and a cursor.

import { byId, element } from "./element.js";
import { clock, spoken } from "./wording.js";

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];
const TICK_PX = 70; // between ticks, at least

export class TimeAxis {
  /** name: for screen readers. player: what is sought in and followed. */
  constructor(id, name, player) {
    this.root = byId(id);
    this.player = player;
    this.plot = this.root.querySelector(".plot");
    this.cursor = this.root.querySelector(".cursor");
    this.hopS = 6;
    const attributes = { role: "slider", tabindex: "0", "aria-label": name, "aria-valuemin": "0" };
    for (const [attribute, value] of Object.entries(attributes)) this.root.setAttribute(attribute, value);
    this.root.addEventListener("pointerdown", (event) => this.#grab(event));
    this.root.addEventListener("pointermove", (event) => {
      if (this.root.hasPointerCapture(event.pointerId)) this.#seekTo(event);
    });
    this.root.addEventListener("keydown", (event) => this.#press(event));
    player.addEventListener("time", () => this.#follow());
    new ResizeObserver(() => this.#drawTicks()).observe(this.root);
  }

  /** hopS: from one section's start to the next. */
  show(hopS) {
    this.hopS = hopS;
    this.root.setAttribute("aria-valuemax", this.player.durationS.toFixed(1));
    this.#drawTicks();
    this.#follow();
  }

  #grab(event) {
    if (event.button !== 0) return;
    this.root.setPointerCapture(event.pointerId);
    this.#seekTo(event);
  }

  #seekTo(event) {
    const { left, width } = this.plot.getBoundingClientRect();
    this.player.seek(((event.clientX - left) / width) * this.player.durationS);
  }

  #press(event) {
    const { timeS, durationS } = this.player;
    const places = {
      ArrowLeft: timeS - 1, ArrowDown: timeS - 1, ArrowRight: timeS + 1, ArrowUp: timeS + 1,
      PageDown: timeS - this.hopS, PageUp: timeS + this.hopS, Home: 0, End: durationS,
    };
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === " ") this.player.toggle();
    else if (event.key in places) this.player.seek(places[event.key]);
    else return;
    event.preventDefault();
  }

  #follow() {
    const { timeS, durationS, playing } = this.player;
    const share = durationS ? timeS / durationS : 0;
    this.cursor.style.transform = `translateX(${share * this.plot.clientWidth}px)`;
    this.root.setAttribute("aria-valuenow", timeS.toFixed(1));
    // Not while it plays: a focused slider would be read out without end.
    if (!playing) this.root.setAttribute("aria-valuetext", `${spoken(timeS)} of ${spoken(durationS)}`);
  }

  #drawTicks() {
    const { durationS } = this.player;
    const ticks = this.root.querySelector(".ticks");
    if (!durationS || !ticks.clientWidth) return;
    const most = Math.max(ticks.clientWidth / TICK_PX, 1);
    const step = STEPS_S.find((seconds) => durationS / seconds <= most) ?? durationS;
    const spans = [];
    for (let at = 0; at <= durationS; at += step) {
      const tick = element("span", { class: at > 0.97 * durationS ? "last" : null }, clock(at));
      tick.style.left = `${(100 * at) / durationS}%`;
      spans.push(tick);
    }
    ticks.replaceChildren(...spans);
    this.#follow();
  }
}
