// Samples as a WAV file: one channel, 16 bits.

export const BYTES_A_SAMPLE = 2;
const HEADER = 44;

/** samples: Float32Array, full scale ±1; what is beyond is clipped. */
export function wavFile(samples, rateHz) {
  const size = samples.length * BYTES_A_SAMPLE;
  const view = new DataView(new ArrayBuffer(HEADER + size));
  const text = (at, letters) => [...letters].forEach((letter, k) => view.setUint8(at + k, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, HEADER - 8 + size, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rateHz, true);
  view.setUint32(28, rateHz * BYTES_A_SAMPLE, true);
  view.setUint16(32, BYTES_A_SAMPLE, true);
  view.setUint16(34, 8 * BYTES_A_SAMPLE, true);
  text(36, "data");
  view.setUint32(40, size, true);
  for (let k = 0; k < samples.length; k += 1) {
    view.setInt16(HEADER + BYTES_A_SAMPLE * k, Math.round(Math.max(-1, Math.min(1, samples[k])) * 32767), true);
  }
  return new Blob([view.buffer], { type: "audio/wav" });
}
