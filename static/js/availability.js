// Which seats are free, asked twice a second while the page is seen: at first a letter a seat, then what changed.

const POLL_SECONDS = 0.5;
// Who saves data, or whose answers don't come, asks less.
const SAVING_SECONDS = 2;
const SLOWEST_SECONDS = 30;

// "3AT12R": after three seats one is A and the next T, after another twelve one is R.
export function applied(codes, changes) {
  const parts = [];
  let at = 0;
  for (const [, gap, run] of changes.matchAll(/(\d+)(\D+)/g)) {
    const begins = at + Number(gap);
    parts.push(codes.slice(at, begins), run);
    at = begins + run.length;
  }
  parts.push(codes.slice(at));
  return parts.join("");
}

export class Availability {
  // `onChange(found)` gets { seats, seats_left, layout_version }; `onFailures(count)` how often in a row nothing came.
  constructor(address, { onChange, onFailures }) {
    Object.assign(this, { address, onChange, onFailures, failures: 0, timer: 0, found: null });
    document.addEventListener("visibilitychange", () => this.poll());
  }

  // All letters. With the defaults of fetch, so that what the page has preloaded is taken.
  async first() {
    const answer = await fetch(this.address);
    if (!answer.ok) throw new Error(`availability: ${answer.status}`);
    this.found = await answer.json();
    return this.found;
  }

  async poll() {
    window.clearTimeout(this.timer);
    if (document.hidden) return;
    try {
      await (this.found ? this.since(this.found) : this.first().then(this.onChange));
      if (this.failures) this.onFailures(0);
      this.failures = 0;
    } catch {
      this.failures += 1;
      this.onFailures(this.failures);
    }
    const pace = navigator.connection?.saveData ? SAVING_SECONDS : POLL_SECONDS;
    const seconds = this.failures ? Math.min(SLOWEST_SECONDS, 2 ** this.failures) : pace;
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.poll(), 1000 * seconds * (0.9 + Math.random() / 5));
  }

  async since(before) {
    const options = { cache: "no-store", credentials: "omit" };
    const answer = await fetch(`${this.address}since/${before.version}/`, options);
    if (!answer.ok) throw new Error(`availability: ${answer.status}`);
    const found = await answer.json();
    if (found.version === before.version) return;
    found.seats ??= applied(before.seats, found.changes);
    this.found = found;
    this.onChange(found);
  }
}
