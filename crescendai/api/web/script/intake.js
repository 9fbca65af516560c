// Recordings as files: chosen, dropped anywhere on the page, or pasted.

import { byId } from "./element.js";

/** take: called with a File. */
export function takeFiles(take) {
  const input = byId("file");
  byId("choose").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files[0]);
    input.value = ""; // the same file can be chosen again
  });
  let depth = 0; // of elements that the pointer has entered
  addEventListener("dragenter", (event) => mark(event, (depth += 1)));
  addEventListener("dragleave", (event) => mark(event, (depth -= 1)));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    mark(event, (depth = 0));
    if (event.dataTransfer?.files.length) take(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) take(event.clipboardData.files[0]);
  });
}

function mark(event, depth) {
  event.preventDefault();
  byId("drop").classList.toggle("over", depth > 0);
}
