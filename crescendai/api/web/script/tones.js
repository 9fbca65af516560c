// Struck strings, roughly: partials that are sharper the higher they are, and die away the faster.

const STIFFNESS = 4e-4;
const RELEASE_S = 0.09;
const PARTIALS = 14;

/**
 * Adds a tone to samples.
 *
 * key: MIDI number. startS, heldS: when it begins and how long it is held. strength: 0 to 1, louder and brighter.
 */
export function addTone(samples, rateHz, { key, startS, heldS, strength }) {
  const pitchHz = 440 * 2 ** ((key - 69) / 12);
  const first = Math.round(startS * rateHz);
  const held = Math.round(heldS * rateHz);
  const whole = Math.min(held + Math.round(5 * RELEASE_S * rateHz), samples.length - first);
  for (let partial = 1; partial <= PARTIALS; partial += 1) {
    const hz = partial * pitchHz * Math.sqrt(1 + STIFFNESS * partial * partial);
    if (hz > 0.45 * rateHz) break;
    const level = 0.28 * strength ** 1.4 * partial ** (-2.6 + 1.5 * strength);
    const decay = Math.exp((-(0.7 + 0.35 * partial) * (pitchHz / 262) ** 0.6) / rateHz);
    const damped = Math.exp(-1 / (RELEASE_S * rateHz));
    addPartial(samples, first, whole, held, (2 * Math.PI * hz) / rateHz, level, decay, damped);
  }
}

/** A sine by rotation: each sample follows from the two before it. */
function addPartial(samples, first, whole, held, step, level, decay, damped) {
  const twice = 2 * Math.cos(step);
  let [before, now, loud] = [-Math.sin(step), 0, level];
  for (let k = 0; k < whole; k += 1) {
    samples[first + k] += loud * now;
    [before, now] = [now, twice * now - before];
    loud *= k < held ? decay : decay * damped;
  }
}
