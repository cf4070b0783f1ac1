// Counts down <time class="countdown" data-seconds-left="123">.
//
// It starts from the seconds that the server named and goes by the time that has passed since, because a
// phone's clock may be wrong. At the end the page is asked for again, or shows `data-over` if there is one.
// A crowd that counts down to the same moment asks at a time of its own each, within `data-spread` seconds.
// With `data-days`, whole days are told apart from the hours. `data-last-call` is said to screen readers once a minute is left.

const LAST_CALL = 60;
const DAY = 86400;

// `days` is how days are written, with {n} for their number; without it hours go on beyond 24.
export function stopwatch(seconds, days) {
  const whole = Math.max(0, Math.ceil(seconds));
  if (days && whole >= DAY) return `${days.replace("{n}", Math.floor(whole / DAY))} ${stopwatch(whole % DAY)}`;
  const pad = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

function speakerFor(clock) {
  const speaker = document.createElement("span");
  speaker.className = "sr-only";
  speaker.setAttribute("role", "status");
  clock.after(speaker);
  return speaker;
}

function end(clock) {
  if (clock.dataset.over !== undefined) {
    clock.textContent = clock.dataset.over;
    return;
  }
  const wait = 1000 + 1000 * Math.random() * Number(clock.dataset.spread || 0);
  // By its address and not by reload(), which would ask whether to send a form again.
  window.setTimeout(() => window.location.replace(window.location.pathname + window.location.search), wait);
}

function start(clock) {
  const total = Number(clock.dataset.secondsLeft);
  const began = Date.now();
  if (!(total > 0)) return;
  // Who comes back to the page within the last minute has heard it, and a minute is no longer what is left.
  const speaker = clock.dataset.lastCall && total > LAST_CALL ? speakerFor(clock) : null;

  function tick() {
    // A fragment that was replaced takes its clock with it.
    if (!clock.isConnected) return;
    const left = total - (Date.now() - began) / 1000;
    clock.textContent = stopwatch(left, clock.dataset.days);
    clock.classList.toggle("last", left <= LAST_CALL);
    if (speaker && left <= LAST_CALL && !speaker.textContent) speaker.textContent = clock.dataset.lastCall;
    if (left <= 0) end(clock);
    else window.setTimeout(tick, 1000 * (left % 1) + 10);
  }
  tick();
}

export function startCountdowns(within = document) {
  for (const clock of within.querySelectorAll(".countdown[data-seconds-left]:not([data-runs])")) {
    clock.dataset.runs = "yes";
    start(clock);
  }
}

startCountdowns();
