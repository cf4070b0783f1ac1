// The switch "Sound when it is my turn": off until a fan turns it on, remembered in this browser.
//
// Browsers let a page sound only after somebody has pressed something on it; where that is still to come, the
// switch says so.

const KEPT_AS = "sound-when-it-is-my-turn";
const SECONDS = 0.35;
const SAMPLE = [660];
const SOON = [660, 660];
const TURN = [660, 880, 1100];

let context = null;

const switched = document.getElementById("sound-switch");
const hint = document.getElementById("sound-hint");

// A browser may refuse to keep anything: the switch then lasts as long as the page.
function kept() {
  try {
    return window.localStorage.getItem(KEPT_AS) === "on";
  } catch (error) {
    console.info("The switch is not remembered:", error.message);
    return false;
  }
}

function keep(isOn) {
  try {
    window.localStorage.setItem(KEPT_AS, isOn ? "on" : "off");
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
export const soundTurn = () => play(TURN);
// How long the last of them takes, in seconds.
export const TURN_SECONDS = TURN.length * SECONDS + 0.1;

export function showSwitch(isWanted) {
  document.getElementById("sound").hidden = !isWanted || typeof AudioContext === "undefined";
}

export function startSound() {
  switched.checked = kept();
  switched.addEventListener("change", async () => {
    keep(switched.checked);
    await unlock();
    await context?.resume();
    play(SAMPLE);
    showHint();
  });
  for (const press of ["pointerdown", "keydown"]) document.addEventListener(press, unlock);
  unlock();
}
