// What lies upon a map so that nobody is lost on it: sections with what is left, rows at the edge, where the stage is,
// a small map of all with a frame around what is seen, and a ring around the seat that is meant.

import { filled } from "./seat_names.js";

const MINI = 84;
// From here on seats are told by their rows, below it by their sections; in CSS pixels between two seats.
const ROWS_FROM = 12;
const STRIP = 26;
const ROW_HEIGHT = 16;
// So many buttons of sections in a frame: a style and a place for each takes a slow phone half a millisecond.
const AT_ONCE = 17;

export class HallSigns {
  constructor({ frame, hall, data, texts, map }) {
    Object.assign(this, { frame, hall, data, texts, map, view: map.view, ringed: -1 });
    this.sections = data.sectionFacts();
    this.numbers = new Intl.NumberFormat(texts.language);
    this.strip = frame.querySelector(".hall-rows");
    this.mini = frame.querySelector(".hall-mini");
    this.window = this.mini.querySelector("span");
    this.stage = frame.querySelector(".hall-stage");
    this.ringMark = frame.querySelector(".hall-ring");
    this.list = frame.querySelector(".hall-sections");
    this.buttons = this.makeButtons(this.list);
    this.sizes = this.buttons.map(() => null);
    this.mini.addEventListener("pointerdown", (event) => event.stopPropagation());
    this.mini.addEventListener("click", (event) => this.jump(event));
  }

  // --- Sections ----------------------------------------------------------------------------------

  makeButtons(list) {
    return this.sections.map((section, nth) => {
      const [item, button, name, left, said] = ["li", "button", "b", "span", "span"].map((tag) => document.createElement(tag));
      button.type = "button";
      name.textContent = section.name;
      // What is seen is short; what is spoken says all of it.
      name.ariaHidden = left.ariaHidden = "true";
      said.className = "sr-only";
      button.append(name, left, said);
      button.addEventListener("focus", () => this.put(nth));
      button.addEventListener("click", () => {
        this.map.showSection(nth);
        const first = this.map.walk.firstOf(nth);
        // By keyboard one goes on with its seats.
        if (first >= 0 && button.matches(":focus-visible")) this.map.goTo(first);
      });
      item.append(button);
      list.append(item);
      return button;
    });
  }

  // What is left, as `SeatData.left` counts it; `priceOf(amount)` writes money. Only what differs is written: most
  // changes of a hall are in one section, and whatever is written is laid out anew.
  count({ bySection }, priceOf) {
    this.buttons.forEach((button, nth) => {
      const { name, lowest, categories } = this.sections[nth];
      const left = bySection[nth];
      const shown = left || this.data.isFiltered ? this.numbers.format(left) : this.texts.full_short;
      const [, number, spoken] = button.children;
      if (number.textContent === shown && this.wasFiltered === this.data.isFiltered) return;
      // Digits are of one width: another size comes with another length.
      if (number.textContent.length !== shown.length) this.sizes[nth] = null;
      number.textContent = shown;
      button.classList.toggle("full", !left);
      const grades = [...categories].map((each) => this.data.categories[each].name).join(", ");
      const said = left || this.data.isFiltered ? this.texts.section : this.texts.section_full;
      const facts = { section: name, left: this.numbers.format(left), grades, price: priceOf(lowest) };
      spoken.textContent = filled(said, facts);
    });
    this.wasFiltered = this.data.isFiltered;
  }

  // Read all at once: reading between writes has a browser lay out each time.
  measure() {
    this.buttons.forEach((button, nth) => {
      this.sizes[nth] ??= [button.offsetWidth / 2 + 1, button.offsetHeight / 2 + 1];
    });
  }

  // The largest first; who would cover another is left out until there is room, and shows when it has the focus.
  // Answers what is to be done, a button each.
  placeButtons() {
    this.measure();
    const { view } = this;
    const taken = [];
    const moves = [];
    this.order ??= [...this.sections.keys()].sort((a, b) => this.sections[b].count - this.sections[a].count);
    for (const nth of this.order) {
      const [section, [wide, high]] = [this.sections[nth], this.sizes[nth]];
      const [x, y] = [section.x * view.scale + view.x, section.y * view.scale + view.y];
      const covers = taken.some((each) => Math.abs(each.x - x) < each.wide + wide && Math.abs(each.y - y) < each.high + high);
      if (!covers) taken.push({ x, y, wide, high });
      moves.push(() => this.put(nth, covers));
    }
    return moves;
  }

  // Where its section is seen. Who is covered and has no focus stays where it was: nobody sees it.
  put(nth, covers) {
    const { view, sections, buttons, sizes } = this;
    if (covers !== undefined) buttons[nth].classList.toggle("crowded", covers);
    if (covers && buttons[nth] !== document.activeElement) return;
    const [wide, high] = sizes[nth];
    const [x, y] = [sections[nth].x * view.scale + view.x - wide, sections[nth].y * view.scale + view.y - high];
    buttons[nth].style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }

  // --- In each frame -----------------------------------------------------------------------------

  resize() {
    const density = Math.min(2, window.devicePixelRatio || 1);
    this.strip.width = STRIP * density;
    this.strip.height = Math.round(1.6 * this.view.frame.height * density);
    this.strip.style.height = `${1.6 * this.view.frame.height}px`;
    this.density = density;
  }

  // When the map has come to rest: all at once, or the steps of it in frames of their own.
  show() {
    for (const step of this.steps()) step();
  }

  steps() {
    const isFar = this.view.apart < ROWS_FROM;
    // Skipped, not gone, and not invisible, which each of them would inherit: they come back as they were laid out.
    this.list.classList.toggle("skipped", !isFar);
    const moves = isFar ? this.placeButtons() : [];
    const parts = Array.from({ length: Math.ceil(moves.length / AT_ONCE) }, (_, nth) => moves.slice(AT_ONCE * nth, AT_ONCE * (nth + 1)));
    return [...parts.map((part) => () => part.forEach((move) => move())), () => this.showRows()];
  }

  showRows() {
    this.paintStrip();
    this.follow(false);
  }

  // Only what a browser does without a layout: places, and how much is seen of a layer.
  follow(isMoving) {
    this.list.style.opacity = isMoving && !this.view.isWhole ? 0 : 1;
    this.placeStrip();
    this.placeWindow();
    this.placeStage();
    this.placeRing();
  }

  // Moved along with the map, and painted anew where it is moved aside or far.
  placeStrip() {
    const { view, stripAt } = this;
    if (!stripAt) return;
    const isSame = stripAt.scale === view.scale;
    this.strip.style.opacity = isSame ? 1 : 0;
    if (!isSame) return;
    const [dx, dy] = [view.x - stripAt.x, view.y - stripAt.y];
    if (Math.abs(dx) > view.apart || Math.abs(dy) > 0.3 * view.frame.height) this.paintStrip();
    else this.strip.style.transform = `translateY(${dy - 0.3 * view.frame.height}px)`;
  }

  // The names of the rows that are seen, at the left edge: they stay while the map moves below them.
  paintStrip() {
    const { view, map } = this;
    const isShown = view.apart >= ROWS_FROM;
    if (!isShown && !this.stripAt) return;
    const context = this.strip.getContext("2d");
    context.setTransform(this.density, 0, 0, this.density, 0, 0);
    context.clearRect(0, 0, STRIP, 1.6 * view.frame.height);
    this.stripAt = isShown ? { scale: view.scale, x: view.x, y: view.y } : null;
    if (!isShown) return;
    const theme = map.theme;
    context.globalAlpha = 0.92;
    context.fillStyle = theme.card;
    context.fillRect(0, 0, STRIP, 1.6 * view.frame.height);
    context.globalAlpha = 1;
    context.fillStyle = theme.ink;
    context.font = `700 11px ${theme.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const { name, y } of this.rowsAtTheEdge()) context.fillText(name, STRIP / 2, y + 0.5 + 0.3 * view.frame.height, STRIP - 4);
    this.strip.style.opacity = 1;
    this.strip.style.transform = `translateY(${-0.3 * view.frame.height}px)`;
  }

  // A browser looks for a font's letters when they are first painted: not while somebody pinches.
  warm() {
    const context = this.strip.getContext("2d");
    context.font = `700 11px ${this.map.theme.font}`;
    context.fillText([...new Set(this.data.runs.map((run) => run.name).join(""))].join(""), 0, -ROW_HEIGHT);
  }

  // Of the rows whose first seen seat lies in the left part, one for each height.
  rowsAtTheEdge() {
    const { view, data, map } = this;
    const seen = view.seen();
    const margin = (0.3 * view.frame.height) / view.scale;
    const [top, bottom] = [seen.top - margin, seen.bottom + margin];
    const first = new Map();
    const right = seen.left + 0.45 * (seen.right - seen.left);
    map.grid.within(seen.left, top, right, bottom, (nth) => {
      const x = data.x[nth];
      if (x < seen.left || x > right || data.y[nth] < top || data.y[nth] > bottom) return;
      const run = data.runOf[nth];
      const found = first.get(run);
      if (found === undefined || x < data.x[found]) first.set(run, nth);
    });
    const rows = [...first].map(([run, nth]) => ({
      name: data.runs[run].name, x: data.x[nth], y: data.y[nth] * view.scale + view.y,
    }));
    rows.sort((a, b) => a.x - b.x);
    const taken = [];
    return rows.filter(({ y }) => {
      const isFree = taken.every((each) => Math.abs(each - y) >= ROW_HEIGHT);
      if (isFree) taken.push(y);
      return isFree;
    });
  }

  // --- The small map -----------------------------------------------------------------------------

  paintMini(base) {
    const { width, height } = this.view;
    const share = MINI / Math.max(width, height);
    const canvas = this.mini.querySelector("canvas");
    [this.miniWidth, this.miniHeight] = [Math.round(width * share), Math.round(height * share)];
    canvas.width = 2 * this.miniWidth;
    canvas.height = 2 * this.miniHeight;
    Object.assign(this.mini.style, { width: `${this.miniWidth}px`, height: `${this.miniHeight}px` });
    canvas.getContext("2d").drawImage(base, 0, 0, canvas.width, canvas.height);
  }

  placeWindow() {
    if (this.view.isWhole || !this.miniWidth) return;
    const seen = this.view.seen();
    const share = this.miniWidth / this.view.width;
    const [left, top] = [(seen.left - this.view.left) * share, (seen.top - this.view.top) * share];
    const [wide, high] = [(seen.right - seen.left) * share, (seen.bottom - seen.top) * share];
    this.window.style.transform = `translate(${left}px, ${top}px) scale(${wide / 100}, ${high / 100})`;
  }

  jump(event) {
    const box = this.mini.getBoundingClientRect();
    const share = this.view.width / this.miniWidth;
    const [x, y] = [(event.clientX - box.left) * share + this.view.left, (event.clientY - box.top) * share + this.view.top];
    this.map.flyTo(this.view.around(x, y, this.view.scale));
  }

  // --- Stage and ring ----------------------------------------------------------------------------

  // At the edge of the frame behind which the stage lies.
  placeStage() {
    const { view, stage } = this;
    if (!this.hall.stage) return;
    const { width, height } = view.frame;
    const [x, y] = [this.hall.stage[0] * view.scale + view.x, this.hall.stage[1] * view.scale + view.y];
    const isSeen = x > 0 && y > 0 && x < width && y < height;
    stage.hidden = isSeen || view.isWhole;
    if (stage.hidden) return;
    const [dx, dy] = [x - width / 2, y - height / 2];
    const share = Math.min((width / 2 - 40) / Math.abs(dx || 1), (height / 2 - 18) / Math.abs(dy || 1));
    stage.style.transform = `translate(${width / 2 + dx * share}px, ${height / 2 + dy * share}px) translate(-50%, -50%)`;
    stage.firstElementChild.style.transform = `rotate(${Math.atan2(dy, dx) + Math.PI / 2}rad)`;
  }

  ring(nth) {
    this.ringed = nth;
    this.placeRing();
  }

  placeRing() {
    const nth = this.ringed;
    this.ringMark.hidden = nth < 0;
    if (nth < 0) return;
    const { view, data } = this;
    const size = Math.max(18, view.apart * 1.1);
    const [x, y] = [data.x[nth] * view.scale + view.x, data.y[nth] * view.scale + view.y];
    this.ringMark.style.width = this.ringMark.style.height = `${size}px`;
    this.ringMark.style.transform = `translate(${x - size / 2}px, ${y - size / 2}px)`;
  }
}

