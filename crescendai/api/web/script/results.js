// Everything about one rated recording, with its sound.

import { byId } from "./element.js";
import { showFacts } from "./facts.js";
import { keepPicturesRight, showPictures } from "./pictures.js";
import { Player } from "./player.js";
import { showNow, showRatings } from "./ratings.js";
import { offerSaving } from "./saving.js";
import { sectionAt } from "./sections.js";
import { TimeAxis } from "./time-axis.js";
import { showTimeline } from "./timeline.js";
import { clock } from "./wording.js";

const player = new Player(byId("audio"));
const axes = [
  new TimeAxis("sound-axis", "Position in the recording", player),
  new TimeAxis("timeline-axis", "Position in the recording, along the ratings", player),
];
let sections = [];
keepPicturesRight();

/** address: of the recording's bytes, for the player. samples: as `decode` gives them. */
export function showResults(name, result, address, samples) {
  ({ sections } = result);
  byId("results").hidden = false;
  showFacts(name, result);
  showRatings(result);
  showTimeline(result);
  offerSaving(name, result);
  player.load(address, result.processing.duration_s);
  byId("whole").textContent = `/ ${clock(player.durationS)}`;
  for (const axis of axes) axis.show(result.processing.hop_s);
  showPictures(samples);
  byId("results-title").focus({ preventScroll: true });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  byId("results").scrollIntoView({ behavior: calm ? "instant" : "smooth" });
}

export function hideResults() {
  player.unload();
  byId("results").hidden = true;
}

byId("play").addEventListener("click", () => player.toggle());
player.addEventListener("state", () => {
  const button = byId("play");
  button.classList.toggle("playing", player.playing);
  button.setAttribute("aria-label", player.playing ? "Pause" : "Play");
  button.disabled = !player.playable;
  byId("play-note").hidden = !player.playable;
  byId("play-trouble").hidden = player.playable;
});
player.addEventListener("time", () => {
  byId("clock").textContent = clock(player.timeS);
  const begun = player.timeS > 0 || player.playing;
  showNow(begun && sections.length > 1 ? sectionAt(sections, player.timeS).ratings : null);
});
