// The seats of a hall in columns: what is looked at 20,000 times for a picture is a number in an array, no object.
//
// Made of schedules/<id>/map.json (reservations/halls/columns.py says what is in it). Seats are named by their
// index, `nth`, which is also their place in the live codes.

export const FREE = 0;
export const TAKEN = 1;
export const OWN = 2;
export const CHOSEN = 3;
const HAD = "A".charCodeAt(0);

function summed(steps, into, share = 1) {
  let value = 0;
  for (let nth = 0; nth < steps.length; nth += 1) {
    value += steps[nth];
    into[nth] = value * share;
  }
  return into;
}

function unrolled(runs, into) {
  let nth = 0;
  for (let at = 0; at < runs.length; at += 2) {
    into.fill(runs[at], nth, nth + runs[at + 1]);
    nth += runs[at + 1];
  }
  return into;
}

export class SeatData {
  constructor(hall) {
    const count = hall.ids.length;
    Object.assign(this, { count, categories: hall.categories, sections: hall.sections, pitch: hall.pitch });
    // Beyond 2**53 no database has come.
    this.ids = summed(hall.ids, new Float64Array(count));
    this.x = summed(hall.x, new Float32Array(count), 0.1);
    this.y = summed(hall.y, new Float32Array(count), 0.1);
    this.category = unrolled(hall.category, new Uint16Array(count));
    this.price = unrolled(hall.price, new Float64Array(count));
    this.accessible = new Uint8Array(count);
    for (const nth of hall.accessible) this.accessible[nth] = 1;
    this.readRows(hall);
    this.state = new Uint8Array(count).fill(TAKEN);
    // Whether the filter lets it through.
    this.shown = new Uint8Array(count).fill(1);
    this.own = new Set();
    this.chosen = new Set();
    this.codes = "";
    this.isFiltered = false;
  }

  readRows({ rows, label }) {
    this.runs = [];
    this.runOf = new Uint32Array(this.count);
    this.section = new Uint16Array(this.count);
    let start = 0;
    rows.forEach(([section, name, count], nth) => {
      this.runs.push({ section, name, start, count, labels: label[nth] });
      this.runOf.fill(nth, start, start + count);
      this.section.fill(section, start, start + count);
      start += count;
    });
  }

  rowOf(nth) {
    return this.runs[this.runOf[nth]].name;
  }

  labelOf(nth) {
    const { labels, start } = this.runs[this.runOf[nth]];
    return typeof labels === "number" ? String(labels + nth - start) : labels[nth - start];
  }

  // Ids ascend.
  nthOf(id) {
    let [low, high] = [0, this.count - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (this.ids[middle] === id) return middle;
      if (this.ids[middle] < id) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  // --- What changes ----------------------------------------------------------------------------

  setCodes(codes) {
    this.codes = codes;
    for (let nth = 0; nth < this.count; nth += 1) this.state[nth] = codes.charCodeAt(nth) === HAD ? FREE : TAKEN;
    for (const nth of this.own) this.state[nth] = OWN;
    for (const nth of this.chosen) this.state[nth] = CHOSEN;
  }

  choose(nth, isChosen) {
    if (isChosen) this.chosen.add(nth);
    else this.chosen.delete(nth);
    this.state[nth] = isChosen ? CHOSEN : this.codes.charCodeAt(nth) === HAD ? FREE : TAKEN;
  }

  // `categories`: a set of indices, empty for all.
  filter(categories, onlyAccessible) {
    this.isFiltered = categories.size > 0 || onlyAccessible;
    for (let nth = 0; nth < this.count; nth += 1) {
      const fits = !categories.size || categories.has(this.category[nth]);
      this.shown[nth] = fits && (!onlyAccessible || this.accessible[nth]) ? 1 : 0;
    }
  }

  // Whether a fan can do anything with it.
  isOpen(nth) {
    const state = this.state[nth];
    return state === CHOSEN || (state === FREE && this.shown[nth] === 1);
  }

  // Seats that can be had: by section and by category as far as the filter lets them through, all and accessible ones.
  left() {
    const bySection = new Uint32Array(this.sections.length);
    const byCategory = new Uint32Array(this.categories.length);
    let [all, accessible] = [0, 0];
    for (let nth = 0; nth < this.count; nth += 1) {
      const state = this.state[nth];
      if (state !== FREE && state !== CHOSEN) continue;
      all += 1;
      byCategory[this.category[nth]] += 1;
      accessible += this.accessible[nth];
      bySection[this.section[nth]] += this.shown[nth];
    }
    return { bySection, byCategory, all, accessible };
  }

  // By section: its box, its middle, its lowest price, and the categories that are in it.
  sectionFacts() {
    const facts = this.sections.map((name) => ({
      name, left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity, count: 0, x: 0, y: 0,
      lowest: Infinity, categories: new Set(), first: -1,
    }));
    for (let nth = 0; nth < this.count; nth += 1) {
      const each = facts[this.section[nth]];
      const [x, y] = [this.x[nth], this.y[nth]];
      if (each.first < 0) each.first = nth;
      each.count += 1;
      each.x += x;
      each.y += y;
      if (x < each.left) each.left = x;
      if (x > each.right) each.right = x;
      if (y < each.top) each.top = y;
      if (y > each.bottom) each.bottom = y;
      if (this.price[nth] < each.lowest) each.lowest = this.price[nth];
      each.categories.add(this.category[nth]);
    }
    for (const each of facts) {
      each.x /= each.count;
      each.y /= each.count;
    }
    return facts;
  }
}

// Seats by the square that they stand in, so that a tap or a part of the picture looks at few of them.
export class SeatGrid {
  constructor(data, extent) {
    const [left, top, width, height] = extent;
    // At most some 60,000 squares, however far apart a plan's seats lie.
    this.size = Math.max(4 * data.pitch, Math.sqrt((width * height) / 60_000));
    Object.assign(this, { data, left, top });
    this.across = Math.max(1, Math.ceil(width / this.size));
    this.down = Math.max(1, Math.ceil(height / this.size));
    this.starts = new Uint32Array(this.across * this.down + 1);
    const squares = new Uint32Array(data.count);
    for (let nth = 0; nth < data.count; nth += 1) {
      squares[nth] = this.column(data.x[nth]) + this.across * this.row(data.y[nth]);
      this.starts[squares[nth] + 1] += 1;
    }
    for (let at = 1; at < this.starts.length; at += 1) this.starts[at] += this.starts[at - 1];
    const next = this.starts.slice();
    this.seats = new Uint32Array(data.count);
    for (let nth = 0; nth < data.count; nth += 1) this.seats[next[squares[nth]]++] = nth;
  }

  column(x) {
    return Math.min(this.across - 1, Math.max(0, Math.floor((x - this.left) / this.size)));
  }

  row(y) {
    return Math.min(this.down - 1, Math.max(0, Math.floor((y - this.top) / this.size)));
  }

  // Calls `visit(nth)` for the seats of a box, and for some around it.
  within(left, top, right, bottom, visit) {
    const [from, to] = [this.column(left), this.column(right)];
    for (let row = this.row(top); row <= this.row(bottom); row += 1) {
      const end = this.starts[row * this.across + to + 1];
      for (let at = this.starts[row * this.across + from]; at < end; at += 1) visit(this.seats[at]);
    }
  }

  nearest(x, y, reach) {
    let [best, least] = [-1, reach];
    this.within(x - reach, y - reach, x + reach, y + reach, (nth) => {
      const away = Math.hypot(this.data.x[nth] - x, this.data.y[nth] - y);
      if (away < least) [best, least] = [nth, away];
    });
    return best;
  }
}
