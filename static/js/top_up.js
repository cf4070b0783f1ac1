// Waits for a payment that is under way: asks for this page again, ever more seldom, and shows it once it has changed.
//
// The page itself asks the provider, so each time is worth something; a tab that nobody looks at asks when it is seen.

const FIRST_MS = 1500;
const LAST_MS = 15000;
const GROWTH = 1.4;

// With what the provider sent the fan back with: until it answers, that is still to be asked of it.
const here = window.location.pathname + window.location.search;
let wait = FIRST_MS;

function isUnderWay(html) {
  return new DOMParser().parseFromString(html, "text/html").querySelector("[data-poll]") !== null;
}

async function ask() {
  if (document.hidden) {
    document.addEventListener("visibilitychange", ask, { once: true });
    return;
  }
  try {
    // Where it leads is not followed but gone to, so that what is said there once is said to the fan.
    const answer = await fetch(here, { redirect: "manual", headers: { Accept: "text/html" } });
    if (answer.type === "opaqueredirect" || (answer.ok && !isUnderWay(await answer.text()))) {
      window.location.replace(here);
      return;
    }
  } catch {
    // Out of reach for a moment.
  }
  wait = Math.min(LAST_MS, wait * GROWTH);
  window.setTimeout(ask, wait);
}

window.setTimeout(ask, wait);
