// Which part of a hall is seen: a place on the screen is `x * scale + view.x`, and alike for y.

// How far apart seats lie on the screen, in CSS pixels: at the most, and where a fingertip or a mouse can pick them.
const LARGEST = 70;
export const PICKABLE = 24;
export const PICKABLE_BY_MOUSE = 11;
export const COMFORTABLE = 30;

export class HallView {
  constructor(extent, pitch) {
    const [left, top, width, height] = extent;
    Object.assign(this, { left, top, width, height, pitch, scale: 1, x: 0, y: 0, frame: { width: 1, height: 1 } });
  }

  resize(width, height) {
    const wasWhole = this.isWhole;
    this.frame = { width, height };
    this.least = Math.min(width / this.width, height / this.height);
    this.most = Math.max(LARGEST / this.pitch, this.least);
    if (wasWhole) this.set(this.whole());
    else this.set(this.zoomed(1));
  }

  get isWhole() {
    return this.least === undefined || this.scale <= this.least * 1.01;
  }

  get isClosest() {
    return this.scale >= this.most * 0.999;
  }

  // How far apart seats are on the screen.
  get apart() {
    return this.pitch * this.scale;
  }

  set({ scale, x, y }) {
    this.scale = scale;
    this.x = this.within(x, this.width, this.frame.width, this.left, scale);
    this.y = this.within(y, this.height, this.frame.height, this.top, scale);
  }

  // The hall never leaves the frame, and stands in its middle where it is the smaller one. A little of air at its
  // edges, so that nothing upon the map covers its last seats.
  within(start, length, room, origin, scale) {
    const long = length * scale;
    if (long <= room) return (room - long) / 2 - origin * scale;
    const air = Math.min(56, room / 6);
    return Math.min(air - origin * scale, Math.max(room - air - long - origin * scale, start));
  }

  whole() {
    return { scale: this.least, x: 0, y: 0 };
  }

  // Answers how much of the way couldn't be gone: there the map ends.
  move(dx, dy) {
    const [x, y] = [this.x + dx, this.y + dy];
    this.set({ scale: this.scale, x, y });
    return [x - this.x, y - this.y];
  }

  zoomed(factor, x = this.frame.width / 2, y = this.frame.height / 2) {
    const scale = Math.min(this.most, Math.max(this.least, this.scale * factor));
    const ratio = scale / this.scale;
    return { scale, x: x - (x - this.x) * ratio, y: y - (y - this.y) * ratio };
  }

  // With a place of the hall in the middle.
  around(x, y, scale) {
    return { scale, x: this.frame.width / 2 - x * scale, y: this.frame.height / 2 - y * scale };
  }

  // A section as whole as its seats stay pickable, else as much of it as lies around (x, y).
  onSection(box, x, y) {
    const room = 0.86;
    const [width, height] = [box.right - box.left + 2 * this.pitch, box.bottom - box.top + 2 * this.pitch];
    const fits = Math.min((room * this.frame.width) / width, (room * this.frame.height) / height);
    const scale = Math.min(this.most, Math.max(this.least, COMFORTABLE / this.pitch, Math.min(fits, 44 / this.pitch)));
    const middle = (at, low, high, length) => {
      const half = (room * length) / 2 / scale;
      return high - low <= 2 * half ? (low + high) / 2 : Math.min(high - half, Math.max(low + half, at));
    };
    return this.around(
      middle(x, box.left, box.right, this.frame.width), middle(y, box.top, box.bottom, this.frame.height), scale,
    );
  }

  // As near as it takes to pick this seat, and moved no further than it takes to see it well.
  onSeat(x, y) {
    if (this.apart < PICKABLE) return this.around(x, y, Math.min(this.most, COMFORTABLE / this.pitch));
    const edge = Math.min(72, this.frame.width / 4, this.frame.height / 4);
    const inward = (at, room) => (at < edge ? edge - at : at > room - edge ? room - edge - at : 0);
    const [atX, atY] = [x * this.scale + this.x, y * this.scale + this.y];
    return {
      scale: this.scale, x: this.x + inward(atX, this.frame.width), y: this.y + inward(atY, this.frame.height),
    };
  }

  // The box of the hall that is in the frame, with so many pixels around it.
  seen(around = 0) {
    return {
      left: (-around - this.x) / this.scale,
      top: (-around - this.y) / this.scale,
      right: (this.frame.width + around - this.x) / this.scale,
      bottom: (this.frame.height + around - this.y) / this.scale,
    };
  }
}
