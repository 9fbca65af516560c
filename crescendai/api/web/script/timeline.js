// How ratings change from section to section: a stave for each dimension that is chosen, and the same as a table.

import { byId, drawn, element } from "./element.js";
import { LOWEST } from "./scale.js";
import { changingMost, territories } from "./sections.js";
import { capital, clock, rating } from "./wording.js";

const AT_FIRST = 4;
const [WIDTH, HEIGHT] = [1000, 100];

export function showTimeline(result) {
  const { sections, processing } = result;
  const several = sections.length > 1;
  byId("timeline").hidden = !several;
  const { section_s: lengthS, hop_s: hopS } = processing;
  byId("timeline-note").textContent = several
    ? `Each section of ${lengthS} s is rated on its own, a new one every ${hopS} s. The dotted line is the whole `
      + "recording. A section is no more certain than the whole: trust the large movements."
    : `The recording is rated as one section; from ${lengthS + hopS / 2} s on there are several, and this shows how `
      + "they differ.";
  if (!several) return;
  showChooser(result);
  choose(result, changingMost(result, AT_FIRST));
}

function showChooser(result) {
  const groups = Map.groupBy(result.dimensions, (of) => of.group);
  byId("chosen").replaceChildren(...[...groups].map(([group, members]) =>
    element("fieldset", {},
      element("legend", {}, capital(group)),
      ...members.map((of) =>
        element("label", {}, element("input", { type: "checkbox", value: of.name }),
          `${of.low_pole} – ${of.high_pole}`)),
    )));
  byId("chosen").onchange = () => draw(result);
  byId("choose-changing").onclick = () => choose(result, changingMost(result, AT_FIRST));
  byId("choose-all").onclick = () => choose(result, result.dimensions.map((of) => of.name));
  byId("choose-none").onclick = () => choose(result, []);
}

function choose(result, names) {
  for (const box of byId("chosen").querySelectorAll("input")) box.checked = names.includes(box.value);
  draw(result);
}

function draw(result) {
  const names = [...byId("chosen").querySelectorAll(":checked")].map((box) => box.value);
  const chosen = result.dimensions.filter((of) => names.includes(of.name));
  byId("chosen-count").textContent = `(${chosen.length} of ${result.dimensions.length})`;
  byId("staves").replaceChildren(...chosen.map((of) => stave(of, result)));
  byId("sections").replaceChildren(table(chosen, result.sections));
}

function stave(of, { sections, processing }) {
  return element("div", { class: "stave", "data-name": of.name },
    element("p", { class: "stave-poles" }, element("b", {}, of.high_pole), element("span", {}, of.low_pole)),
    element("div", { class: "course" }, course(of, sections, processing.duration_s)));
}

function course(of, sections, durationS) {
  const x = (seconds) => ((seconds / durationS) * WIDTH).toFixed(1);
  const y = (value) => ((1 - value) * HEIGHT).toFixed(1);
  const overall = drawn("line", { x1: 0, x2: WIDTH, y1: y(of.rating), y2: y(of.rating) });
  const silent = [];
  const lines = [[]];
  territories(sections, durationS).forEach(([from, to], k) => {
    const { ratings, start_s: start, end_s: end } = sections[k];
    if (ratings === null) {
      silent.push(drawn("rect", { x: x(from), y: 0, width: x(to - from), height: HEIGHT }));
      lines.push([]);
      return;
    }
    const level = y(ratings[of.name]);
    const line = lines.at(-1);
    if (line.length === 0) line.push(`${x(from)},${level}`);
    line.push(`${x((start + end) / 2)},${level}`);
    if (k === sections.length - 1 || sections[k + 1].ratings === null) line.push(`${x(to)},${level}`);
  });
  const courses = lines.filter((line) => line.length).map((line) => drawn("polyline", { points: line.join(" ") }));
  return drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...silent, overall, ...courses);
}

function table(chosen, sections) {
  const heading = (of) => element("th", { scope: "col" }, `${of.low_pole} (${rating(LOWEST)}) – ${of.high_pole} (1)`);
  const line = (section) => element("tr", {},
    element("th", { scope: "row" }, `${clock(Math.round(section.start_s))} – ${clock(Math.round(section.end_s))}`),
    ...chosen.map((of) => element("td", {}, section.ratings ? rating(section.ratings[of.name]) : "hardly a sound")));
  return element("table", {},
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Section"), ...chosen.map(heading))),
    element("tbody", {}, ...sections.map(line)));
}
