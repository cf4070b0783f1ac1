// The programme: whether a sale that goes on has a seat to be had now, as it changes.

import { isOnSale, takeTurns } from "./progress_turns.js";

function severityOf(progress) {
  if (progress.state === "SOLD_OUT") return "bad";
  // A sale that is closed or not open yet is told by the next page.
  if (!isOnSale(progress)) return null;
  return progress.seats_left > 0 ? "good" : "warn";
}

function show(badge, progress) {
  const severity = severityOf(progress);
  if (!severity || badge.classList.contains(severity)) return;
  badge.className = `badge ${severity}`;
  badge.textContent = badge.dataset[severity];
}

takeTurns([...document.querySelectorAll("[data-progress]")], show);
