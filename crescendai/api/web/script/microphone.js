// A recording from the microphone, without the corrections that browsers make for speech: they change how loud it is.

import { byId } from "./element.js";
import { Refused } from "./service.js";
import { decode } from "./sound.js";
import { BYTES_A_SAMPLE, wavFile } from "./wav.js";
import { clock } from "./wording.js";

const RATE_HZ = 44100;
const BITS_A_SECOND = 256000;
const SPARE_S = 1; // the clock is looked at ten times a second only, and a recorder takes its time to stop

export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder);

/** Seconds that may be recorded: what the service takes, as WAV. */
export function longestTake(limits) {
  return Math.floor(Math.min(limits.max_duration_s, limits.max_body_bytes / (RATE_HZ * BYTES_A_SAMPLE)) - SPARE_S);
}

/**
 * Records until someone presses "Stop and rate", or until longestS.
 *
 * started: called when the microphone is open. signal: gives the take up, at any time.
 * Returns a WAV file, or null when it was given up; the microphone is off by then. Rejects with Refused.
 */
export async function record(longestS, { started, signal }) {
  const stream = await openMicrophone();
  let context = null;
  try {
    if (signal.aborted) return null;
    context = new AudioContext();
    started();
    const parts = await take(stream, context, longestS, signal);
    if (signal.aborted) return null;
    const samples = await decode(new Blob(parts, { type: parts[0]?.type }), RATE_HZ);
    if (signal.aborted) return null;
    if (!samples?.length) throw new Refused("no_sound_recorded", "The microphone gave no sound.");
    return wavFile(samples, RATE_HZ);
  } finally {
    for (const track of stream.getTracks()) track.stop();
    context?.close();
  }
}

async function openMicrophone() {
  try {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    return await navigator.mediaDevices.getUserMedia({ audio: plain });
  } catch (error) {
    throw new Refused("no_microphone", error.name === "NotFoundError" ? "There is none." : "It was not allowed.");
  }
}

/** The parts of what was recorded, once the recorder has stopped. */
function take(stream, context, longestS, signal) {
  const recorder = new MediaRecorder(stream, { audioBitsPerSecond: BITS_A_SECOND });
  const parts = [];
  const stop = () => recorder.state === "recording" && recorder.stop();
  const watching = setInterval(watch, 100, context, stream, performance.now(), longestS, stop);
  byId("longest").textContent = `of at most ${clock(longestS)}`;
  return new Promise((resolve) => {
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => {
      clearInterval(watching);
      resolve(parts);
    };
    byId("finish").onclick = stop;
    signal.addEventListener("abort", stop);
    recorder.start();
  });
}

const meters = new WeakMap();

/** Shows the time and the level, and stops at the end of what may be recorded. */
function watch(context, stream, begun, longestS, stop) {
  if (!meters.has(stream)) {
    const meter = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(meter);
    meters.set(stream, meter);
  }
  const meter = meters.get(stream);
  const samples = new Float32Array(meter.fftSize);
  meter.getFloatTimeDomainData(samples);
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  const shown = Math.max(0, 1 + (20 * Math.log10(peak + 1e-9)) / 60); // -60 dB to full scale
  byId("level").style.transform = `scaleX(${Math.min(shown, 1)})`;
  const seconds = (performance.now() - begun) / 1000;
  byId("elapsed").textContent = clock(seconds);
  if (seconds >= longestS) stop();
}
