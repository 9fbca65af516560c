// Says why there is no result, and offers what helps: to try again, at once or after a while, or a key.

import { byId, element } from "./element.js";
import { failure, TRY_AGAIN } from "./failures.js";
import { capital } from "./wording.js";

const LATIN_1 = "[\\u0020-\\u00ff]+"; // what a header can carry
let ticking = null;

export function clearFailure() {
  clearInterval(ticking);
  byId("failure").replaceChildren();
}

/**
 * again: called with a key or nothing to try once more. automatic: counts down and then does so by itself.
 * keySent: a key was given before.
 */
export function showFailure(refused, { again, automatic = false, keySent = false }) {
  clearFailure();
  const keyWanted = refused.code === "unauthorized";
  const [title, advice] = failure(keyWanted && keySent ? "key_not_accepted" : refused.code);
  const parts = [
    element("h3", {}, title),
    element("p", { class: "said" }, sentence(refused.message)),
    element("p", { class: "said" }, advice),
  ];
  if (keyWanted) parts.push(keyForm(again));
  else if (TRY_AGAIN.has(refused.code)) parts.push(...retrying(refused.retryAfterS, again, automatic));
  if (refused.requestId) parts.push(element("small", {}, `Number of the request: ${refused.requestId}`));
  byId("failure").append(...parts);
  if (keyWanted && keySent) byId("failure").querySelector("input").focus(); // where the last one was typed
}

function retrying(retryAfterS, again, automatic) {
  const now = element("button", { type: "button", class: "main" }, automatic ? "Try now" : "Try again");
  now.addEventListener("click", () => again());
  if (!automatic) return [element("div", { class: "choices" }, now)];
  let left = retryAfterS;
  // Read out once and not every second.
  const seconds = element("span", { "aria-hidden": "true" }, `${left} s`);
  const said = element("span", { class: "hidden" }, `${left} seconds`);
  const text = element("p", { class: "said" }, "Trying again in ", seconds, said, ".");
  const stop = element("button", { type: "button" }, "Stop waiting");
  ticking = setInterval(() => {
    left -= 1;
    seconds.textContent = `${left} s`;
    if (left <= 0) again();
  }, 1000);
  stop.addEventListener("click", () => {
    clearInterval(ticking);
    text.remove();
    stop.remove();
    now.textContent = "Try again";
    now.focus();
  });
  return [text, element("div", { class: "choices" }, now, stop)];
}

function keyForm(again) {
  const input = element("input", {
    type: "password", autocomplete: "off", required: true,
    pattern: LATIN_1, title: "Without curly quotes, dashes and other signs beyond Latin-1",
  });
  const form = element(
    "form",
    { class: "choices" },
    element("label", {}, "Key", input),
    element("button", { type: "submit", class: "main" }, "Send with this key"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    again(input.value);
  });
  return form;
}

/** "upload: expected …, found ….": which upload is clear here. */
function sentence(message) {
  return capital(message.replace(/^(upload|recording|service): /, ""));
}
