// The waiting page moves by itself. It looks at the public progress of the line, which is the same for everybody and
// costs the site next to nothing, and fills in the numbers; only when something else has changed it asks for the
// fan's own place. One tab of a browser does that for all (waiting_tabs.js).
//
// When the turn comes, every tab goes on to the seats: whichever is looked at next has them. A lost connection is
// said, and tried again ever more slowly; the place doesn't depend on it.

import "./countdown.js";
import { drawn, exchange, fillIn, line, say, showDrawing, shown, startCopying } from "./waiting_place.js";
import { isDue, isSame, longestBetweenPlaces, numbersFor, paceOf, shapeFor, spreadOf } from "./waiting_shape.js";
import { showSwitch, soundSoon, soundTurn, startSound, TURN_SECONDS } from "./waiting_sound.js";
import { Tabs } from "./waiting_tabs.js";
import { Alarm } from "./waking.js";

const PATIENCE_SECONDS = 10;
const SLOWEST_SECONDS = 30;
const AWAY_SECONDS = 30;
const SERVER_ERRORS = 500;
const WORTH_ANOTHER_TRY = new Set([408, 425, 429]);

const lost = document.getElementById("lost");
const path = window.location.pathname;
const alarm = new Alarm(() => ask());
const tabs = new Tabs(`waiting ${path}`, { onLead: begin, onWord: hear });

// The last answer, and when the place was last drawn by the server.
let answer = null;
let placedAt = Date.now();
// Whether the place is to be asked for whatever the progress says, and whether somebody has just come back.
let wantsPlace = false;
let isBack = false;
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

function begin() {
  if (isBack) ask();
  else askIn(shown() && paceOf(shown(), answer));
}

function askIn(pause) {
  if (pause !== null && shown()) alarm.set(tabs.hasLocks ? pause : 2 * pause);
}

async function ask() {
  if (!shown() || !tabs.leads || isAsking) return;
  isAsking = true;
  isBack = false;
  alarm.clear();
  let pause = null;
  try {
    pause = await look();
    found();
  } catch (error) {
    pause = lose(error);
  } finally {
    isAsking = false;
  }
  askIn(pause);
}

// One look at the line, and at the place if need be; seconds until the next.
async function look() {
  const { progress } = shown();
  const response = await fetch(progress, { credentials: "omit", signal: AbortSignal.timeout(1000 * PATIENCE_SECONDS) });
  // A concert that was taken down has no progress any more. Its page says so.
  const seen = response.status === 404 ? null : await bodyOf(response).json();
  share({ kind: "progress", answer: seen });
  const facts = shown();
  // Another tab may have told meanwhile that there is nothing to wait for.
  if (!facts) return null;
  if (!answer || wantsPlace || isStale() || isDue(facts, answer) || !isSame(facts.shape, shapeFor(facts, answer))) {
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
  else share({ kind: "place", html: await response.text() });
}

function found() {
  if (failures > 1) share({ kind: "found" });
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
  if (failures > 1) share({ kind: "lost" });
  const pace = Math.min(SLOWEST_SECONDS, paceOf(shown(), answer) * 2 ** failures);
  return Math.max(pace, error.retryAfter ?? 0) * (1 + Math.random() / 5);
}

// --- Showing -------------------------------------------------------------------------------------

// In every tab the same, the one that has asked included.
function share(word) {
  tabs.tell(word);
  hear(word);
}

function hear(word) {
  if (word.kind === "progress") seeProgress(word.answer);
  if (word.kind === "place") seePlace(word);
  if (word.kind === "lost" || word.kind === "found") seeConnection(word.kind === "found");
  if (word.kind === "turn") seeTurn(word.seats, word.hasSounded);
}

function seeProgress(seen) {
  answer = seen;
  const facts = shown();
  if (!facts || !seen) return;
  const shape = shapeFor(facts, seen);
  if (shape.state === "DRAWING" && facts.shape.state === "LOBBY") showDrawing({ ...facts.shape, state: "DRAWING" });
  // Sentences that no longer fit come anew with the place; meanwhile the numbers in them stay.
  if (isSame(shown().shape, shape)) fillIn(numbersFor(shown(), seen));
}

function seePlace(drawnAnew) {
  placedAt = Date.now();
  const before = shown();
  exchange(drawnAnew);
  const after = shown();
  if (tabs.leads && after?.shape.is_near && before?.shape.is_near === false) soundSoon();
  showSwitch(Boolean(after));
}

function seeConnection(isThere) {
  lost.hidden = isThere;
  lost.textContent = isThere ? "" : lost.dataset.text;
}

// The turn has come. Should the seats not answer, the next look leads there again.
async function goOn(seats) {
  const hasSounded = soundTurn();
  tabs.tell({ kind: "turn", seats, hasSounded });
  seeTurn(seats, true);
  // A page that is left falls silent.
  if (hasSounded) await new Promise((resolve) => window.setTimeout(resolve, 1000 * TURN_SECONDS));
  window.location.replace(seats);
}

function seeTurn(seats, hasSounded) {
  document.title = `${line().dataset.turn} · Frontrow`;
  say(line().dataset.turn);
  if (hasSounded) return;
  const sounds = soundTurn();
  window.setTimeout(() => window.location.replace(seats), sounds ? 1000 * TURN_SECONDS : 0);
}

// --- Coming and going ----------------------------------------------------------------------------

// After a while away, much may have happened that the progress of the line doesn't tell: the fan has left in another
// browser, or the visit to the site is over.
function comeBack() {
  isBack = true;
  wantsPlace ||= Date.now() - placedAt > 1000 * AWAY_SECONDS;
  tabs.takeTheLead();
  ask();
}

window.addEventListener("online", comeBack);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) comeBack();
});
window.addEventListener("pagehide", () => {
  alarm.clear();
  tabs.close();
});
window.addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  tabs.open();
  comeBack();
});

startSound();
startCopying();
showSwitch(Boolean(shown()));
tabs.open();
// What has just come from the server is newer than what other tabs show: they may be of an earlier visit.
tabs.tell({ kind: "place", ...drawn() });
