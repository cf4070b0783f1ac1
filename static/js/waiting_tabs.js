// One tab of a browser asks for all of them, so that a fan with ten tabs is no more load than one with one.
//
// The lead is a lock: who holds it asks, and tells the others over a channel; when that tab closes, the browser
// gives the lock to the next. A tab that is being looked at takes the lead, because hidden ones are slowed down.
// Browsers without locks (they have them in https only) let every tab ask for itself, at half the pace.

export class Tabs {
  #name;
  #onLead;
  #onWord;
  #channel = null;
  #attempt = null;
  #release = null;
  #leads = false;

  constructor(name, { onLead, onWord }) {
    this.#name = name;
    this.#onLead = onLead;
    this.#onWord = onWord;
  }

  get hasLocks() {
    return Boolean(navigator.locks && typeof BroadcastChannel !== "undefined");
  }

  get leads() {
    return this.#leads || !this.hasLocks;
  }

  open() {
    if (!this.hasLocks) {
      this.#onLead();
      return;
    }
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.addEventListener("message", ({ data }) => this.#onWord(data));
    this.#contend({ steals: !document.hidden });
  }

  // Told to the other tabs; this one knows.
  tell(word) {
    this.#channel?.postMessage(word);
  }

  takeTheLead() {
    if (this.hasLocks && !this.#leads) this.#contend({ steals: true });
  }

  // A page that is kept for going back must hold no lock and no channel, or it isn't kept.
  close() {
    const attempt = this.#attempt;
    this.#attempt = null;
    attempt?.abort();
    this.#release?.();
    this.#channel?.close();
    this.#channel = null;
    this.#leads = false;
  }

  #contend({ steals }) {
    this.#attempt?.abort();
    const attempt = new AbortController();
    this.#attempt = attempt;
    const options = steals ? { steal: true } : { signal: attempt.signal };
    navigator.locks
      .request(this.#name, options, () => this.#hold(attempt))
      .catch((error) => {
        if (error.name !== "AbortError") throw error;
        // Another tab has taken the lead; this one stands in line for it again.
        if (this.#attempt !== attempt) return;
        this.#leads = false;
        this.#contend({ steals: false });
      });
  }

  #hold(attempt) {
    if (this.#attempt !== attempt) return undefined;
    this.#leads = true;
    this.#onLead();
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }
}
