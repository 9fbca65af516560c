// The three faces of the place where a recording comes in: an offer, a recording being taken, work under way.

import { byId } from "./element.js";

/** name: "offer", "taking" or "working". The focus goes along, unless it is elsewhere. */
export function showStage(name) {
  const within = byId("drop").contains(document.activeElement) || document.activeElement === document.body
    || byId("failure").contains(document.activeElement);
  for (const id of ["offer", "taking", "working"]) byId(id).hidden = id !== name;
  byId("wedge").hidden = name !== "working";
  if (!within) return;
  const focus = { offer: "choose", taking: "finish", working: "cancel" }[name];
  byId(focus).focus({ preventScroll: true });
}

/** title: what is done. share: how much of it, or null when nobody knows. */
export function showProgress(title, note, share) {
  if (byId("working-title").textContent !== title) announce(title);
  byId("working-title").textContent = title;
  byId("working-note").textContent = note;
  const wedge = byId("wedge");
  wedge.classList.toggle("waiting", share === null);
  wedge.firstElementChild.style.transform = share === null ? "" : `scaleX(${share})`;
  if (share === null) byId("progress").removeAttribute("value");
  else byId("progress").value = share;
}

/** Has a screen reader say something, once. */
export function announce(text) {
  byId("announcer").textContent = text;
}
