// An example without anybody's recording: eight bars in three-four time, first calm and soft, then driven and loud.

import { addTone } from "./tones.js";
import { wavFile } from "./wav.js";

const RATE_HZ = 22050;
export const EXAMPLE_NAME = "Example: a synthesised phrase, played calmly and then driven";

// A bar: its melody as [key, beats], and the keys of its broken chord.
const BARS = [
  [[[76, 2], [73, 1]], [45, 57, 61]],
  [[[74, 1], [73, 1], [71, 1]], [42, 54, 57]],
  [[[69, 2], [66, 1]], [38, 54, 57]],
  [[[68, 1], [69, 1], [71, 1]], [40, 52, 56]],
  [[[73, 1.5], [74, 0.5], [76, 1]], [45, 57, 61]],
  [[[78, 2], [74, 1]], [38, 57, 62]],
  [[[73, 1], [71, 1], [68, 1]], [40, 56, 62]],
  [[[69, 3]], [33, 57, 61]],
];
const MANNERS = [
  { beatS: 0.88, swell: 0.16, soft: 0.3, held: 1.15, slowing: 0.5 },
  { beatS: 0.44, swell: 0.12, soft: 0.82, held: 0.5, slowing: 0.1 },
];

export function exampleRecording() {
  const tones = [];
  let startS = 0.2;
  for (const manner of MANNERS) startS = play(manner, startS, tones) + 0.6;
  const samples = new Float32Array(Math.ceil((startS + 1.4) * RATE_HZ));
  for (const tone of tones) addTone(samples, RATE_HZ, tone);
  return wavFile(samples, RATE_HZ);
}

/** Puts the phrase's tones down in one manner, from startS; returns when it ends. */
function play({ beatS, swell, soft, held, slowing }, startS, tones) {
  BARS.forEach(([melody, chord], bar) => {
    const arch = Math.sin((Math.PI * (bar + 0.5)) / BARS.length); // the phrase rises and falls
    const strength = soft + swell * arch;
    const beat = beatS * (1 + slowing * (bar / BARS.length) ** 4); // and broadens towards its end
    let at = startS;
    for (const [key, beats] of melody) {
      tones.push({ key, startS: at, heldS: beats * beat * held, strength: Math.min(strength + 0.12, 1) });
      at += beats * beat;
    }
    for (let half = 0; half < 6; half += 1) {
      const key = chord[[0, 1, 2, 1, 2, 1][half]];
      const at = startS + (half * beat) / 2;
      tones.push({ key, startS: at, heldS: 0.7 * beat * held, strength: strength * 0.75 });
    }
    startS += 3 * beat;
  });
  return startS;
}
