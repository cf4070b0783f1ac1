// Colours that can be told from the paper and read upon each other, whatever a plan's author chose.

export const COLOR = /^#(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})$/i;
const PLAIN = "#6b7280";

export function channels(color) {
  const hex = color.length === 4 ? [...color.slice(1)].map((digit) => digit + digit).join("") : color.slice(1);
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

// The colour, moved towards white or black until it stands out from the paper (WCAG 1.4.11).
export function readable(color, paper) {
  const wanted = COLOR.test(color ?? "") ? color : PLAIN;
  const target = luminance(paper) < 0.3 ? 255 : 0;
  let rgb = channels(wanted);
  for (let step = 0; step < 20 && contrast(rgb, paper) < 3; step += 1) {
    rgb = rgb.map((value) => Math.round(value + (target - value) * 0.12));
  }
  return `rgb(${rgb.join(" ")})`;
}

export function inkOn(color) {
  const rgb = color.match(/\d+/g).map(Number);
  return luminance(rgb) > 0.4 ? "#000" : "#fff";
}
