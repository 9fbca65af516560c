// What the service is asked and answers.

/** Why there is no result. code: the service's, or "unreachable", "unreadable". retryAfterS: where waiting may help. */
export class Refused extends Error {
  constructor(code, message, { retryAfterS = null, requestId = null } = {}) {
    super(message);
    this.code = code;
    this.retryAfterS = retryAfterS;
    this.requestId = requestId;
  }
}

/** Limits of a request and the service's model, null while it loads. */
export async function readiness() {
  try {
    return await (await fetch("readyz", { cache: "no-store" })).json();
  } catch {
    throw new Refused("unreachable", "The service does not answer.");
  }
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
  let body;
  try {
    body = JSON.parse(request.responseText);
  } catch {
    const message = `Something answered that is not the service (status ${request.status}).`;
    return { refused: new Refused("unreadable", message) };
  }
  if (request.status === 200) return { result: body };
  const given = body.error ?? { code: "unreadable", message: "The service gave no reason.", request_id: null };
  const seconds = Number(request.getResponseHeader("Retry-After"));
  const more = { retryAfterS: seconds > 0 ? seconds : null, requestId: given.request_id };
  return { refused: new Refused(given.code, given.message, more) };
}
