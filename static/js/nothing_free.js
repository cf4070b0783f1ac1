// Where no seat is free: how many are in checkouts, and when the next of them may come back, as it changes.
//
// The progress of the line tells it, which is public and costs the site next to nothing. A page that asks for it anyway
// says what it heard by an event ("frontrow:progress"); of others each place names the address, and they take turns.

import { stopwatch } from "./countdown.js";
import { isOnSale, takeTurns } from "./progress_turns.js";

const places = [...document.querySelectorAll(".nothing-free[data-progress]")];
const somethingFree = document.querySelector("[data-something-free]");

function sentence(place, held, returnsIn) {
  if (!held) return "";
  const said = (held === 1 ? place.dataset.one : place.dataset.many).replace("{n}", held.toLocaleString(document.documentElement.lang));
  return returnsIn === null ? said : `${said} ${place.dataset.returns.replace("{time}", stopwatch(returnsIn))}`;
}

// A page that shows the seats has a sentence for when some are free; of others the page is asked for anew.
function show(place, progress) {
  const { seats_left: left, hints } = progress;
  const isOver = !isOnSale(progress) || left > 0;
  if (place.dataset.progress && !somethingFree && isOver) {
    window.location.replace(window.location.pathname + window.location.search);
    return;
  }
  hide(place, isOver);
  if (!place.hidden) place.querySelector("[data-held]").textContent = sentence(place, hints.seats_held, hints.returns_in);
}

function hide(place, isHidden) {
  place.hidden = isHidden;
  if (somethingFree) somethingFree.hidden = !isHidden;
}

const ask = takeTurns(places, show);
document.addEventListener("frontrow:progress", ({ detail }) => {
  for (const place of document.querySelectorAll(".nothing-free:not([data-progress])")) show(place, detail);
});
// The map has seen the last seat go, or the first come back.
document.addEventListener("frontrow:seats-left", ({ detail: left }) => {
  const [place] = places;
  if (!place || place.hidden === left > 0) return;
  hide(place, left > 0);
  if (!left) ask();
});
