// A spectrogram with one row a quarter of a tone: an octave is as high as every other.

import { powerSpectrum } from "./fft.js";

export const LOWEST_HZ = 55; // A1
export const ROWS_AN_OCTAVE = 24;
export const ROWS = 7 * ROWS_AN_OCTAVE; // up to A8
const FRAME = 2048;
const COLUMNS = 1100;
const FRAMES_A_COLUMN = 4; // of a long recording: more would show nothing more
const RANGE_DB = 72;

/**
 * samples: mono.
 * Returns {levels, columns}: Uint8Array [column, row], 0 silence to 255 loudest, rows from low to high.
 */
export function spectrogram(samples, rateHz) {
  const columns = Math.max(Math.min(COLUMNS, Math.ceil(samples.length / (FRAME / 16))), 1);
  const step = samples.length / columns;
  const perColumn = Math.max(Math.min(FRAMES_A_COLUMN, Math.round(step / (FRAME / 4))), 1);
  const [spectrum, powers] = [powerSpectrum(FRAME), new Float32Array(FRAME / 2)];
  const found = new Float32Array(columns * ROWS);
  for (let column = 0; column < columns; column += 1) {
    for (let part = 0; part < perColumn; part += 1) {
      const centre = Math.round((column + (part + 0.5) / perColumn) * step);
      spectrum(samples, centre - FRAME / 2, powers);
      addRows(powers, rateHz, found.subarray(column * ROWS, (column + 1) * ROWS));
    }
  }
  return { levels: inDecibels(found), columns };
}

/** Adds a frame's powers to rows; between the bins of the low ones, where a bin is wider than a row. */
function addRows(powers, rateHz, rows) {
  const binHz = rateHz / FRAME;
  for (let row = 0; row < ROWS; row += 1) {
    const low = (LOWEST_HZ * 2 ** ((row - 0.5) / ROWS_AN_OCTAVE)) / binHz;
    const high = (LOWEST_HZ * 2 ** ((row + 0.5) / ROWS_AN_OCTAVE)) / binHz;
    if (high >= powers.length - 1) break;
    const middle = (low + high) / 2;
    const below = Math.floor(middle);
    let most = powers[below] + (middle - below) * (powers[below + 1] - powers[below]);
    for (let bin = Math.ceil(low); bin <= high; bin += 1) most = Math.max(most, powers[bin]);
    rows[row] += most;
  }
}

function inDecibels(powers) {
  const loudest = powers.reduce((most, power) => Math.max(most, power), 1e-12);
  return Uint8Array.from(powers, (power) => {
    const level = 1 + (10 * Math.log10(power / loudest + 1e-12)) / RANGE_DB;
    return Math.max(0, Math.round(255 * level));
  });
}
