// What the service is asked and answers.

/** Why there is no result. code: the service's, or one of the page's own. retryAfterS: where waiting may help. */
export class Refused extends Error {
  constructor(code, message, { retryAfterS = null, requestId = null } = {}) {
    super(message);
    this.code = code;
    this.retryAfterS = retryAfterS;
    this.requestId = requestId;
  }
}

/** Limits of a request and the service's model, null while it loads. Rejects with Refused. */
export async function readiness() {
  let answer;
  try {
    answer = await fetch("readyz", { cache: "no-store" });
  } catch {
    throw new Refused("unreachable", "The service does not answer.");
  }
  const found = parsed(await answer.text().catch(() => ""));
  const limits = ["max_body_bytes", "max_duration_s", "min_duration_s"].map((name) => found?.limits?.[name]);
  const known = limits.every((limit) => typeof limit === "number");
  if (![200, 503].includes(answer.status) || !known) throw stranger(answer.status);
  return found;
}

/**
 * Has a recording rated.
 *
 * onSent: told the share of the bytes that are sent, up to 1. signal: ends it. key: where the service asks for one.
 * Rejects with Refused, or with an AbortError. XMLHttpRequest and not fetch, which cannot say how far an upload is.
 */
export function analyze(recording, { onSent, signal, key }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "v1/analyze");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    if (key) request.setRequestHeader("Authorization", `Bearer ${key}`);
    request.upload.onprogress = (event) => event.lengthComputable && onSent(event.loaded / event.total);
    request.upload.onload = () => onSent(1);
    request.onload = () => {
      const { result, refused } = read(request);
      if (refused) reject(refused);
      else resolve(result);
    };
    request.onerror = () => reject(new Refused("unreachable", "The service does not answer, or the connection broke."));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    if (signal.aborted) request.onabort();
    else request.send(recording);
  });
}

function read(request) {
  const body = parsed(request.responseText);
  if (request.status === 200 && body?.dimensions) return { result: body };
  const given = body?.error;
  if (typeof given?.code !== "string" || typeof given.message !== "string") {
    return { refused: stranger(request.status) };
  }
  const seconds = Number(request.getResponseHeader("Retry-After"));
  const more = { retryAfterS: seconds > 0 ? seconds : null, requestId: given.request_id };
  return { refused: new Refused(given.code, given.message, more) };
}

/** What a text says as JSON; undefined where it is none. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A proxy between the page and the service, say: it may answer in JSON as well. */
function stranger(status) {
  return new Refused("unreadable", `Something answered that is not the service (status ${status}).`);
}
