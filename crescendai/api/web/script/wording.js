// Numbers as people read them.

/** 75.4 -> "1:15". */
export function clock(seconds) {
  const whole = Math.floor(Math.max(seconds, 0));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** 75.4 -> "1 minute 15 seconds", for screen readers. */
export function spoken(seconds) {
  const whole = Math.floor(Math.max(seconds, 0));
  const minutes = Math.floor(whole / 60);
  const rest = `${whole % 60} ${whole % 60 === 1 ? "second" : "seconds"}`;
  return minutes ? `${minutes} ${minutes === 1 ? "minute" : "minutes"} ${rest}` : rest;
}

/** A limit: 1200 -> "20 min", 1 -> "1 s". */
export function duration(seconds) {
  return seconds >= 120 ? `${Math.floor(seconds / 60)} min` : `${Number(seconds.toPrecision(2))} s`;
}

/** 64000000 -> "64 MB". */
export function megabytes(bytes) {
  return `${Number((bytes / 1e6).toPrecision(2))} MB`;
}

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
export const rating = (value) => value.toFixed(2);
export const percent = (share) => `${Math.round(share * 100)} %`;
export const signed = (value) => value.toFixed(0).replace("-", "−");
