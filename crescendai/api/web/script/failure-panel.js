// Says why there is no result, and offers what helps: to try again, at once or after a while, or a key.

import { byId, element } from "./element.js";
import { failure, TRY_AGAIN } from "./failures.js";
import { capital } from "./wording.js";

let ticking = null;

export function clearFailure() {
  clearInterval(ticking);
  byId("failure").replaceChildren();
}

/** again: called with a key or nothing to try once more. automatic: counts down and then does so by itself. */
export function showFailure(refused, { again, automatic }) {
  clearFailure();
  const [title, advice] = failure(refused.code);
  const parts = [
    element("h3", {}, title),
    element("p", { class: "said" }, sentence(refused.message)),
    element("p", { class: "said" }, advice),
  ];
  if (refused.code === "unauthorized") parts.push(keyForm(again));
  else if (TRY_AGAIN.has(refused.code)) parts.push(...retrying(refused.retryAfterS, again, automatic));
  if (refused.requestId) parts.push(element("small", {}, `Number of the request: ${refused.requestId}`));
  byId("failure").append(...parts);
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
  const input = element("input", { type: "password", autocomplete: "off", required: true });
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
