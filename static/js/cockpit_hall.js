// The hall filling up: a dot a seat, by what has become of it. Where seats stand is asked for once, what changed with
// each look.

import { jsonOf, latest } from "./availability.js";
import { SeatData } from "./seat_data.js";

// In shares of how far seats are apart.
const SIDE = 0.78;
const SHARPEST = 2;
const COLORS = { A: "--cockpit-left", T: "--cockpit-held", R: "--cockpit-sold", U: "--cockpit-off" };

export class OccupancyMap {
  constructor(canvas) {
    Object.assign(this, { canvas, found: null, isRefreshing: false });
    // Without it the figures stand alone.
    this.load().catch(() => {});
  }

  async load() {
    this.hall = await jsonOf(this.canvas.dataset.hall, { credentials: "omit" });
    this.data = new SeatData(this.hall);
    this.canvas.hidden = false;
    new ResizeObserver(() => this.paint()).observe(this.canvas);
    new MutationObserver(() => this.paint()).observe(document.documentElement, { attributeFilter: ["class"] });
    await this.refresh();
  }

  async refresh() {
    if (!this.data || this.isRefreshing) return;
    this.isRefreshing = true;
    try {
      const before = this.found;
      this.found = await latest(this.canvas.dataset.availability, before);
      if (this.found !== before) this.paint();
    } catch {
      // The figures say that nothing comes.
    }
    this.isRefreshing = false;
  }

  paint() {
    const width = this.canvas.clientWidth;
    if (!this.found || !width) return;
    const [left, top, wide, high] = this.hall.extent;
    const density = Math.min(SHARPEST, window.devicePixelRatio || 1);
    const scale = (width * density) / wide;
    const [across, down] = [Math.round(wide * scale), Math.max(1, Math.round(high * scale))];
    if (this.canvas.width !== across) this.canvas.width = across;
    if (this.canvas.height !== down) this.canvas.height = down;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, across, down);
    const style = getComputedStyle(this.canvas);
    const side = Math.max(1, SIDE * this.data.pitch * scale);
    for (const [code, name] of Object.entries(COLORS)) {
      context.fillStyle = style.getPropertyValue(name);
      for (let nth = this.found.seats.indexOf(code); nth >= 0; nth = this.found.seats.indexOf(code, nth + 1)) {
        const [x, y] = [(this.data.x[nth] - left) * scale, (this.data.y[nth] - top) * scale];
        context.fillRect(x - side / 2, y - side / 2, side, side);
      }
    }
  }
}
