// The result as a file, and on paper.

import { byId, element } from "./element.js";

/** name: of the recording; the file is named after it. */
export function offerSaving(name, result) {
  byId("download").onclick = () => {
    const address = URL.createObjectURL(new Blob([JSON.stringify(result, null, 2)], { type: "application/json" }));
    const stem = name.replace(/\.[^.]{1,5}$/, "").replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 60);
    element("a", { href: address, download: `${stem || "recording"}.crescendai.json` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  };
  byId("print").onclick = () => window.print();
}
