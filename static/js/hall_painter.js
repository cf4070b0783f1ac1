// Pictures of a hall: all of it as pixels, for the overview and as a ground; and a part of it, sharp, piece by piece.
//
// Grades differ by colour, by shape (seat_shapes.js), and by their letter where there is room for one.

import { inkOn, channels } from "./colours.js";
import { paintAreas, paintLabels, paintText } from "./hall_areas.js";
import { FREE, OWN, TAKEN } from "./seat_data.js";
import { paintChosen, paintOwn, seatSprite } from "./seat_shapes.js";

// In shares of how far seats are apart.
const RADIUS = 0.42;
const TAKEN_SHARE = 0.45;
// On the screen, in CSS pixels: from here on seats have a letter, from here on their number.
const WITH_LETTER = 13;
const WITH_NUMBER = 22;
// So many seats between two looks at the clock.
const AT_ONCE = 24;
const DIMMED = 0.16;

export class HallPainter {
  // `grid` is set before a part of the hall is painted.
  constructor(hall, data) {
    Object.assign(this, { hall, data, grid: null, sprites: new Map() });
  }

  applyTheme(theme) {
    this.theme = theme;
    this.colors = this.data.categories.map((each) => (theme.isDark ? each.dark : each.light));
    this.inks = this.colors.map(inkOn);
    this.sprites.clear();
  }

  // --- All of it -------------------------------------------------------------------------------

  // `scale`: pixels of the canvas for a unit of the hall.
  paintWhole(canvas, scale, density) {
    this.density = density;
    const [left, top, width, height] = this.hall.extent;
    canvas.width = Math.max(1, Math.ceil(width * scale));
    canvas.height = Math.max(1, Math.ceil(height * scale));
    const context = canvas.getContext("2d");
    const toHall = () => context.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
    toHall();
    paintAreas(context, this.hall.areas, this.theme, scale / this.density);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.dots(canvas.width, canvas.height, scale), 0, 0);
    toHall();
    // Sections have a sign there already.
    const others = this.hall.labels.filter(({ text }) => !this.data.sections.includes(text));
    paintLabels(context, others, this.theme, scale / this.density);
    for (const nth of this.marked()) this.paintMarked(context, nth, Math.max(RADIUS * this.data.pitch, 7 / scale));
  }

  *marked() {
    yield* this.data.own;
    yield* this.data.chosen;
  }

  // Written as pixels: 20,000 arcs of a canvas take twenty times as long.
  dots(width, height, scale) {
    const [left, top] = this.hall.extent;
    const { data } = this;
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const radius = Math.max(0.75, RADIUS * data.pitch * scale);
    const disc = mask(radius, false);
    const square = mask(radius, true);
    const dot = mask(Math.max(0.6, radius * TAKEN_SHARE), false);
    const colors = this.colors.map((color) => packed(channels(color)));
    const taken = this.takenColors().map((color) => packed(channels(color)));
    for (let nth = 0; nth < data.count; nth += 1) {
      const isFree = data.state[nth] === FREE;
      const shape = isFree ? (data.accessible[nth] ? square : disc) : dot;
      const color = isFree ? colors[data.category[nth]] : taken[data.kind?.[nth] ?? 0];
      const strength = data.shown[nth] ? 1 : DIMMED;
      stamp(pixels, width, height, shape, (data.x[nth] - left) * scale, (data.y[nth] - top) * scale, color, strength);
    }
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  // Staff see kinds of taken seats (hall_staff.js), fans one.
  takenColors() {
    return [this.theme.taken, ...(this.theme.kinds ?? [])];
  }

  paintMarked(context, nth, radius) {
    const color = this.colors[this.data.category[nth]];
    const paint = this.data.state[nth] === OWN ? paintOwn : paintChosen;
    paint(context, this.data.x[nth], this.data.y[nth], radius, color, this.theme);
  }

  // --- A part of it ----------------------------------------------------------------------------

  // Yields now and then, so that who runs it can stop for a frame. `density`: canvas pixels for a CSS pixel.
  *paintPart(canvas, box, scale, density) {
    const context = canvas.getContext("2d");
    const { theme, data } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = theme.card;
    context.fillRect(0, 0, canvas.width, canvas.height);
    const toHall = () => context.setTransform(scale, 0, 0, scale, -box.left * scale, -box.top * scale);
    toHall();
    paintAreas(context, this.hall.areas, theme, scale / density);
    yield;
    const found = [];
    this.grid.within(box.left, box.top, box.right, box.bottom, (nth) => found.push(nth));
    context.setTransform(1, 0, 0, 1, 0, 0);
    yield;
    yield* this.stampSeats(context, found, box, scale, density);
    toHall();
    paintLabels(context, this.hall.labels, theme, scale / density);
    const apart = (data.pitch * scale) / density;
    if (apart >= WITH_NUMBER) yield* this.paintNumbers(context, found, box, scale);
    if (apart >= WITH_LETTER) yield* this.paintRowNames(context, found, box, scale);
    toHall();
    for (const nth of this.marked()) this.paintMarked(context, nth, RADIUS * data.pitch * 1.06);
  }

  *stampSeats(context, found, box, scale, density) {
    const { data } = this;
    const radius = RADIUS * data.pitch * scale;
    const hasLetter = (data.pitch * scale) / density >= WITH_LETTER && (data.pitch * scale) / density < WITH_NUMBER;
    for (let at = 0; at < found.length; at += 1) {
      if (at % AT_ONCE === AT_ONCE - 1) yield;
      const nth = found[at];
      if (data.state[nth] !== FREE && data.state[nth] !== TAKEN) continue;
      const sprite = this.sprite(nth, radius, hasLetter);
      context.globalAlpha = data.shown[nth] ? 1 : DIMMED;
      const half = sprite.width / 2;
      context.drawImage(
        sprite, Math.round((data.x[nth] - box.left) * scale - half), Math.round((data.y[nth] - box.top) * scale - half),
      );
    }
    context.globalAlpha = 1;
  }

  sprite(nth, radius, hasLetter) {
    const { data, theme } = this;
    const isFree = data.state[nth] === FREE;
    const category = isFree ? data.category[nth] : -1;
    const isAccessible = isFree && data.accessible[nth] === 1;
    const kind = isFree ? 0 : (data.kind?.[nth] ?? 0);
    const key = `${category} ${kind} ${isAccessible} ${hasLetter} ${radius.toFixed(2)}`;
    if (!this.sprites.has(key)) {
      if (this.sprites.size > 200) this.sprites.clear();
      const letter = isFree && hasLetter && !isAccessible ? data.categories[category].letter : "";
      const look = isFree
        ? { shape: category, color: this.colors[category], ink: this.inks[category], letter, isAccessible }
        : { shape: 0, color: this.takenColors()[kind], ink: theme.ink, letter: "", isAccessible: false };
      this.sprites.set(key, seatSprite(isFree ? radius : radius * TAKEN_SHARE, look, theme.font));
    }
    return this.sprites.get(key);
  }

  *paintNumbers(context, found, box, scale) {
    const { data } = this;
    const radius = RADIUS * data.pitch * scale;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.textAlign = "center";
    context.textBaseline = "middle";
    let font = "";
    for (let at = 0; at < found.length; at += 1) {
      if (at % AT_ONCE === AT_ONCE - 1) yield;
      const nth = found[at];
      if (data.state[nth] !== FREE || data.accessible[nth] || !data.shown[nth]) continue;
      const label = data.labelOf(nth);
      const size = Math.round(radius * (label.length > 3 ? 0.6 : 0.92));
      const wanted = `600 ${size}px ${this.theme.font}`;
      if (wanted !== font) context.font = font = wanted;
      context.fillStyle = this.inks[data.category[nth]];
      context.fillText(label, (data.x[nth] - box.left) * scale, (data.y[nth] - box.top) * scale);
    }
  }

  // Each row's name before its first seat and behind its last.
  *paintRowNames(context, found, box, scale) {
    const { data } = this;
    const runs = new Set();
    for (const nth of found) runs.add(data.runOf[nth]);
    yield;
    context.setTransform(scale, 0, 0, scale, -box.left * scale, -box.top * scale);
    let count = 0;
    for (const at of runs) {
      if (++count % AT_ONCE === 0) yield;
      const { start, count: length, name } = data.runs[at];
      const last = start + length - 1;
      this.paintRowName(context, name, start, length > 1 ? start + 1 : -1, scale);
      if (length > 4) this.paintRowName(context, name, last, last - 1, scale);
    }
  }

  paintRowName(context, name, nth, next, scale) {
    const { x, y, pitch } = this.data;
    const [dx, dy] = next < 0 ? [-pitch, 0] : [x[nth] - x[next], y[nth] - y[next]];
    const far = Math.hypot(dx, dy) || 1;
    const [toX, toY] = [x[nth] + (dx / far) * pitch, y[nth] + (dy / far) * pitch];
    paintText(context, name, toX, toY, pitch * (name.length > 3 ? 0.34 : 0.48), this.theme.soft, this.theme, scale);
  }
}

// How much of each pixel of a small square a seat covers, 0 to 255.
function mask(radius, isSquare) {
  const size = Math.max(1, Math.ceil(2 * radius));
  const cover = new Uint8Array(size * size);
  const middle = (size - 1) / 2;
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const [dx, dy] = [Math.abs(x - middle), Math.abs(y - middle)];
      const away = isSquare ? Math.max(dx, dy) : Math.hypot(dx, dy);
      cover[y * size + x] = Math.round(255 * Math.min(1, Math.max(0, radius + 0.5 - away)));
    }
  }
  return { size, cover };
}

function packed([red, green, blue]) {
  return (blue << 16) | (green << 8) | red;
}

function stamp(pixels, width, height, { size, cover }, x, y, color, strength) {
  const left = Math.round(x - size / 2);
  const top = Math.round(y - size / 2);
  for (let row = 0; row < size; row += 1) {
    const at = (top + row) * width + left;
    if (top + row < 0 || top + row >= height) continue;
    for (let column = 0; column < size; column += 1) {
      if (left + column < 0 || left + column >= width) continue;
      const alpha = Math.round(cover[row * size + column] * strength);
      if (alpha > pixels[at + column] >>> 24) pixels[at + column] = ((alpha << 24) | color) >>> 0;
    }
  }
}

