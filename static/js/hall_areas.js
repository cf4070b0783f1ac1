// What is in a hall besides seats: the stage, walls, names.

import { inkOn } from "./colours.js";

// On the screen, in CSS pixels: smaller text is clutter.
const READABLE = 7;

export function paintAreas(context, areas, theme, scale) {
  for (const area of areas) {
    context.save();
    context.translate(area.x, area.y);
    if (area.rotation) context.rotate((area.rotation * Math.PI) / 180);
    trace(context, area);
    if (area.fill) {
      context.fillStyle = area.fill;
      context.fill();
    }
    if (area.stroke) {
      context.lineWidth = 1;
      context.strokeStyle = area.stroke;
      context.stroke();
    }
    if (area.text) {
      const isSolid = area.fill?.length === 7;
      const ink = isSolid ? inkOn(area.fill) : area.fill ? (area.ink ?? theme.ink) : theme.soft;
      paintText(context, area.text, area.tx, area.ty, fitting(area, scale), ink, theme, scale);
    }
    context.restore();
  }
}

// A text that would be too small is as large as its area allows: from afar, too, one sees which the stage is.
function fitting({ text, size, points }, scale) {
  if (!points || size * scale >= READABLE) return size;
  const xs = points.filter((_, at) => at % 2 === 0);
  const room = (0.9 * (Math.max(...xs) - Math.min(...xs))) / (0.65 * text.length);
  return Math.max(size, Math.min(room, 11 / scale));
}

function trace(context, { rx, ry, points }) {
  context.beginPath();
  if (points) {
    for (let at = 0; at < points.length; at += 2) context.lineTo(points[at], points[at + 1]);
    context.closePath();
  } else if (rx && ry) context.ellipse(0, 0, rx, ry, 0, 0, 2 * Math.PI);
}

export function paintLabels(context, labels, theme, scale) {
  for (const { text, x, y, size } of labels) paintText(context, text, x, y, size, theme.soft, theme, scale);
}

export function paintText(context, text, x, y, size, color, theme, scale) {
  if (size * scale < READABLE) return;
  context.font = `600 ${size}px ${theme.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = color;
  context.fillText(text, x, y);
}
