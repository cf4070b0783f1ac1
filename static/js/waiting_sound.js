// The switch "Play a sound when it’s my turn": off until a fan turns it on, remembered in this browser.
//
// Browsers let a page sound only after somebody has pressed something on it; where that is still to come, the
// switch says so.

const KEPT_AS = "sound-when-it-is-my-turn";
const SOUNDED_AS = "sounded-at";
const QUIET_SECONDS = 10;
const SECONDS = 0.35;
const SAMPLE = [660];
const SOON = [660, 660];
const TURN = [660, 880, 1100];

let context = null;

const switched = document.getElementById("sound-switch");
const hint = document.getElementById("sound-hint");

// A browser may refuse to keep anything: the switch then lasts as long as the page.
function kept(name) {
  try {
    return window.localStorage.getItem(name);
  } catch (error) {
    console.info("The switch is not remembered:", error.message);
    return null;
  }
}

function keep(name, value) {
  try {
    window.localStorage.setItem(name, value);
  } catch (error) {
    console.info("The switch is not remembered:", error.message);
  }
}

function canSound() {
  return switched.checked && context?.state === "running";
}

function showHint() {
  const text = switched.checked && !canSound() ? hint.dataset.text : "";
  if (hint.textContent !== text) hint.textContent = text;
}

async function unlock() {
  if (!switched.checked) return;
  context ??= new AudioContext();
  context.onstatechange = showHint;
  // Not awaited where the browser refuses: it would wait for the first press.
  context.resume();
  showHint();
}

function play(tones) {
  if (!canSound()) return false;
  const begins = context.currentTime + 0.05;
  tones.forEach((frequency, nth) => {
    const tone = new OscillatorNode(context, { frequency });
    const loudness = new GainNode(context, { gain: 0 });
    const at = begins + nth * SECONDS;
    // Without a rise and a fall it would click.
    loudness.gain.setValueAtTime(0, at);
    loudness.gain.linearRampToValueAtTime(0.3, at + 0.03);
    loudness.gain.linearRampToValueAtTime(0, at + SECONDS);
    tone.connect(loudness).connect(context.destination);
    tone.start(at);
    tone.stop(at + SECONDS);
  });
  return true;
}

export const soundSoon = () => play(SOON);
// Of all tabs of a browser whose turn comes at the same moment, one sounds.
export function soundTurn() {
  if (Date.now() - Number(kept(SOUNDED_AS)) < 1000 * QUIET_SECONDS || !play(TURN)) return false;
  keep(SOUNDED_AS, Date.now());
  return true;
}

// How long the last of them takes, in seconds.
export const TURN_SECONDS = TURN.length * SECONDS + 0.1;

export function showSwitch(isWanted) {
  document.getElementById("sound").hidden = !isWanted || typeof AudioContext === "undefined";
}

export function startSound() {
  switched.checked = kept(KEPT_AS) === "on";
  switched.addEventListener("change", async () => {
    keep(KEPT_AS, switched.checked ? "on" : "off");
    await unlock();
    await context?.resume();
    play(SAMPLE);
    showHint();
  });
  for (const press of ["pointerdown", "keydown"]) document.addEventListener(press, unlock);
  unlock();
}
