// "Check my number": the draw is recomputed in this browser, from the public list, and each step is ticked off.

import { savedSeedHash } from "./seed_hash.js";

const root = document.getElementById("draw-check");
const button = document.getElementById("draw-start");
const progress = document.getElementById("draw-progress");
const verdict = document.getElementById("draw-verdict");
const facts = root.dataset;

function show(id) {
  document.getElementById(id).hidden = false;
}

// Each step has its words on the page: one for yes, one for no, and one for what can't be told.
function tick(step, outcome) {
  for (const element of root.querySelectorAll(`[data-step="${step}"]`)) element.hidden = element.dataset.outcome !== outcome;
}

function yesOrNo(isSo) {
  return isSo ? "yes" : "no";
}

function promised(seedHash) {
  const saved = savedSeedHash(facts.schedule);
  if (!saved) return "unknown";
  for (const element of root.querySelectorAll("[data-promised-at]")) {
    element.textContent = new Date(saved.at).toLocaleString(document.documentElement.lang);
  }
  return yesOrNo(saved.hash === seedHash);
}

function say(name) {
  for (const element of verdict.children) element.hidden = element.dataset.verdict !== name;
  verdict.querySelector("h2:not([hidden])")?.focus();
}

function end({ result, failure }) {
  progress.hidden = true;
  button.disabled = false;
  if (failure) {
    console.error("The draw could not be checked:", failure);
    say("failed");
    return;
  }
  const outcomes = { promise: promised(result.seedHash) };
  for (const step of ["seed", "list", "order", "own"]) outcomes[step] = yesOrNo(result[step]);
  for (const [step, outcome] of Object.entries(outcomes)) tick(step, outcome);
  show("draw-steps");
  say(Object.values(outcomes).includes("no") ? "false" : "genuine");
}

function start() {
  button.disabled = true;
  say("");
  progress.hidden = false;
  progress.removeAttribute("value");
  const worker = new Worker(facts.worker);
  worker.addEventListener("message", ({ data }) => {
    if ("done" in data) {
      progress.value = data.done / data.of;
      return;
    }
    worker.terminate();
    end(data);
  });
  worker.addEventListener("error", (event) => {
    worker.terminate();
    end({ failure: event.message || "the worker did not start" });
  });
  const address = (path) => new URL(path, window.location.href).href;
  worker.postMessage({
    list: address(facts.list), queue: address(facts.queue), token: facts.token, number: Number(facts.number),
  });
}

// Browsers compute hashes for pages alone that came over a connection nobody could have meddled with.
if (window.isSecureContext && window.crypto?.subtle && window.Worker) {
  button.hidden = false;
  button.addEventListener("click", start);
} else {
  show("draw-insecure");
}
