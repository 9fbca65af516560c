// Computes away from the page, which stays alive meanwhile.

import { spectrogram } from "./spectrogram.js";

addEventListener("message", ({ data: { samples, rateHz } }) => {
  const found = spectrogram(samples, rateHz);
  postMessage(found, [found.levels.buffer]);
});
