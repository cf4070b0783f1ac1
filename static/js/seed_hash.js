// The fingerprint of the draw's seed as it was shown before the draw, kept on this device: so that the draw can be
// checked against what was promised then, and not against what the site says afterwards.

const KEY = "frontrow.draw.";

// { hash, at } as it was first seen for a schedule before its draw; null where it never was.
export function savedSeedHash(schedule) {
  try {
    return JSON.parse(window.localStorage.getItem(KEY + schedule));
  } catch {
    return null;
  }
}

function saveFirst({ schedule, seedHash }) {
  try {
    // The first one counts: what would come later could be another.
    if (!savedSeedHash(schedule)) {
      window.localStorage.setItem(KEY + schedule, JSON.stringify({ hash: seedHash, at: new Date().toISOString() }));
    }
  } catch (error) {
    console.info("This browser keeps nothing, so it can't remember the fingerprint:", error.message);
  }
}

// The lobby's part of the page may come along after it was opened.
export function saveSeedHash(root) {
  const save = () => {
    const shown = document.getElementById("seed");
    if (shown?.dataset.seedHash) saveFirst(shown.dataset);
  };
  save();
  if (root) new MutationObserver(save).observe(root, { childList: true, subtree: true });
}
