// The samples of a recording, for the pictures; and its length, before it is sent.

export const RATE_HZ = 16000; // enough for what is drawn, a third of what CD quality takes in memory

/** Mono samples at a rate, or null where this browser cannot decode the format. */
export async function decode(recording, rateHz = RATE_HZ) {
  const context = new OfflineAudioContext(1, 1, rateHz);
  let buffer;
  try {
    buffer = await context.decodeAudioData(await recording.arrayBuffer());
  } catch {
    return null;
  }
  const mono = buffer.getChannelData(0);
  for (let channel = 1; channel < buffer.numberOfChannels; channel += 1) {
    const other = buffer.getChannelData(channel);
    for (let k = 0; k < mono.length; k += 1) mono[k] += other[k];
  }
  if (buffer.numberOfChannels > 1) for (let k = 0; k < mono.length; k += 1) mono[k] /= buffer.numberOfChannels;
  return mono;
}

/** Seconds, read from the beginning of a file; null where this browser cannot say. */
export function lengthOf(address) {
  return new Promise((resolve) => {
    const probe = new Audio();
    probe.preload = "metadata";
    probe.onloadedmetadata = () => resolve(Number.isFinite(probe.duration) ? probe.duration : null);
    probe.onerror = () => resolve(null);
    setTimeout(() => resolve(null), 3000);
    probe.src = address;
  });
}
