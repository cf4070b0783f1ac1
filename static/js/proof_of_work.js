// Works out the number that a sign-up must bring, in a worker, so that the page stays quick; shows how far it is.
//
// This file is the page's module and the worker's script. The browser's own SHA-256 is not used: it answers each hash
// by a promise, which takes longer than the hash, and is there on https alone.

const isWorker = typeof window === "undefined";

// --- SHA-256 of a message of one block (up to 55 bytes), FIPS 180-4 ---------------------------------------------

const primes = [];
for (let n = 2; primes.length < 64; n += 1) if (primes.every((prime) => n % prime)) primes.push(n);
const fraction = (x) => Math.floor((x - Math.floor(x)) * 2 ** 32) | 0;
const START = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
const K = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)));
const w = new Int32Array(64);

// The hash of the block in `w[0..15]`, into `out` (eight words).
function hash(out) {
  for (let i = 16; i < 64; i += 1) {
    const x = w[i - 15];
    const y = w[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = START;
  for (let i = 0; i < 64; i += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => { out[i] = (START[i] + word) | 0; });
}

const hex = (words) => Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");

// The message is salt and nonce (32 bytes, eight words) and the number (one word): 36 bytes, always one block.
function solve({ salt, nonce, keyPrefix, data }, tell = () => {}) {
  const head = Array.from((salt + nonce).match(/.{8}/g), (word) => parseInt(word, 16) | 0);
  const first = parseInt(keyPrefix.slice(0, 8), 16) | 0;
  const out = new Int32Array(8);
  for (let counter = 0; counter < 2 ** 32; counter += 1) {
    w.set(head);
    w[8] = counter;
    w[9] = 0x80000000 | 0;
    w.fill(0, 10, 15);
    w[15] = 36 * 8;
    hash(out);
    if (out[0] === first && hex(out).startsWith(keyPrefix)) return { counter, derivedKey: hex(out) };
    if (counter % 5000 === 0) tell(counter / data.most);
  }
  return null;
}

if (isWorker) {
  self.addEventListener("message", ({ data: parameters }) => {
    const solution = solve(parameters, (share) => self.postMessage({ share }));
    self.postMessage({ solution });
  });
}

// --- The page ----------------------------------------------------------------------------------------------------

class Proof {
  #form;
  #box;
  #field;
  #isAsked = false;

  constructor(box) {
    this.#box = box;
    this.#form = box.closest("form");
    this.#field = this.#form.querySelector("[name=proof_of_work]");
    box.hidden = false;
    this.#form.querySelector("[data-without-scripts]").hidden = true;
    const challenge = JSON.parse(document.getElementById("challenge").textContent);
    const worker = new Worker(import.meta.url, { type: "module" });
    worker.addEventListener("message", ({ data }) => {
      if (data.solution) this.#finish(challenge, data.solution);
      else this.#show(data.share);
    });
    worker.addEventListener("error", () => this.#workHere(challenge));
    worker.postMessage(challenge.parameters);
    this.#form.addEventListener("submit", (event) => this.#wait(event));
  }

  // Sent before the work is done: it goes by itself once it is.
  #wait(event) {
    if (this.#field.value) return;
    event.preventDefault();
    this.#isAsked = true;
    this.#form.querySelector("button").disabled = true;
    this.#say("waiting");
  }

  #show(share) {
    this.#box.querySelector("progress").value = share;
  }

  #say(which) {
    for (const line of this.#box.querySelectorAll("[data-say]")) line.hidden = line.dataset.say !== which;
  }

  #finish(challenge, solution) {
    this.#field.value = btoa(JSON.stringify({ challenge, solution }));
    this.#show(1);
    this.#say("done");
    if (this.#isAsked) this.#form.submit();
  }

  // An old browser has workers, but none that are modules: the page stands still for a second.
  #workHere(challenge) {
    if (!this.#field.value) this.#finish(challenge, solve(challenge.parameters));
  }
}

if (!isWorker) {
  for (const box of document.querySelectorAll("[data-proof-of-work]")) new Proof(box);
}
