// The ratings as marks between their poles, with their intervals, by aspect of playing.

import { byId, drawn, element } from "./element.js";
import { LOWEST, NEUTRAL } from "./scale.js";
import { capital, percent, rating } from "./wording.js";

const across = (share) => `${100 * share}%`;

/** Shows all ratings of a result. */
export function showRatings({ dimensions, coverage }) {
  byId("key").replaceChildren(...key(coverage));
  const groups = Map.groupBy(dimensions, (of) => of.group);
  byId("groups").replaceChildren(...[...groups].map(([group, members]) =>
    element("div", { class: "group" },
      element("h4", {}, capital(group)),
      element("ul", {}, ...members.map(row)),
    )));
}

/** Moves the marks of what is rated at the cursor; null: nothing is. */
export function showNow(ratings) {
  for (const line of byId("groups").querySelectorAll(".now")) {
    const value = ratings?.[line.dataset.name];
    line.toggleAttribute("hidden", value === undefined);
    if (value === undefined) continue;
    line.setAttribute("x1", across(value));
    line.setAttribute("x2", across(value));
  }
}

function row(of) {
  const interval = of.lower === null ? "" : `${rating(of.lower)}–${rating(of.upper)}`;
  const said = `From ${of.low_pole} (${rating(LOWEST)}) to ${of.high_pole} (1): ${rating(of.rating)}`
    + (interval ? `, interval ${rating(of.lower)} to ${rating(of.upper)}.` : ".");
  return element("li", { "data-name": of.name },
    element("span", { class: "hidden" }, said),
    element("div", { class: "rating", "aria-hidden": "true" },
      element("span", { class: "low" }, of.low_pole),
      scale(of),
      element("span", { class: "high" }, of.high_pole),
      element("span", { class: "numbers" }, element("b", {}, rating(of.rating)), element("small", {}, interval)),
    ));
}

function scale(of) {
  const line = (kind, from, to, top, bottom, extra = {}) =>
    drawn("line", { class: kind, x1: across(from), x2: across(to), y1: top, y2: bottom, ...extra });
  return drawn("svg", { class: "scale" },
    line("track", 0, 1, "50%", "50%"),
    ...(of.lower === null ? [] : [line("interval", of.lower, of.upper, "50%", "50%")]),
    line("neutral", NEUTRAL, NEUTRAL, "20%", "80%"), // over the band, which mostly holds it
    drawn("circle", { class: "mark", cx: across(of.rating), cy: "50%", r: "6.5" }),
    line("now", of.rating, of.rating, "8%", "92%", { "data-name": of.name, hidden: true }),
  );
}

function key(coverage) {
  const sample = (...parts) => drawn("svg", { class: "scale", "aria-hidden": "true" }, ...parts);
  const mark = drawn("circle", { class: "mark", cx: "50%", cy: "50%", r: "6" });
  const band = drawn("line", { class: "interval", x1: "0", x2: "100%", y1: "50%", y2: "50%" });
  const now = drawn("line", { class: "now", x1: "50%", x2: "50%", y1: "0", y2: "100%" });
  const track = drawn("line", { class: "track", x1: "0", x2: "100%", y1: "50%", y2: "50%" });
  const neutral = drawn("line", { class: "neutral", x1: "50%", x2: "50%", y1: "10%", y2: "90%" });
  return [
    element("span", {}, sample(mark), "the whole recording"),
    coverage === null
      ? element("span", {}, "this model brings no intervals")
      : element("span", {}, sample(band), `interval: holds the listeners’ mean in ${percent(coverage)} of cases`),
    element("span", {}, sample(track, neutral), "the neutral answer, 4 on PercePiano’s seven steps"),
    element("span", { class: "at-cursor" }, sample(now), "the section at the cursor"),
  ];
}
