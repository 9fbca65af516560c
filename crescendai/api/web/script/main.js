// CrescendAI's page: from a recording to its ratings.

import { byId } from "./element.js";
import { EXAMPLE_NAME, exampleRecording } from "./example.js";
import { clearFailure, showFailure } from "./failure-panel.js";
import { takeFiles } from "./intake.js";
import { canRecord, longestTake, record } from "./microphone.js";
import { hideResults, showResults } from "./results.js";
import { analyze, readiness, Refused } from "./service.js";
import { decode, lengthOf } from "./sound.js";
import { announce, showProgress, showStage } from "./stages.js";
import { duration, megabytes, percent } from "./wording.js";

const MOST_RETRIES = 5; // by itself; then only when asked
let limits = null;
let key = "";
let working = null; // what ends the work under way: of a rating, or of a take
let address = null; // of the recording whose results are shown

/** Ends what is under way; returns the signal that ends what begins now. Whoever ends it shows what comes next. */
function begin() {
  working?.abort();
  working = new AbortController();
  clearFailure();
  return working.signal;
}

/** Has a recording rated and shows what comes of it. */
async function rate(recording, name, tries = 0) {
  const signal = begin();
  hideResults();
  URL.revokeObjectURL(address);
  const own = (address = URL.createObjectURL(recording));
  showProgress("Reading", name, null);
  showStage("working");
  try {
    await checkLimits(recording, own);
    if (signal.aborted) return;
    const onSent = (share) => (share < 1
      ? showProgress("Sending", `${percent(share)} of ${megabytes(recording.size)}`, share)
      : showProgress("Listening", "The service is rating what it hears.", null));
    onSent(0);
    const asked = analyze(recording, { onSent, signal, key });
    const [result, samples] = await Promise.all([asked, decode(recording)]);
    if (signal.aborted) return;
    showStage("offer");
    showResults(name, result, own, samples);
    announce(`The ratings of ${name} are here.`);
  } catch (error) {
    if (signal.aborted) return;
    hideResults(); // of which a part may stand
    showStage("offer");
    explain(error, {
      automatic: error.retryAfterS > 0 && tries < MOST_RETRIES,
      keySent: key !== "",
      again: (given) => {
        if (given !== undefined) key = given;
        rate(recording, name, given === undefined ? tries + 1 : 0);
      },
    });
  }
}

/** Says why there is no result. What nobody expected goes on to the console. */
function explain(error, offered) {
  const expected = error instanceof Refused;
  showFailure(expected ? error : new Refused("page_failed", `The browser says: ${error}.`), offered);
  if (!expected) throw error;
}

/** What is sure to be refused is not sent. */
async function checkLimits(recording, own) {
  if (recording.size === 0) throw new Refused("empty", "The file has no bytes.");
  await learnLimits();
  if (limits === null) return; // the service will say
  if (recording.size > limits.max_body_bytes) {
    const [found, most] = [recording.size, limits.max_body_bytes].map(megabytes);
    throw new Refused("body_too_large", `It has ${found}; the service takes at most ${most}.`);
  }
  const lengthS = await lengthOf(own);
  if (lengthS !== null && lengthS > limits.max_duration_s) {
    const [found, most] = [lengthS, limits.max_duration_s].map(duration);
    throw new Refused("too_long", `It lasts ${found}; the service takes at most ${most}.`);
  }
}

async function learnLimits() {
  if (limits !== null) return;
  try {
    const found = await readiness();
    limits = found.limits;
    const { min_duration_s: least, max_duration_s: most, max_body_bytes: bytes } = limits;
    const lengths = `${duration(least)} to ${duration(most)}`;
    byId("limits").textContent = `WAV, FLAC, MP3 or OGG, ${lengths}, up to ${megabytes(bytes)}.`;
    if (found.model) byId("version").textContent = `Model: ${found.model.name} ${found.model.version}`;
  } catch (error) {
    if (!(error instanceof Refused)) throw error; // it is said when a recording is sent
  }
}

/** Records from the microphone and has that rated. */
async function rateTake() {
  const signal = begin();
  showProgress("Opening the microphone", "Your browser may ask whether this page is allowed to.", null);
  showStage("working"); // while the browser asks, the offer's buttons would begin something else
  try {
    await learnLimits();
    if (signal.aborted) return;
    const longestS = limits === null ? 600 : longestTake(limits);
    const take = await record(longestS, { signal, started: () => showStage("taking") });
    if (signal.aborted) return;
    rate(take, `Recorded at ${new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`);
  } catch (error) {
    if (signal.aborted) return;
    showStage("offer");
    explain(error, { again: rateTake });
  }
}

function endBy(id, said) {
  byId(id).addEventListener("click", () => {
    working?.abort();
    showStage("offer");
    announce(said);
  });
}

takeFiles((file) => rate(file, file.name));
byId("example").addEventListener("click", () => rate(exampleRecording(), EXAMPLE_NAME));
byId("record").addEventListener("click", rateTake);
byId("record").disabled = !canRecord();
byId("record-note").hidden = canRecord();
byId("record-note").textContent = "Recording needs a page that was loaded over https or from this machine.";
endBy("cancel", "Cancelled.");
endBy("discard", "Discarded.");
learnLimits();
