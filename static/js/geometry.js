// How the seats of a hall lie: how near to each other, how far they reach, and which are where.

export function spacing(seats) {
  const gaps = [];
  for (let nth = 1; nth < seats.length && gaps.length < 400; nth += 1) {
    const [one, other] = [seats[nth - 1], seats[nth]];
    if (one.section === other.section && one.row === other.row) gaps.push(Math.hypot(one.x - other.x, one.y - other.y));
  }
  gaps.sort((a, b) => a - b);
  return gaps[Math.floor(gaps.length / 2)] || 20;
}

export function bounds(seats, layout, pitch) {
  let [left, top, right, bottom] = [0, 0, layout.size?.width ?? 0, layout.size?.height ?? 0];
  for (const { x, y } of seats) {
    left = Math.min(left, x - pitch);
    top = Math.min(top, y - pitch);
    right = Math.max(right, x + pitch);
    bottom = Math.max(bottom, y + pitch);
  }
  return { left, top, width: Math.max(right - left, 1), height: Math.max(bottom - top, 1) };
}

// Seats by the square that they stand in, so that a tap looks at a few of them alone.
export function squares(seats, size) {
  const found = new Map();
  seats.forEach((seat, nth) => {
    const key = `${Math.floor(seat.x / size)}:${Math.floor(seat.y / size)}`;
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(nth);
  });
  return found;
}
