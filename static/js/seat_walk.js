// Arrow keys in a hall: along a row and from row to row, never out of the section, past what can't be had.

export class SeatWalk {
  constructor(data) {
    this.data = data;
    this.rows = new Map();
    // A row may come in several runs: an aisle cuts it.
    data.runs.forEach(({ section, name, start, count }) => {
      const key = `${section} ${name}`;
      if (!this.rows.has(key)) this.rows.set(key, { section, seats: [] });
      const { seats } = this.rows.get(key);
      for (let nth = start; nth < start + count; nth += 1) seats.push(nth);
    });
    this.sections = new Map();
  }

  // Where `arrow` leads from a seat; -1 where there is nothing.
  step(nth, arrow) {
    const section = this.sectionOf(this.data.section[nth]);
    const isBack = arrow === "ArrowLeft" || arrow === "ArrowUp";
    const isAcross = arrow === "ArrowLeft" || arrow === "ArrowRight";
    const along = section.isAcross === isAcross;
    return along ? this.alongRow(section, nth, isBack ? -1 : 1) : this.toRow(section, nth, isBack ? -1 : 1);
  }

  // The first or last seat of its row that can be had.
  end(nth, isFirst) {
    const section = this.sectionOf(this.data.section[nth]);
    const seats = section.rows[section.rowOf.get(nth)].filter((each) => this.data.isOpen(each));
    return (isFirst ? seats[0] : seats.at(-1)) ?? -1;
  }

  // The first seat that can be had of the next section in this direction that has one.
  toSection(nth, way) {
    const { length } = this.data.sections;
    for (let far = 1; far <= length; far += 1) {
      const found = this.firstOf((this.data.section[nth] + way * far + length * far) % length);
      if (found >= 0) return found;
    }
    return -1;
  }

  firstOf(section) {
    for (const seats of this.sectionOf(section).rows) {
      const found = seats.find((nth) => this.data.isOpen(nth));
      if (found !== undefined) return found;
    }
    return -1;
  }

  alongRow({ rows, rowOf }, nth, way) {
    const seats = rows[rowOf.get(nth)];
    for (let at = seats.indexOf(nth) + way; at >= 0 && at < seats.length; at += way) {
      if (this.data.isOpen(seats[at])) return seats[at];
    }
    return -1;
  }

  toRow({ rows, rowOf, isAcross }, nth, way) {
    const place = isAcross ? this.data.x : this.data.y;
    for (let at = rowOf.get(nth) + way; at >= 0 && at < rows.length; at += way) {
      let [best, least] = [-1, Infinity];
      for (const seat of rows[at]) {
        const aside = Math.abs(place[seat] - place[nth]);
        if (aside < least && this.data.isOpen(seat)) [best, least] = [seat, aside];
      }
      if (best >= 0) return best;
    }
    return -1;
  }

  // Its rows as they lie on the screen, each in its order, and whether they run across it.
  sectionOf(nth) {
    if (!this.sections.has(nth)) this.sections.set(nth, this.arranged(nth));
    return this.sections.get(nth);
  }

  arranged(section) {
    const { x, y } = this.data;
    const own = [...this.rows.values()].filter((row) => row.section === section).map(({ seats }) => seats);
    let [across, down] = [0, 0];
    for (const seats of own) {
      across += Math.abs(x[seats.at(-1)] - x[seats[0]]);
      down += Math.abs(y[seats.at(-1)] - y[seats[0]]);
    }
    // Rows that slope are across, too: most readers think of them so.
    const isAcross = across >= 0.4 * down;
    const [along, aside] = isAcross ? [x, y] : [y, x];
    const middle = (seats) => seats.reduce((sum, nth) => sum + aside[nth], 0) / seats.length;
    const rows = own.map((seats) => ({ seats: seats.sort((a, b) => along[a] - along[b]), at: middle(seats) }));
    const sorted = rows.sort((a, b) => a.at - b.at).map(({ seats }) => seats);
    const rowOf = new Map(sorted.flatMap((seats, row) => seats.map((nth) => [nth, row])));
    return { rows: sorted, rowOf, isAcross };
  }
}
