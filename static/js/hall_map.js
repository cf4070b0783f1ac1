// The map of a hall on a canvas: it draws 20,000 seats in a frame, where as many elements would take seconds.
//
// What can't be seen on a canvas is said by two buttons that take turns: the one with the focus stands for the
// seat at the cursor. The list view has every seat as a box to tick.

import { COLOR, channels, inkOn, readable } from "./colours.js";
import { bounds, spacing, squares } from "./geometry.js";
import { listenToFingers } from "./gestures.js";

// Sizes on the screen, in CSS pixels.
const TAPPABLE = 22;
const COMFORTABLE = 34;
const LARGEST = 64;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class HallMap {
  // `states(nth)` says "free", "taken", "own" or "chosen"; `describe(nth)` puts a seat in words.
  constructor({ frame, canvas, cursors, seats, layout, states, describe, onPick }) {
    Object.assign(this, { frame, canvas, cursors, seats, layout, states, describe, onPick });
    this.context = canvas.getContext("2d");
    this.pitch = spacing(seats);
    this.radius = 0.42 * this.pitch;
    this.extent = bounds(seats, layout, this.pitch);
    this.squares = squares(seats, 2 * this.pitch);
    this.cursor = -1;
    this.turn = 0;
    this.view = { scale: 1, x: 0, y: 0 };
    this.rows = this.rowNames();
    this.listen();
    this.dress();
    frame.style.setProperty("--hall-height", `${Math.ceil((frame.clientWidth * this.extent.height) / this.extent.width)}px`);
    this.resize();
  }

  rowNames() {
    const names = [];
    this.seats.forEach((seat, nth) => {
      const before = this.seats[nth - 1];
      if (!before || before.row !== seat.row || before.section !== seat.section) names.push(nth);
    });
    return names;
  }

  // --- Look ----------------------------------------------------------------------------------------

  dress() {
    const style = getComputedStyle(this.frame);
    const token = (name) => style.getPropertyValue(name).trim();
    const paper = channels(COLOR.test(token("--card")) ? token("--card") : "#ffffff");
    this.theme = { paper, ink: token("--ink"), soft: token("--soft"), line: token("--line"), focus: token("--focus"), font: style.fontFamily };
    const colors = new Map((this.layout.categories ?? []).map(({ name, color }) => [name, color]));
    this.colors = new Map();
    for (const { category } of this.seats) {
      if (!this.colors.has(category)) this.colors.set(category, readable(colors.get(category), paper));
    }
    this.draw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.frame;
    if (!width || !height) return;
    const was = this.size;
    this.size = { width, height };
    this.density = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * this.density);
    this.canvas.height = Math.round(height * this.density);
    this.least = Math.min(width / this.extent.width, height / this.extent.height);
    this.most = Math.max(LARGEST / this.pitch, this.least);
    if (!was || this.isWhole) this.showAll();
    else this.move(0, 0);
  }

  get diameter() {
    return 2 * this.radius * this.view.scale;
  }

  draw() {
    if (this.frameAsked || !this.size) return;
    this.frameAsked = requestAnimationFrame(() => {
      this.frameAsked = 0;
      this.paint();
    });
  }

  paint() {
    const { context, view, density } = this;
    const began = performance.now();
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, this.size.width, this.size.height);
    context.setTransform(density * view.scale, 0, 0, density * view.scale, density * view.x, density * view.y);
    for (const area of this.layout.areas ?? []) this.paintArea(area);
    this.paintSeats();
    for (const label of this.layout.labels ?? []) this.paintText(label.text, label.x, label.y, label.size ?? 18, this.theme.soft);
    if (this.diameter > TAPPABLE) this.paintNumbers();
    this.paintCursor();
    this.paintTook = performance.now() - began;
  }

  paintArea(area) {
    const { context } = this;
    context.save();
    context.translate(area.x ?? 0, area.y ?? 0);
    context.rotate(((area.rotation ?? 0) * Math.PI) / 180);
    context.beginPath();
    const shape = area.shape ?? "rectangle";
    if (shape === "rectangle") context.rect(0, 0, area.width ?? 0, area.height ?? 0);
    else if (shape === "circle") context.arc(0, 0, Math.abs(area.radius ?? 0), 0, 2 * Math.PI);
    else if (shape === "ellipse") context.ellipse(0, 0, Math.abs(area.radius_x ?? 0), Math.abs(area.radius_y ?? 0), 0, 0, 2 * Math.PI);
    else if (shape === "polygon") for (const { x, y } of area.points ?? []) context.lineTo(x, y);
    const color = COLOR.test(area.color ?? "") ? area.color : "";
    context.closePath();
    if (color && shape !== "text") {
      context.fillStyle = color;
      context.fill();
    }
    if (COLOR.test(area.border_color ?? "")) {
      context.strokeStyle = area.border_color;
      context.stroke();
    }
    if (area.text) {
      const isBox = shape === "rectangle";
      const x = area.text_x ?? (isBox ? (area.width ?? 0) / 2 : 0);
      const y = area.text_y ?? (isBox ? (area.height ?? 0) / 2 : 0);
      const plain = color && shape !== "text" ? inkOn(`rgb(${channels(color).join(" ")})`) : this.theme.soft;
      this.paintText(area.text, x, y, area.text_size ?? 16, COLOR.test(area.text_color ?? "") ? area.text_color : plain);
    }
    context.restore();
  }

  paintText(text, x, y, size, color) {
    // Too small to read is clutter.
    if (size * this.view.scale < 4) return;
    this.context.font = `600 ${Math.min(200, size)}px ${this.theme.font}`;
    this.context.textAlign = "center";
    this.context.textBaseline = "middle";
    this.context.fillStyle = color;
    this.context.fillText(String(text), x, y);
  }

  *visible() {
    const { view, size, pitch } = this;
    const left = -view.x / view.scale - pitch;
    const top = -view.y / view.scale - pitch;
    const right = left + size.width / view.scale + 2 * pitch;
    const bottom = top + size.height / view.scale + 2 * pitch;
    for (let nth = 0; nth < this.seats.length; nth += 1) {
      const { x, y } = this.seats[nth];
      if (x >= left && x <= right && y >= top && y <= bottom) yield nth;
    }
  }

  // One path a colour: as many strokes of the context as there are colours, not seats.
  paintSeats() {
    const free = new Map();
    const taken = new Path2D();
    const own = [];
    const isSmall = this.diameter < 4;
    for (const nth of this.visible()) {
      const state = this.states(nth);
      if (state === "taken") this.trace(taken, nth, 0.5, isSmall);
      else if (state === "free") {
        const { category } = this.seats[nth];
        if (!free.has(category)) free.set(category, new Path2D());
        this.trace(free.get(category), nth, 1, isSmall);
      } else own.push([nth, state]);
    }
    this.context.fillStyle = this.theme.line;
    this.context.fill(taken);
    for (const [category, path] of free) {
      this.context.fillStyle = this.colors.get(category);
      this.context.fill(path);
    }
    for (const [nth, state] of own) this.paintOwn(nth, state);
  }

  // Wheelchair places are square, so that they are told apart by shape, too.
  trace(path, nth, share, isSmall) {
    const { x, y, accessible } = this.seats[nth];
    const radius = this.radius * share;
    if (isSmall || accessible) path.rect(x - radius, y - radius, 2 * radius, 2 * radius);
    else {
      path.moveTo(x + radius, y);
      path.arc(x, y, radius, 0, 2 * Math.PI);
    }
  }

  paintOwn(nth, state) {
    const { context } = this;
    const { x, y, category } = this.seats[nth];
    const radius = Math.max(this.radius * 1.1, 6 / this.view.scale);
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = state === "chosen" ? this.theme.ink : this.colors.get(category);
    context.fill();
    context.lineWidth = 0.28 * radius;
    context.strokeStyle = state === "chosen" ? this.colors.get(category) : this.theme.ink;
    context.stroke();
    if (state !== "chosen") return;
    context.beginPath();
    context.moveTo(x - 0.42 * radius, y + 0.02 * radius);
    context.lineTo(x - 0.1 * radius, y + 0.36 * radius);
    context.lineTo(x + 0.46 * radius, y - 0.36 * radius);
    context.strokeStyle = `rgb(${this.theme.paper.join(" ")})`;
    context.stroke();
  }

  paintNumbers() {
    for (const nth of this.visible()) {
      const { x, y, seat_label: label, category } = this.seats[nth];
      if (this.states(nth) === "free") this.paintText(label, x, y, this.radius * (label.length > 3 ? 0.55 : 0.85), inkOn(this.colors.get(category)));
    }
    const shown = new Set(this.visible());
    for (const nth of this.rows) {
      if (!shown.has(nth)) continue;
      const [first, second] = [this.seats[nth], this.seats[nth + 1]];
      const isPair = second && second.row === first.row && second.section === first.section;
      const [dx, dy] = isPair ? [first.x - second.x, first.y - second.y] : [-this.pitch, 0];
      this.paintText(first.row, first.x + dx, first.y + dy, this.radius, this.theme.soft);
    }
  }

  paintCursor() {
    if (this.cursor < 0 || !this.cursors.includes(document.activeElement)) return;
    const { x, y } = this.seats[this.cursor];
    this.context.beginPath();
    this.context.arc(x, y, Math.max(this.radius * 1.5, 9 / this.view.scale), 0, 2 * Math.PI);
    this.context.lineWidth = 3 / this.view.scale;
    this.context.strokeStyle = this.theme.focus;
    this.context.stroke();
  }

  // --- Moving --------------------------------------------------------------------------------------

  showAll() {
    const { size, extent, least } = this;
    this.view = {
      scale: least,
      x: (size.width - extent.width * least) / 2 - extent.left * least,
      y: (size.height - extent.height * least) / 2 - extent.top * least,
    };
    this.settle();
  }

  get isWhole() {
    return this.view.scale <= this.least * 1.01;
  }

  get isClosest() {
    return this.view.scale >= this.most;
  }

  move(dx, dy) {
    this.view.x += dx;
    this.view.y += dy;
    this.settle();
  }

  zoom(factor, x = this.size.width / 2, y = this.size.height / 2) {
    const scale = Math.min(this.most, Math.max(this.least, this.view.scale * factor));
    const ratio = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * ratio, y: y - (y - this.view.y) * ratio };
    this.settle();
  }

  // The hall never leaves the frame, and stands in its middle where it is the smaller one.
  settle() {
    const { view, size, extent } = this;
    const within = (start, length, room, origin) => {
      const long = length * view.scale;
      if (long <= room) return (room - long) / 2 - origin * view.scale;
      return Math.min(-origin * view.scale, Math.max(room - long - origin * view.scale, start));
    };
    view.x = within(view.x, extent.width, size.width, extent.left);
    view.y = within(view.y, extent.height, size.height, extent.top);
    // A map that shows the whole hall lets the finger scroll the page.
    this.frame.classList.toggle("zoomed", !this.isWhole);
    this.draw();
  }

  show(nth) {
    const seat = this.seats[nth];
    if (this.diameter < 16) this.zoom(TAPPABLE / this.diameter, seat.x * this.view.scale + this.view.x, seat.y * this.view.scale + this.view.y);
    const [x, y] = [seat.x * this.view.scale + this.view.x, seat.y * this.view.scale + this.view.y];
    const edge = Math.min(60, this.size.width / 4, this.size.height / 4);
    const inward = (at, room) => (at < edge ? edge - at : at > room - edge ? room - edge - at : 0);
    this.move(inward(x, this.size.width), inward(y, this.size.height));
    this.frame.scrollIntoView({ block: "nearest" });
  }

  // --- Picking -------------------------------------------------------------------------------------

  seatAt(x, y) {
    const [worldX, worldY] = [(x - this.view.x) / this.view.scale, (y - this.view.y) / this.view.scale];
    const reach = Math.max(0.6 * this.pitch, Math.min(TAPPABLE / this.view.scale, 2 * this.pitch));
    const [column, row] = [Math.floor(worldX / (2 * this.pitch)), Math.floor(worldY / (2 * this.pitch))];
    let [best, distance] = [-1, reach];
    for (let i = column - 1; i <= column + 1; i += 1) {
      for (let j = row - 1; j <= row + 1; j += 1) {
        for (const nth of this.squares.get(`${i}:${j}`) ?? []) {
          const away = Math.hypot(this.seats[nth].x - worldX, this.seats[nth].y - worldY);
          if (away < distance) [best, distance] = [nth, away];
        }
      }
    }
    return best;
  }

  tap(x, y, isFinger) {
    // Where seats are smaller than a fingertip, the first tap comes closer.
    if (this.diameter < (isFinger ? TAPPABLE : 9) && !this.isClosest) {
      this.zoom(COMFORTABLE / this.diameter, x, y);
      return;
    }
    const nth = this.seatAt(x, y);
    if (nth < 0) return;
    this.cursor = nth;
    this.onPick(nth);
    this.tell();
  }

  step([dx, dy]) {
    const from = this.seats[this.cursor];
    let [best, least] = [-1, Infinity];
    this.seats.forEach((seat, nth) => {
      if (nth === this.cursor || this.states(nth) === "taken") return;
      const [x, y] = [seat.x - from.x, seat.y - from.y];
      const along = x * dx + y * dy;
      const aside = Math.abs(x * dy) + Math.abs(y * dx);
      // Within 60 degrees of the arrow, and rather straight on than near.
      if (along <= 0.01 || aside > 1.75 * along) return;
      const cost = along + 2.5 * aside;
      if (cost < least) [best, least] = [nth, cost];
    });
    if (best < 0) return;
    this.cursor = best;
    this.show(best);
    // The other button takes the focus: screen readers say what has just been focused.
    this.turn = 1 - this.turn;
    this.tell();
    this.cursors[this.turn].focus({ preventScroll: true });
  }

  tell() {
    if (this.cursor < 0) return;
    const button = this.cursors[this.turn];
    button.tabIndex = 0;
    this.cursors[1 - this.turn].tabIndex = -1;
    button.setAttribute("aria-label", this.describe(this.cursor));
    button.setAttribute("aria-checked", String(this.states(this.cursor) === "chosen"));
    this.draw();
  }

  home() {
    if (this.cursor >= 0) return;
    this.cursor = this.seats.findIndex((seat, nth) => this.states(nth) !== "taken");
    this.tell();
  }

  // --- Listening -----------------------------------------------------------------------------------

  listen() {
    listenToFingers(this.canvas, this);
    for (const button of this.cursors) {
      button.addEventListener("focus", () => {
        this.home();
        if (this.cursor >= 0 && button.matches(":focus-visible")) this.show(this.cursor);
        this.draw();
      });
      button.addEventListener("blur", () => this.draw());
      button.addEventListener("click", () => {
        if (this.cursor >= 0) this.onPick(this.cursor);
        this.tell();
      });
      button.addEventListener("keydown", (event) => {
        if (!(event.key in ARROWS) || this.cursor < 0) return;
        event.preventDefault();
        this.step(ARROWS[event.key]);
      });
    }
    new ResizeObserver(() => this.resize()).observe(this.frame);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.dress());
  }
}
