// What is known of the recording and of the model, and what should make one careful.

import { byId, element } from "./element.js";
import { clock, percent, signed } from "./wording.js";

export function showFacts(name, { processing: done, warnings }) {
  byId("results-title").textContent = name;
  byId("summary").textContent = `${clock(done.duration_s)}, rated by ${done.model.name} ${done.model.version}`;
  byId("warnings").replaceChildren(...warnings.map((of) =>
    element("p", { class: "warning", "data-code": of.code }, element("b", {}, "Be careful: "), of.message)));
  const facts = [
    ["Length", `${done.duration_s.toFixed(1)} s`],
    ["Format", done.sample_rate_hz && `${done.sample_rate_hz / 1000} kHz, ${channels(done.channels)}`],
    ["Peak", done.peak_dbfs !== null && `${done.peak_dbfs.toFixed(1).replace("-", "−")} dBFS`],
    ["Loudness", done.loudness_lufs !== null && `${signed(done.loudness_lufs)} LUFS`],
    ["Something sounds in", percent(done.sounding_share)],
    ["Piano strokes heard", done.strokes_per_s !== null && `${done.strokes_per_s.toFixed(1)} a second`],
    ["Sections", `${done.section_s} s each, every ${done.hop_s} s`],
    ["Model", `${done.model.name} ${done.model.version}`],
    ["Its weights (SHA-256)", done.model.sha256.slice(0, 16) + "…"],
    ["CrescendAI", done.crescendai_version],
    ["Computed in", `${done.processing_s.toFixed(1)} s`],
  ];
  byId("facts").replaceChildren(...facts.filter(([, value]) => value).map(([term, value]) =>
    element("div", {}, element("dt", {}, term), element("dd", {}, value))));
}

function channels(count) {
  return { 1: "mono", 2: "stereo" }[count] ?? `${count} channels`;
}
