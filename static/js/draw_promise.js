// The fingerprint of the draw's seed as it was shown before the draw, kept on this device: so that the draw can be
// checked against what was promised then, and not against what the site says afterwards.

const KEY = "frontrow.draw.";

// { hash, at } as it was first seen for a schedule before its draw; null where it never was.
export function promiseOf(schedule) {
  try {
    return JSON.parse(window.localStorage.getItem(KEY + schedule));
  } catch {
    return null;
  }
}

function remember({ schedule, seedHash }) {
  try {
    // The first one counts: what would come later could be another.
    if (!promiseOf(schedule)) {
      window.localStorage.setItem(KEY + schedule, JSON.stringify({ hash: seedHash, at: new Date().toISOString() }));
    }
  } catch (error) {
    console.info("This browser keeps nothing, so it can't remember the fingerprint:", error.message);
  }
}

// The lobby's part of the page may come along after it was opened.
export function keepPromise(root) {
  const look = () => {
    const promise = document.getElementById("seed");
    if (promise?.dataset.seedHash) remember(promise.dataset);
  };
  look();
  if (root) new MutationObserver(look).observe(root, { childList: true, subtree: true });
}
