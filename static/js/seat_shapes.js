// What a seat looks like. Each grade has a shape of its own, so that nobody needs to know colours apart; the legend
// shows the same shapes (reservations/_partials/seats_dot.html).

// Around a middle of 0, 0 and a radius of 1: corners, as angles from the top in shares of a turn, and how far out.
const CORNERS = {
  square: [[0.125, 1.22], [0.375, 1.22], [0.625, 1.22], [0.875, 1.22]],
  hexagon: [[0, 1.1], [1 / 6, 1.1], [1 / 3, 1.1], [0.5, 1.1], [2 / 3, 1.1], [5 / 6, 1.1]],
  diamond: [[0, 1.2], [0.25, 1.2], [0.5, 1.2], [0.75, 1.2]],
  pentagon: [[0, 1.12], [0.2, 1.12], [0.4, 1.12], [0.6, 1.12], [0.8, 1.12]],
  shield: [[0.125, 1.25], [0.5, 1.15], [0.875, 1.25]],
  tower: [[0, 1.25], [0.375, 1.2], [0.625, 1.2]],
};
export const SHAPES = ["circle", "square", "hexagon", "diamond", "pentagon", "shield", "tower"];

function traceShape(context, shape, x, y, radius) {
  const corners = CORNERS[SHAPES[shape % SHAPES.length]];
  context.beginPath();
  if (!corners) {
    context.arc(x, y, radius, 0, 2 * Math.PI);
    return;
  }
  // Rounded a little: lines from the middle of each side to the next, around its corner.
  const points = corners.map(([turn, far]) => {
    const angle = 2 * Math.PI * turn;
    return [x + Math.sin(angle) * far * radius, y - Math.cos(angle) * far * radius];
  });
  const [first, last] = [points[0], points.at(-1)];
  context.moveTo((first[0] + last[0]) / 2, (first[1] + last[1]) / 2);
  points.forEach((point, nth) => {
    const next = points[(nth + 1) % points.length];
    context.arcTo(point[0], point[1], (point[0] + next[0]) / 2, (point[1] + next[1]) / 2, radius * 0.3);
  });
  context.closePath();
}

// A small picture of a seat, to be stamped. `look`: shape, color, ink, letter, isAccessible.
export function seatSprite(radius, look, font) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 2 * Math.ceil(1.28 * radius + 1);
  const context = canvas.getContext("2d");
  const middle = canvas.width / 2;
  traceShape(context, look.shape, middle, middle, radius);
  context.fillStyle = look.color;
  context.fill();
  if (look.isAccessible) paintWheelchair(context, middle, middle, radius * 0.78, look.ink);
  if (look.letter) {
    context.font = `700 ${Math.round(radius * 1.15)}px ${font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = look.ink;
    context.fillText(look.letter, middle, middle + radius * 0.06);
  }
  return canvas;
}

function paintWheelchair(context, x, y, radius, ink) {
  context.strokeStyle = context.fillStyle = ink;
  context.lineWidth = radius * 0.2;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  context.arc(x - radius * 0.1, y - radius * 0.78, radius * 0.17, 0, 2 * Math.PI);
  context.fill();
  context.beginPath();
  context.moveTo(x - radius * 0.1, y - radius * 0.45);
  context.lineTo(x - radius * 0.1, y + radius * 0.1);
  context.lineTo(x + radius * 0.35, y + radius * 0.1);
  context.lineTo(x + radius * 0.55, y + radius * 0.65);
  context.stroke();
  context.beginPath();
  context.arc(x - radius * 0.1, y + radius * 0.3, radius * 0.52, 0.1 * Math.PI, 1.25 * Math.PI);
  context.stroke();
}

export function paintChosen(context, x, y, radius, color, theme) {
  context.beginPath();
  context.arc(x, y, radius * 1.12, 0, 2 * Math.PI);
  context.fillStyle = theme.ink;
  context.fill();
  context.lineWidth = 0.24 * radius;
  context.strokeStyle = color;
  context.stroke();
  context.beginPath();
  context.moveTo(x - 0.46 * radius, y + 0.02 * radius);
  context.lineTo(x - 0.12 * radius, y + 0.38 * radius);
  context.lineTo(x + 0.5 * radius, y - 0.38 * radius);
  context.strokeStyle = theme.card;
  context.stroke();
}

export function paintOwn(context, x, y, radius, color, theme) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = theme.good;
  context.fill();
  context.lineWidth = 0.2 * radius;
  context.strokeStyle = theme.card;
  context.beginPath();
  context.arc(x, y, radius * 0.66, 0, 2 * Math.PI);
  context.stroke();
}
