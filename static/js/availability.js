// Which seats are free, asked twice a second while the page is seen: at first a letter a seat, then what changed.

const POLL_SECONDS = 0.5;
// Who saves data, or whose answers don't come, asks less.
const SAVING_SECONDS = 2;
const SLOWEST_SECONDS = 30;

// "3AT12R": after three seats one is A and the next T, after another twelve one is R.
function applied(codes, changes) {
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

// What an address answers, unless it refuses. Without options as a page preloads it, so that this is taken.
export async function jsonOf(address, options) {
  const answer = await fetch(address, options);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.json();
}

// What is free by now, of which only the changes travel where something was `before`; itself where nothing changed.
export async function latest(address, before = null) {
  const path = before ? `${address}since/${before.version}/` : address;
  const found = await jsonOf(path, { cache: "no-store", credentials: "omit" });
  if (found.version === before?.version) return before;
  found.seats ??= applied(before.seats, found.changes);
  return found;
}

export class Availability {
  // `onChange(found)` gets { seats, seats_left, layout_version }; `onFailures(count)` how often in a row nothing came.
  constructor(address, { onChange, onFailures }) {
    Object.assign(this, { address, onChange, onFailures, failures: 0, timer: 0, found: null });
    document.addEventListener("visibilitychange", () => this.poll());
  }

  // All letters.
  async first() {
    this.found = await jsonOf(this.address);
    return this.found;
  }

  async poll() {
    window.clearTimeout(this.timer);
    if (document.hidden) return;
    try {
      const before = this.found;
      if (before) this.found = await latest(this.address, before);
      else await this.first();
      if (this.found !== before) this.onChange(this.found);
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
}
