// The map of a hall: layers that are painted when nothing moves, and only moved while something does.
//
// Below lies a picture of the whole hall, upon it a sharp one of the part that is seen and some around it. A finger
// moves and stretches both as a browser moves any layer; once it rests, the sharp one is painted anew, a few
// milliseconds at a time. What can't be seen on a canvas is said by buttons: one a section, and two that take turns
// for the seat at the cursor. The list view has every seat as a box to tick.

import { listenToFingers } from "./gestures.js";
import { HallPainter } from "./hall_painter.js";
import { COMFORTABLE, HallView, PICKABLE, PICKABLE_BY_MOUSE } from "./hall_view.js";
import { CHOSEN, SeatGrid } from "./seat_data.js";

// What a hall is seen without. It comes while the hall itself is on its way.
const later = Promise.all([import("./hall_signs.js"), import("./seat_walk.js")]);

// Of a frame of 16 ms, what painting may take.
const SLICE_MS = 5;
const MOVING_SLICE_MS = 2;
// Around the frame, in shares of it.
const AROUND = 0.2;
const FLIGHT_MS = 320;
const SHARPEST = 2;
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function afterThePicture() {
  return new Promise((resolve) => {
    window.requestAnimationFrame(() => window.setTimeout(resolve));
  });
}

export class HallMap {
  // `describe(nth)` puts a seat in words, `onPick(nth)` is told of one that was picked.
  constructor({ frame, hall, data, texts, describe, onPick }) {
    Object.assign(this, { frame, hall, data, describe, onPick, cursor: -1, turn: 0, touchedSeat: -1 });
    this.base = frame.querySelector("#hall-canvas");
    this.part = frame.querySelector(".hall-part");
    this.spare = this.part.cloneNode();
    this.cursors = [...frame.querySelectorAll(".hall-cursor")];
    this.view = new HallView(hall.extent, data.pitch);
    this.painter = new HallPainter(hall, data);
    frame.style.setProperty("--hall-height", `${Math.ceil((frame.clientWidth * this.view.height) / this.view.width)}px`);
    this.applyTheme();
    this.resize();
    this.isReady = this.prepare(texts);
  }

  // The seats are seen; whatever else there is comes after them, a task each: fingers are heard in between.
  async prepare(texts) {
    const { data, hall, frame } = this;
    await afterThePicture();
    this.grid = this.painter.grid = new SeatGrid(data, hall.extent);
    const [{ HallSigns }, { SeatWalk }] = await later;
    this.walk = new SeatWalk(data);
    await afterThePicture();
    this.signs = new HallSigns({ frame, hall, data, texts, map: this });
    this.signs.resize();
    this.signs.paintMini(this.base);
    this.listen();
    afterThePicture().then(() => this.signs.warm());
  }

  // --- Painting ----------------------------------------------------------------------------------

  applyTheme() {
    const style = getComputedStyle(this.frame);
    const token = (name) => style.getPropertyValue(name).trim();
    const theme = { isDark: this.isDark, font: style.fontFamily };
    for (const name of ["card", "ink", "soft", "taken", "good", "focus"]) theme[name] = token(`--${name}`);
    this.painter.applyTheme(theme);
    this.theme = theme;
    this.repaint();
  }

  get isDark() {
    return dark.matches;
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.frame;
    if (!width || !height) return;
    const { width: wasWide, height: wasHigh } = this.view.frame;
    if (wasWide === width && wasHigh === height) return;
    this.density = Math.min(SHARPEST, window.devicePixelRatio || 1);
    this.view.resize(width, height);
    this.signs?.resize();
    this.repaint();
  }

  // Something has changed: the whole picture, and the sharp part if there is one.
  repaint() {
    if (!this.view.least || !this.theme) return;
    const scale = this.view.least * this.density;
    this.painter.paintWhole(this.base, scale, this.density);
    this.base.style.width = `${this.base.width / this.density}px`;
    this.base.style.height = `${this.base.height / this.density}px`;
    this.signs?.paintMini(this.base);
    this.place();
    this.sharpen();
  }

  // As `repaint`, but not while a finger moves the map.
  changed() {
    this.isStale = true;
    if (this.isMoving) return;
    window.cancelAnimationFrame(this.changing);
    this.changing = window.requestAnimationFrame(() => {
      this.isStale = false;
      this.repaint();
      // They come after the seats, and a seat may be taken before.
      this.signs?.show();
    });
  }

  place() {
    const { view, base } = this;
    const [left, top] = [view.x + view.left * view.scale, view.y + view.top * view.scale];
    base.style.transform = `translate(${left}px, ${top}px) scale(${view.scale / view.least})`;
    if (this.sharp) {
      const { box, scale } = this.sharp;
      const [x, y] = [view.x + box.left * view.scale, view.y + box.top * view.scale];
      this.part.style.transform = `translate(${x}px, ${y}px) scale(${view.scale / scale})`;
    }
    this.signs?.follow(this.isMoving);
  }

  // Paints the part that is seen, piece by piece, on a canvas that nobody sees yet.
  sharpen() {
    window.cancelAnimationFrame(this.painting);
    this.painting = 0;
    const { view, density, spare } = this;
    if (view.isWhole || !this.grid) {
      this.part.hidden = true;
      this.sharp = null;
      return;
    }
    const around = AROUND * Math.min(view.frame.width, view.frame.height);
    const box = view.seen(around);
    const scale = view.scale;
    const [width, height] = [view.frame.width + 2 * around, view.frame.height + 2 * around];
    const [wide, high] = [Math.round(width * density), Math.round(height * density)];
    if (spare.width !== wide) spare.width = wide;
    if (spare.height !== high) spare.height = high;
    Object.assign(spare.style, { width: `${width}px`, height: `${height}px` });
    const steps = this.painter.paintPart(spare, box, scale * density, density);
    const slice = () => {
      const until = performance.now() + (this.isMoving ? MOVING_SLICE_MS : SLICE_MS);
      while (performance.now() < until) {
        if (steps.next().done) {
          this.painting = 0;
          this.swap(box, scale);
          return;
        }
      }
      this.painting = window.requestAnimationFrame(slice);
    };
    this.painting = window.requestAnimationFrame(slice);
  }

  swap(box, scale) {
    const before = this.part;
    [this.part, this.spare] = [this.spare, this.part];
    this.sharp = { box, scale };
    this.part.hidden = false;
    this.place();
    before.replaceWith(this.part);
  }

  // Whether the sharp part still covers what is seen.
  get isCovered() {
    if (!this.sharp) return false;
    const [seen, { box }] = [this.view.seen(), this.sharp];
    return seen.left >= box.left && seen.top >= box.top && seen.right <= box.right && seen.bottom <= box.bottom;
  }

  // --- Moving ------------------------------------------------------------------------------------

  moving() {
    if (!this.isMoving) {
      this.isMoving = true;
      window.cancelAnimationFrame(this.showing);
      window.cancelAnimationFrame(this.painting);
      this.painting = 0;
    }
    // Once a frame, however often a finger is heard of.
    this.placing ??= window.requestAnimationFrame(() => {
      this.placing = null;
      this.place();
      // A long way: what comes into sight gets sharp under way.
      if (!this.painting && this.sharp?.scale === this.view.scale && !this.isCovered) this.sharpen();
    });
    window.clearTimeout(this.resting);
    this.resting = window.setTimeout(() => this.rest(), 160);
  }

  rest() {
    window.clearTimeout(this.resting);
    if (!this.isMoving) return;
    this.isMoving = false;
    this.frame.classList.toggle("zoomed", !this.view.isWhole);
    // Signs first, then the picture: each in a frame of its own.
    this.inTurn(
      ...this.signs.steps(),
      () => {
        if (this.isStale) this.changed();
        else if (!this.isCovered || this.sharp.scale !== this.view.scale) this.sharpen();
      },
    );
  }

  // One a frame, until the map is moved again.
  inTurn(step, ...others) {
    window.cancelAnimationFrame(this.showing);
    this.showing = window.requestAnimationFrame(() => {
      step();
      if (others.length) this.inTurn(...others);
    });
  }

  // What the map can't go, the page does: a finger is never stuck on it.
  pan(dx, dy, scrollsPage) {
    window.cancelAnimationFrame(this.flying);
    const [, left] = this.view.move(dx, dy);
    if (scrollsPage && Math.abs(left) > 0.5) window.scrollBy({ top: -left, behavior: "instant" });
    this.moving();
  }

  zoomAt(factor, x, y) {
    window.cancelAnimationFrame(this.flying);
    this.view.set(this.view.zoomed(factor, x, y));
    this.moving();
  }

  get isStill() {
    return this.view.isWhole || calm.matches;
  }

  // There by the way, so that nobody loses where they are; at once where motion is not wanted.
  flyTo(goal) {
    window.cancelAnimationFrame(this.flying);
    const from = { scale: this.view.scale, x: this.view.x, y: this.view.y };
    const began = performance.now();
    const fly = () => {
      const share = calm.matches ? 1 : Math.min(1, (performance.now() - began) / FLIGHT_MS);
      const eased = 1 - (1 - share) ** 3;
      const scale = from.scale * (goal.scale / from.scale) ** eased;
      // The places of both views move in one line if their shift follows the scale.
      const part = goal.scale === from.scale ? eased : (scale - from.scale) / (goal.scale - from.scale);
      this.view.set({ scale, x: from.x + (goal.x - from.x) * part, y: from.y + (goal.y - from.y) * part });
      this.moving();
      if (share < 1) this.flying = window.requestAnimationFrame(fly);
      else this.rest();
    };
    fly();
  }

  zoomBy(factor) {
    this.flyTo(this.view.zoomed(factor));
  }

  showAll() {
    this.flyTo(this.view.whole());
  }

  showSection(section, x, y) {
    const box = this.signs.sections[section];
    this.flyTo(this.view.onSection(box, x ?? box.x, y ?? box.y));
  }

  showSeat(nth) {
    this.flyTo(this.view.onSeat(this.data.x[nth], this.data.y[nth]));
    this.frame.scrollIntoView({ block: "nearest" });
  }

  // --- Picking -----------------------------------------------------------------------------------

  hallAt(x, y) {
    return [(x - this.view.x) / this.view.scale, (y - this.view.y) / this.view.scale];
  }

  canPick(isFinger) {
    return this.view.apart >= (isFinger ? PICKABLE : PICKABLE_BY_MOUSE) || this.view.isClosest;
  }

  seatAt(x, y) {
    return this.grid.nearest(...this.hallAt(x, y), Math.max(0.6 * this.data.pitch, Math.min(22 / this.view.scale, this.data.pitch)));
  }

  // Answers whether a tap must wait for a second one; until then its seat has a ring.
  touched(x, y, isFinger) {
    if (!isFinger || !this.canPick(isFinger)) return false;
    const nth = this.seatAt(x, y);
    this.signs.ring(nth);
    return true;
  }

  tap(x, y, isFinger) {
    this.signs.ring(-1);
    const [hallX, hallY] = this.hallAt(x, y);
    if (!this.canPick(isFinger)) {
      // Where seats are smaller than a fingertip, a tap comes closer.
      const nth = this.grid.nearest(hallX, hallY, Math.max(40 / this.view.scale, 3 * this.data.pitch));
      if (nth >= 0) this.showSection(this.data.section[nth], hallX, hallY);
      else this.flyTo(this.view.zoomed(2.2, x, y));
      return;
    }
    const nth = this.seatAt(x, y);
    if (nth < 0) return;
    this.cursor = nth;
    this.onPick(nth);
    this.tell();
  }

  // Comes closer, and back from the closest; picks nothing.
  doubleTap(x, y) {
    this.signs.ring(-1);
    if (this.view.isClosest) this.showAll();
    else this.flyTo(this.view.zoomed(Math.max(2, COMFORTABLE / this.view.apart), x, y));
  }

  // --- Keys --------------------------------------------------------------------------------------

  tell() {
    if (this.cursor < 0) return;
    const button = this.cursors[this.turn];
    button.tabIndex = 0;
    this.cursors[1 - this.turn].tabIndex = -1;
    button.setAttribute("aria-label", this.describe(this.cursor));
    button.setAttribute("aria-checked", String(this.data.state[this.cursor] === CHOSEN));
    this.signs.ring(this.cursors.includes(document.activeElement) ? this.cursor : -1);
  }

  // The other button takes the focus: screen readers say what has just been focused.
  goTo(nth) {
    if (nth < 0) return;
    this.cursor = nth;
    this.showSeat(nth);
    this.turn = 1 - this.turn;
    this.tell();
    this.cursors[this.turn].focus({ preventScroll: true });
    this.tell();
  }

  home() {
    if (this.cursor < 0) this.cursor = [...this.data.state.keys()].find((nth) => this.data.isOpen(nth)) ?? -1;
    this.tell();
  }

  pressed(event) {
    const { key } = event;
    if (this.cursor < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = {
      Home: () => this.goTo(this.walk.end(this.cursor, true)),
      End: () => this.goTo(this.walk.end(this.cursor, false)),
      PageDown: () => this.goTo(this.walk.toSection(this.cursor, 1)),
      PageUp: () => this.goTo(this.walk.toSection(this.cursor, -1)),
      "+": () => this.zoomBy(1.7),
      "-": () => this.zoomBy(1 / 1.7),
      Escape: () => this.showAll(),
    };
    const act = ARROWS.includes(key) ? () => this.goTo(this.walk.step(this.cursor, key)) : acts[key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  // Until then its buttons can't be reached: a key that is pressed on one must not be lost.
  listen() {
    listenToFingers(this.frame, this);
    for (const button of this.cursors) {
      button.disabled = false;
      button.addEventListener("focus", () => {
        this.home();
        if (this.cursor >= 0 && button.matches(":focus-visible")) this.showSeat(this.cursor);
      });
      button.addEventListener("blur", () => this.signs.ring(-1));
      button.addEventListener("click", () => {
        if (this.cursor >= 0) this.onPick(this.cursor);
        this.tell();
      });
      button.addEventListener("keydown", (event) => this.pressed(event));
    }
    const press = (id, act) => document.getElementById(id).addEventListener("click", act);
    press("zoom-in", () => this.zoomBy(1.8));
    press("zoom-out", () => this.zoomBy(1 / 1.8));
    press("zoom-all", () => this.showAll());
    new ResizeObserver(() => this.resize()).observe(this.frame);
    dark.addEventListener("change", () => this.applyTheme());
  }
}

