// Asks for the progress of lines, which is public and costs the site next to nothing: of one place of the page after
// the other, slower while the site is away, and not at all while nobody looks.

const PAUSE_MS = 5000;
const SLOWEST_MS = 60000;
const JITTER = 0.2;

// Whether seats can be had while there are any.
export function isOnSale({ state }) {
  return state === "OPEN" || state === "PAUSED";
}

// Each of `places` names an address in data-progress, `show(place, progress)` is told what it answered; who is hidden
// stops it. Answers a function that asks at once.
export function takeTurns(places, show) {
  let turn = 0;
  let pause = PAUSE_MS;
  let timer = 0;

  function askSoon() {
    window.clearTimeout(timer);
    timer = window.setTimeout(ask, pause * (1 + Math.random() * JITTER));
  }

  async function ask() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", ask, { once: true });
      return;
    }
    const place = places[turn % places.length];
    if (place.hidden) return;
    turn += 1;
    try {
      const answer = await fetch(place.dataset.progress, { credentials: "omit", signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error(answer.status);
      pause = PAUSE_MS;
      show(place, await answer.json());
    } catch {
      pause = Math.min(SLOWEST_MS, pause * 2);
    }
    askSoon();
  }

  if (places.length) askSoon();
  return ask;
}
