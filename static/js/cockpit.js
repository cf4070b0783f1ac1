// The pages where staff watch sales: asks for the figures every two seconds and writes them where they belong, uses
// controls without leaving the page, and says how old the figures are when none come.
//
// Every word and every number is the server's. A pass spares it a look at session and account at each request; once it
// is about to end, the session is shown and brings another.

import { OccupancyMap } from "./cockpit_hall.js";

const POLL_SECONDS = 2;
const SLOWEST_SECONDS = 10;
const PASS_SECONDS = 22;
// Older than this, the figures say so themselves.
const OLD_SECONDS = 7;
const IMPATIENT_MS = 8000;

const root = document.getElementById("cockpit");
const start = document.getElementById("cockpit-start");
const said = document.getElementById("cockpit-said");
const stale = root.querySelector("[data-stale]");
const health = root.querySelector("[data-health]");
const halls = [...root.querySelectorAll("[data-hall]")].map((canvas) => new OccupancyMap(canvas));

let pass = start.dataset.pass;
let passUntil = performance.now() + 1000 * PASS_SECONDS;
let countedAt = performance.now();
let failures = 0;
let timer = 0;
let isAsking = false;

// --- The figures -----------------------------------------------------------------------------------

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fillBars(holder, bars) {
  for (const bar of holder.querySelectorAll("[data-bar]")) bar.setAttribute("width", bars[Number(bar.dataset.bar)]);
}

function fillSale(sale) {
  const place = root.matches(`[data-sale="${sale.id}"]`) ? root : root.querySelector(`[data-sale="${sale.id}"]`);
  if (!place) return;
  place.dataset.state = sale.state;
  for (const each of place.querySelectorAll("[data-text]")) write(each, sale.texts[each.dataset.text] ?? "");
  for (const each of place.querySelectorAll("[data-line]")) each.setAttribute("points", sale.lines[each.dataset.line] ?? "");
  for (const each of place.querySelectorAll("[data-bars]")) if (!each.closest("[data-category]")) fillBars(each, sale.bars);
  for (const row of place.querySelectorAll("[data-category]")) {
    const found = sale.categories.find(({ name, price }) => `${name}|${price}` === row.dataset.category);
    if (!found) continue;
    for (const part of row.querySelectorAll("[data-part]")) write(part, found[part.dataset.part]);
    fillBars(row, found.bars);
  }
  fillControls(place, sale);
}

// What a panel shows when it is opened is what its control goes by: an open one keeps what it was opened with.
function fillControls(place, sale) {
  const isThere = { running: !sale.is_paused, paused: sale.is_paused, can_close: sale.can_close };
  for (const each of place.querySelectorAll("[data-when]")) each.hidden = !isThere[each.dataset.when];
  for (const each of place.querySelectorAll("details:not([open]) [data-seen]")) each.value = sale[each.dataset.seen];
  for (const each of place.querySelectorAll("details:not([open]) [data-shown]")) each.value = sale[each.dataset.shown];
}

function fill(answer) {
  for (const sale of answer.sales) fillSale(sale);
  if (answer.health) {
    write(health, answer.health.text);
    health.classList.toggle("cockpit-bad", answer.health.is_bad);
  }
  if (answer.sales.length) countedAt = performance.now() - 1000 * Math.max(...answer.sales.map(({ age }) => age));
  else countedAt = performance.now();
  for (const hall of halls) hall.refresh();
}

async function ask() {
  const hasPass = pass && performance.now() < passUntil;
  const answer = await fetch(start.dataset.address, {
    cache: "no-store",
    credentials: hasPass ? "omit" : "same-origin",
    headers: hasPass ? { "X-Figures-Pass": pass } : {},
    signal: AbortSignal.timeout(IMPATIENT_MS),
  });
  if (answer.status === 403 && !hasPass) {
    // Logged out, or no longer allowed: the page itself knows what to say.
    window.location.reload();
    return;
  }
  if (!answer.ok) {
    pass = "";
    throw new Error(`figures: ${answer.status}`);
  }
  const found = await answer.json();
  if (found.pass) {
    pass = found.pass;
    passUntil = performance.now() + 1000 * PASS_SECONDS;
  }
  fill(found);
}

async function poll() {
  window.clearTimeout(timer);
  if (document.hidden || isAsking) return;
  isAsking = true;
  try {
    await ask();
    failures = 0;
  } catch {
    failures += 1;
  }
  isAsking = false;
  tell();
  const seconds = failures ? Math.min(SLOWEST_SECONDS, POLL_SECONDS * failures) : POLL_SECONDS;
  window.clearTimeout(timer);
  timer = window.setTimeout(poll, 1000 * seconds);
}

// How old they are, each second, where they should be younger.
function tell() {
  const seconds = Math.round((performance.now() - countedAt) / 1000);
  const isOld = seconds > OLD_SECONDS;
  root.classList.toggle("cockpit-old", isOld);
  stale.hidden = !isOld;
  if (isOld) write(stale, start.dataset.staleText.replace("{seconds}", seconds));
}

document.addEventListener("visibilitychange", poll);
window.addEventListener("online", poll);
window.setInterval(tell, 1000);

// --- Controls ----------------------------------------------------------------------------------------

function say(text, isRefused) {
  said.textContent = text;
  said.classList.toggle("cockpit-bad", isRefused);
}

async function apply(form, button) {
  const body = new FormData(form);
  if (button?.name === "take_away") body.set("message", "");
  const buttons = form.querySelectorAll("button");
  for (const each of buttons) each.disabled = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST", body, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(IMPATIENT_MS),
    });
    if (!answer.ok || !answer.headers.get("Content-Type").includes("json")) throw new Error(`control: ${answer.status}`);
    const found = await answer.json();
    const panel = form.closest("details");
    if (panel) panel.open = false;
    fill(found);
    // Refused since somebody was quicker: the panel stays, with what is there now.
    if (panel && found.is_refused) panel.open = true;
    say(found.said, found.is_refused);
  } catch {
    say(start.dataset.failedText, true);
  }
  for (const each of buttons) each.disabled = false;
}

for (const form of root.querySelectorAll("form[data-control]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply(form, event.submitter);
  });
}

// Escape closes an open panel.
root.addEventListener("keydown", (event) => {
  const panel = event.target.closest("details[open]");
  if (event.key !== "Escape" || !panel) return;
  panel.open = false;
  panel.querySelector("summary").focus();
});

timer = window.setTimeout(poll, 1000 * POLL_SECONDS);
