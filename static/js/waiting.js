// Asks for a fan's place in line again and again, at the pace that each answer names (data-poll-after).
//
// A hidden tab asks slowly, but often enough not to miss its turn. A lost connection is said, and asked again
// ever more slowly; the place in line doesn't depend on it.

const HIDDEN_SECONDS = 15;
const SLOWEST_SECONDS = 30;
const SERVER_ERRORS = 500;
const WORTH_ANOTHER_TRY = new Set([408, 425, 429]);

const news = document.getElementById("news");
const lost = document.getElementById("lost");
let spoken = newsOf(place());
let failures = 0;
let timer;

function place() {
  return document.getElementById("line");
}

function newsOf(line) {
  return line.querySelector(".line-news")?.textContent.trim() ?? line.querySelector("h1").textContent.trim();
}

function ask() {
  window.clearTimeout(timer);
  if (place().dataset.pollAfter) window.htmx.trigger("#line", "again");
}

function askIn(seconds) {
  window.clearTimeout(timer);
  timer = window.setTimeout(ask, 1000 * (document.hidden ? Math.max(seconds, HIDDEN_SECONDS) : seconds));
}

function askAgain() {
  const pace = Number(place().dataset.pollAfter);
  if (pace) askIn(pace);
}

function reload() {
  window.location.replace(window.location.pathname + window.location.search);
}

// Only what matters is said aloud: the number is rounded, and silence means that nothing has changed.
function tell() {
  const text = newsOf(place());
  if (text !== spoken) news.textContent = text;
  spoken = text;
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const answered = new URL(event.detail.xhr.responseURL || window.location.href);
  if (answered.pathname === window.location.pathname) return;
  // Another page has answered: the login, because the visit to the site is over.
  event.detail.shouldSwap = false;
  reload();
});

document.addEventListener("htmx:afterSettle", () => {
  failures = 0;
  lost.hidden = true;
  lost.textContent = "";
  tell();
  askAgain();
});

function failed(event) {
  const status = event.detail.xhr?.status ?? 0;
  if (status >= 400 && status < SERVER_ERRORS && !WORTH_ANOTHER_TRY.has(status)) {
    reload();
    return;
  }
  failures += 1;
  lost.hidden = false;
  lost.textContent = lost.dataset.text;
  const pace = Math.min(SLOWEST_SECONDS, Number(place().dataset.pollAfter || 1) * 2 ** failures);
  askIn(pace * (1 + Math.random() / 5));
}

for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout", "htmx:swapError"]) {
  document.addEventListener(name, failed);
}
window.addEventListener("online", ask);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) ask();
});
askAgain();
