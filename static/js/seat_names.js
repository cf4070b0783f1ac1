// Names without the word for what they name, as reservations/halls/seat_names.py has them: "Row A" and "A열" are "A".

const ROW = /^(?:(?:rows?|reihe|fila|rij)\b[\s.:]*(?<after>\S.*)|(?<before>\S.*?)\s*[열줄])$/i;
const SEAT = /^(?:(?:seat|sitz|platz|asiento|n[or]\.)(?!\w)[\s.:]*(?<after>\S.*)|(?<before>\S.*?)\s*번(?:석)?)$/i;

function bare(word, name) {
  const { after, before } = word.exec(name.trim())?.groups ?? {};
  return after ?? before ?? name.trim();
}

// A sentence with its {names} replaced by what is known; others stay.
export function filled(text, facts) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole);
}

export const rowName = (row) => bare(ROW, row);
export const seatNumber = (label) => bare(SEAT, label);
