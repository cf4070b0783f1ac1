// The bar of what is held: its clock, and what happened to the seats while this tab was away.
//
// Paid, given up or extended in another tab: whoever comes back to this one sees the bar as it is now.

import { startCountdowns } from "./countdown.js";

const AWAY_MS = 3000;
const LOGGED_OUT = 401;
let leftAt = Date.now();

function show(html) {
  const bar = document.getElementById("hold-bar");
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("hold-bar");
  if (!bar) return;
  if (fresh) {
    bar.replaceWith(fresh);
    startCountdowns(fresh);
  } else {
    bar.remove();
    document.body.classList.remove("has-hold");
  }
}

async function refresh() {
  const bar = document.getElementById("hold-bar");
  if (!bar) return;
  try {
    const answer = await fetch(bar.dataset.bar, { headers: { Accept: "text/html" } });
    if (answer.ok) show(await answer.text());
    if (answer.status === LOGGED_OUT) bar.querySelector(".hold-what").textContent = bar.dataset.loggedOut;
  } catch {
    // Out of reach for a moment: the clock goes on.
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) leftAt = Date.now();
  else if (Date.now() - leftAt > AWAY_MS) refresh();
});
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted) refresh();
});
startCountdowns();
