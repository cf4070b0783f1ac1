// A timer that fires in hidden tabs, too: browsers slow down the timers of pages that nobody sees, to one a minute
// at last, but not those of workers. Whose turn comes meanwhile has only two minutes.
//
// This file is the page's module and the worker's script.

const isWorker = typeof window === "undefined";

if (isWorker) {
  let timer;
  self.addEventListener("message", ({ data: milliseconds }) => {
    clearTimeout(timer);
    if (milliseconds !== null) timer = setTimeout(() => self.postMessage("fire"), milliseconds);
  });
}

export class BackgroundTimer {
  #fire;
  #worker = null;
  #timer;

  constructor(fire) {
    this.#fire = fire;
    if (typeof Worker === "undefined") return;
    this.#worker = new Worker(import.meta.url, { type: "module" });
    this.#worker.addEventListener("message", () => fire());
    // An old browser has workers, but none that are modules.
    this.#worker.addEventListener("error", () => this.#useOwnTimer());
  }

  // One call is due at a time: a new time takes the place of the last.
  set(seconds) {
    this.#due = Date.now() + 1000 * seconds;
    if (this.#worker) this.#worker.postMessage(1000 * seconds);
    else this.#setOwn(seconds);
  }

  clear() {
    this.#due = null;
    window.clearTimeout(this.#timer);
    this.#worker?.postMessage(null);
  }

  #due = null;

  #setOwn(seconds) {
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(this.#fire, 1000 * seconds);
  }

  #useOwnTimer() {
    this.#worker = null;
    if (this.#due !== null) this.#setOwn(Math.max(0, (this.#due - Date.now()) / 1000));
  }
}
