// The waiting page moves by itself. It looks at the public progress of the line, which is the same for everybody and
// costs the site next to nothing, and fills in the numbers; only when something else has changed it asks for the
// fan's own place. Every tab does so for itself.
//
// When the turn comes, every tab goes on to the seats: whichever is looked at next has them. A lost connection is
// said, and tried again ever more slowly; the place doesn't depend on it.

import "./countdown.js";
import { BackgroundTimer } from "./background_timer.js";
import { saveSeedHash } from "./seed_hash.js";
import { exchange, fillIn, line, say, showDrawing, shown, startCopying } from "./waiting_place.js";
import { fits, isDue, longestBetweenPlaces, numbersFor, paceOf, spreadOf } from "./waiting_progress.js";
import { showSwitch, soundSoon, soundTurn, startSound, TURN_SECONDS } from "./waiting_sound.js";

const PATIENCE_SECONDS = 10;
const SLOWEST_SECONDS = 30;
const AWAY_SECONDS = 30;
const SERVER_ERRORS = 500;
const WORTH_ANOTHER_TRY = new Set([408, 425, 429]);

const lost = document.getElementById("lost");
const path = window.location.pathname;
const timer = new BackgroundTimer(() => ask());

// The last answer, and when the place was last drawn by the server.
let answer = null;
let placedAt = Date.now();
// Whether the place is to be asked for whatever the progress says.
let wantsPlace = false;
let failures = 0;
let isAsking = false;

class Refused extends Error {
  constructor(response) {
    super(`${response.url}: ${response.status}`);
    this.isFinal = response.status >= 400 && response.status < SERVER_ERRORS && !WORTH_ANOTHER_TRY.has(response.status);
    this.retryAfter = Number(response.headers.get("Retry-After")) || 0;
  }
}

function reload() {
  window.location.replace(path + window.location.search);
}

// --- Asking --------------------------------------------------------------------------------------

function askIn(pause) {
  if (pause !== null && shown()) timer.set(pause);
}

async function ask() {
  if (!shown() || isAsking) return;
  isAsking = true;
  timer.clear();
  let pause = null;
  try {
    pause = await pollProgress();
    found();
  } catch (error) {
    pause = lose(error);
  } finally {
    isAsking = false;
  }
  askIn(pause);
}

// One poll of the line, and at the place if need be; seconds until the next.
async function pollProgress() {
  const { progress } = shown();
  const response = await fetch(progress, { credentials: "omit", signal: AbortSignal.timeout(1000 * PATIENCE_SECONDS) });
  // A concert that was taken down has no progress any more. Its page says so.
  const seen = response.status === 404 ? null : await bodyOf(response).json();
  seeProgress(seen);
  const facts = shown();
  if (!answer || wantsPlace || isStale() || isDue(facts) || !fits(facts, answer)) {
    const spread = wantsPlace ? 0 : spreadOf(facts, answer);
    wantsPlace = true;
    if (spread) return Math.random() * spread;
    await askForThePlace();
  }
  return shown() && paceOf(shown(), answer);
}

function isStale() {
  return Date.now() - placedAt > 1000 * longestBetweenPlaces(paceOf(shown(), answer));
}

function bodyOf(response) {
  if (!response.ok) throw new Refused(response);
  return response;
}

async function askForThePlace() {
  const response = bodyOf(
    await fetch(shown().place, { headers: { "X-Part": "place" }, signal: AbortSignal.timeout(1000 * PATIENCE_SECONDS) }),
  );
  if (new URL(response.url).pathname !== path) {
    // Another page has answered: the login, because the visit to the site is over.
    reload();
    return;
  }
  wantsPlace = false;
  const seats = response.headers.get("X-Go-To");
  if (seats) await goOn(seats);
  else seePlace(await response.text());
}

function found() {
  if (failures > 1) seeConnection(true);
  failures = 0;
}

// How long to wait after a failure.
function lose(error) {
  if (error.isFinal) {
    reload();
    return null;
  }
  if (!shown()) return null;
  failures += 1;
  if (failures > 1) seeConnection(false);
  const pace = Math.min(SLOWEST_SECONDS, paceOf(shown(), answer) * 2 ** failures);
  return Math.max(pace, error.retryAfter ?? 0) * (1 + Math.random() / 5);
}

// --- Showing -------------------------------------------------------------------------------------

function seeProgress(seen) {
  answer = seen;
  if (!seen) return;
  document.dispatchEvent(new CustomEvent("frontrow:progress", { detail: seen }));
  if (seen.state === "DRAWING" && shown().same.state === "LOBBY") showDrawing();
  // Sentences that no longer fit come anew with the place; meanwhile the numbers in them stay.
  if (fits(shown(), seen)) fillIn(numbersFor(shown(), seen));
}

function seePlace(html) {
  placedAt = Date.now();
  const before = shown();
  exchange(html);
  const after = shown();
  if (after?.isNear && before && !before.isNear) soundSoon();
  showSwitch(Boolean(after));
}

function seeConnection(isThere) {
  lost.hidden = isThere;
  lost.textContent = isThere ? "" : lost.dataset.text;
}

// The turn has come. Should the seats not answer, the next look leads there again.
async function goOn(seats) {
  document.title = `${line().dataset.turn} · Frontrow`;
  say(line().dataset.turn);
  // A page that is left falls silent.
  if (soundTurn()) await new Promise((resolve) => window.setTimeout(resolve, 1000 * TURN_SECONDS));
  window.location.replace(seats);
}

// --- Coming and going ----------------------------------------------------------------------------

// After a while away, much may have happened that the progress of the line doesn't tell: the fan has left in another
// browser, or the visit to the site is over.
function comeBack() {
  wantsPlace ||= Date.now() - placedAt > 1000 * AWAY_SECONDS;
  ask();
}

window.addEventListener("online", comeBack);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) comeBack();
});
window.addEventListener("pagehide", () => timer.clear());
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted) comeBack();
});

startSound();
startCopying();
saveSeedHash(document.querySelector("main"));
showSwitch(Boolean(shown()));
askIn(shown() && paceOf(shown(), answer));
