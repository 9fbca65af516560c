// Waveform and spectrogram on canvases, in the colours that the style gives these.

import { byId, element } from "./element.js";
import { RATE_HZ } from "./sound.js";
import { LOWEST_HZ, ROWS, ROWS_AN_OCTAVE } from "./spectrogram.js";

const OCTAVES = [2, 3, 4, 5, 6, 7]; // C4 is the middle one
let shown = null;
let worker = null; // computes the spectrogram of what is shown

/** samples: as `decode` gives them, or null: then there is nothing to draw. */
export function showPictures(samples) {
  worker?.terminate();
  worker = null;
  shown = samples && { samples, levels: null };
  for (const id of ["waveform", "spectrogram"]) byId(id).closest(".stave").hidden = samples === null;
  byId("sound-note").hidden = samples !== null;
  byId("sound-note").textContent = "This browser cannot decode the format, so that there is no picture of the sound.";
  byId("spectrogram").setAttribute("aria-busy", String(samples !== null));
  redraw();
  if (samples !== null) computeSpectrogram(shown);
}

/** Draws again: after a change of size, of colours, or for the printer. */
export function redraw() {
  if (shown === null) return;
  drawWaveform(byId("waveform"), shown.samples);
  drawSpectrogram(byId("spectrogram"), shown);
}

export function keepPicturesRight() {
  new ResizeObserver(redraw).observe(byId("sound-axis"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  const printing = (now) => {
    document.documentElement.classList.toggle("printing", now);
    redraw();
  };
  addEventListener("beforeprint", () => printing(true));
  addEventListener("afterprint", () => printing(false));
  byId("octaves").append(...OCTAVES.map((octave) => {
    const label = element("span", { "aria-hidden": "true" }, `C${octave}`);
    const hz = 440 * 2 ** ((12 * (octave + 1) - 69) / 12);
    label.style.bottom = `${(100 * ROWS_AN_OCTAVE * Math.log2(hz / LOWEST_HZ)) / ROWS}%`;
    return label;
  }));
}

function computeSpectrogram(recording) {
  const canvas = byId("spectrogram");
  const mine = (worker = new Worker(new URL("spectrogram-worker.js", import.meta.url), { type: "module" }));
  const ended = (then) => (event) => {
    if (mine !== worker) return; // another recording has come meanwhile
    mine.terminate();
    canvas.setAttribute("aria-busy", "false");
    then(event);
  };
  mine.onmessage = ended(({ data }) => {
    Object.assign(recording, data);
    redraw();
  });
  mine.onerror = mine.onmessageerror = ended(() => { canvas.closest(".stave").hidden = true; });
  mine.postMessage({ samples: recording.samples, rateHz: RATE_HZ });
}

/** Peaks pale, mean power strong; the loudest peak fills the height. */
function drawWaveform(canvas, samples) {
  const [context, width, height] = prepared(canvas);
  const style = getComputedStyle(canvas);
  const loudest = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1e-6);
  for (let x = 0; x < width; x += 1) {
    const first = Math.floor((x / width) * samples.length);
    const after = Math.max(Math.floor(((x + 1) / width) * samples.length), first + 1);
    let [low, high, power] = [0, 0, 0];
    for (let k = first; k < after; k += 1) {
      low = Math.min(low, samples[k]);
      high = Math.max(high, samples[k]);
      power += samples[k] * samples[k];
    }
    const mean = Math.sqrt(power / (after - first));
    bar(context, style.textDecorationColor, x, height, low / loudest, high / loudest);
    bar(context, style.color, x, height, -mean / loudest, mean / loudest);
  }
}

function bar(context, colour, x, height, low, high) {
  context.fillStyle = colour;
  const half = height / 2;
  context.fillRect(x, half - high * half * 0.94, 1, Math.max((high - low) * half * 0.94, 1));
}

/** Nothing, as long as the levels are being computed: not the picture of the recording before. */
function drawSpectrogram(canvas, { levels, columns }) {
  const [context, width, height] = prepared(canvas);
  if (levels === null) return;
  const colours = palette(getComputedStyle(canvas));
  const picture = new ImageData(columns, ROWS);
  for (let column = 0; column < columns; column += 1) {
    for (let row = 0; row < ROWS; row += 1) {
      const at = 4 * ((ROWS - 1 - row) * columns + column);
      picture.data.set(colours[levels[column * ROWS + row]], at);
    }
  }
  const raw = element("canvas", { width: columns, height: ROWS });
  raw.getContext("2d").putImageData(picture, 0, 0);
  context.drawImage(raw, 0, 0, width, height);
}

/** 256 colours from the canvas's background over its text colour to the colour of its decoration. */
function palette(style) {
  const stops = [style.backgroundColor, style.color, style.textDecorationColor].map(components);
  return Array.from({ length: 256 }, (_, level) => {
    const place = (level / 255) ** 1.25 * 2;
    const [from, to] = place < 1 ? [stops[0], stops[1]] : [stops[1], stops[2]];
    const share = place < 1 ? place : place - 1;
    return [...from.map((value, k) => value + share * (to[k] - value)), 255];
  });
}

/** Red, green and blue of any colour that CSS knows. */
function components(colour) {
  const context = element("canvas", { width: 1, height: 1 }).getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

/** A canvas in the size at which it is shown, empty. */
function prepared(canvas) {
  const ratio = Math.min(devicePixelRatio, 2);
  canvas.width = Math.max(Math.round(canvas.clientWidth * ratio), 1);
  canvas.height = Math.max(Math.round(canvas.clientHeight * ratio), 1);
  const context = canvas.getContext("2d");
  return [context, canvas.width, canvas.height];
}
