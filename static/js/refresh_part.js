// Asks for a part of a page again every two seconds, for as long as something in it is still going on.
const EVERY_MS = 2000;
const part = document.querySelector("[data-refresh]");

async function refresh() {
  try {
    const answer = await fetch(part.dataset.refresh);
    if (answer.ok && !answer.redirected) part.innerHTML = await answer.text();
  } catch {
    // The network is away for a moment: what is shown stays.
  }
  ask();
}

function ask() {
  if (part.querySelector("[data-going]")) setTimeout(refresh, EVERY_MS);
}

if (part) ask();
