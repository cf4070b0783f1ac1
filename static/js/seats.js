// Choosing seats: the map or the boxes of a section, the list of what is chosen, and what is taken meanwhile.
//
// The form posts the same fields as without it. A seat that vanishes is taken off the choice, and said.

import { Availability } from "./availability.js";
import { HallMap } from "./hall_map.js";
import { whenHeld } from "./other_tabs.js";
import { rowName, seatNumber } from "./seat_names.js";

const FREE = "A";

const form = document.getElementById("choice");
const texts = JSON.parse(form.dataset.texts);
const mayChoose = Number(form.dataset.mayChoose);
const own = new Set(numbersIn(form.dataset.own));
const notice = document.getElementById("notice");
const bar = document.getElementById("bar");
const rows = document.getElementById("rows");
const hall = document.getElementById("hall");
const digits = Number(form.dataset.digits);
const amounts = new Intl.NumberFormat(form.dataset.language, {
  minimumFractionDigits: digits, maximumFractionDigits: digits,
});

// By id: { id, section, row, seat_label, seat_price }, in the order in which they were chosen.
const chosen = new Map();
let codes = "";

const availability = new Availability(form.dataset.availability, {
  onChange: changed,
  onFailures(count) {
    if (count > 1) say(texts.stale);
    else if (!count) say("");
  },
});

function numbersIn(text) {
  return text.split(",").filter(Boolean).map(Number);
}

function filled(text, facts) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole);
}

function nameOf(seat) {
  return filled(texts.seat, { section: seat.section, row: rowName(seat.row), seat: seatNumber(seat.seat_label) });
}

// As the server writes it: ₩66,000, and 66,000원 in Korean.
function money(amount) {
  return filled(form.dataset.money, { amount: amounts.format(amount / 10 ** digits) });
}

function priceOf(seat) {
  return money(seat.seat_price);
}

// The bar with the notice is always there, if only as an empty one: what appears with its text isn't said.
function say(text) {
  notice.textContent = text;
  bar.classList.toggle("empty", !text && !chosen.size);
}

// --- What is chosen ------------------------------------------------------------------------------

function pick(seat) {
  if (chosen.has(seat.id)) {
    drop(seat);
    return true;
  }
  if (chosen.size >= mayChoose) {
    say(texts.limit);
    return false;
  }
  say("");
  chosen.set(seat.id, seat);
  showChosen();
  return true;
}

function drop(seat) {
  chosen.delete(seat.id);
  const box = rows?.querySelector(`input[value="${seat.id}"]`);
  if (box) box.checked = false;
  showChosen();
}

function entryOf(seat) {
  const entry = document.createElement("li");
  const remove = document.createElement("button");
  remove.type = "button";
  remove.className = "bar-seat";
  remove.textContent = `${nameOf(seat)} · ${priceOf(seat)} `;
  remove.setAttribute("aria-label", filled(texts.remove, { seat: `${nameOf(seat)}, ${priceOf(seat)}` }));
  const cross = document.createElement("span");
  cross.textContent = "×";
  remove.append(cross);
  remove.addEventListener("click", () => {
    drop(seat);
    map?.draw();
  });
  entry.append(remove);
  if (!rows) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "seats", value: seat.id });
    entry.append(field);
  }
  return entry;
}

function showChosen() {
  const seats = [...chosen.values()];
  document.getElementById("chosen").replaceChildren(...seats.map(entryOf));
  const total = seats.reduce((sum, seat) => sum + seat.seat_price, 0);
  document.getElementById("total").textContent = seats.length ? money(total) : "";
  document.getElementById("bar-inside").hidden = !seats.length;
  say(notice.textContent);
  const button = document.getElementById("hold");
  button.textContent = seats.length === 1 ? texts.hold_one : filled(texts.hold_many, { count: seats.length });
}

// --- What is free --------------------------------------------------------------------------------

function takeAway(seats) {
  if (!seats.length) return;
  for (const seat of seats) drop(seat);
  say(seats.map((seat) => filled(texts.gone, { seat: nameOf(seat) })).join(" "));
}

// Held in another tab of this fan: no stranger has it.
whenHeld((ids) => {
  const yours = ids.filter((id) => !own.has(id) && chosen.has(id)).map((id) => chosen.get(id));
  for (const id of ids) own.add(id);
  for (const seat of yours) drop(seat);
  if (yours.length) say(yours.map((seat) => filled(texts.held_elsewhere, { seat: nameOf(seat) })).join(" "));
  map?.draw();
});

function isFree(nth) {
  return codes[nth] === FREE;
}

// --- The map -------------------------------------------------------------------------------------

let map = null;
let drawnVersion = 0;

function stateOf(seats, nth) {
  const { id } = seats[nth];
  if (chosen.has(id)) return "chosen";
  if (own.has(id)) return "own";
  return isFree(nth) ? "free" : "taken";
}

function describe(seats, nth) {
  const seat = seats[nth];
  const parts = [nameOf(seat), seat.category, priceOf(seat), texts[stateOf(seats, nth)]];
  if (seat.accessible) parts.push(texts.accessible);
  return parts.filter(Boolean).join(", ");
}

async function fetchPlan(version) {
  const answer = await fetch(`${hall.dataset.seats}?v=${version}`, { credentials: "omit" });
  if (!answer.ok) throw new Error(`seats: ${answer.status}`);
  return answer.json();
}

function showMap({ seats, layout, layout_version: version }) {
  drawnVersion = version;
  if (!seats.length) return;
  performance.mark("hall-map-begins");
  hall.hidden = false;
  document.getElementById("sections").hidden = true;
  const frame = document.getElementById("hall-frame");
  const states = (nth) => stateOf(seats, nth);
  map = new HallMap({
    frame, seats, layout, states,
    canvas: document.getElementById("hall-canvas"),
    cursors: [...frame.querySelectorAll(".hall-cursor")],
    describe: (nth) => describe(seats, nth),
    onPick: (nth) => {
      if (states(nth) === "free" || states(nth) === "chosen") pick(seats[nth]);
      map.draw();
    },
  });
  map.paint();
  performance.measure("hall-map", "hall-map-begins");
  seats.forEach((seat, nth) => Object.assign(seat, { nth }));
  for (const id of numbersIn(form.dataset.keep)) {
    const seat = seats.find((each) => each.id === id);
    if (seat && isFree(seat.nth) && !chosen.has(id)) pick(seat);
  }
  map.draw();
}

function listenToZoom() {
  const press = (id, act) => document.getElementById(id).addEventListener("click", act);
  press("zoom-in", () => map?.zoom(1.7));
  press("zoom-out", () => map?.zoom(1 / 1.7));
  press("zoom-all", () => map?.showAll());
}

// --- The boxes of a section ----------------------------------------------------------------------

function seatOf(box) {
  const { nth, price, row, label } = box.dataset;
  const section = form.elements.section.value;
  return { id: Number(box.value), nth: Number(nth), section, row, seat_label: label, seat_price: Number(price) };
}

function listenToBoxes() {
  for (const box of rows.querySelectorAll("input:checked")) chosen.set(Number(box.value), seatOf(box));
  rows.addEventListener("change", ({ target }) => {
    if (target.checked === chosen.has(Number(target.value))) return;
    if (!pick(seatOf(target))) target.checked = false;
  });
}

function closeBoxes() {
  for (const box of rows.querySelectorAll("input")) {
    box.disabled = !isFree(Number(box.dataset.nth)) || !mayChoose;
    box.parentElement.classList.toggle("gone", box.disabled);
  }
}

// --- Both ----------------------------------------------------------------------------------------

function changed(found) {
  codes = found.seats;
  // Staff have changed the hall: its codes belong to another map.
  if (map && drawnVersion !== found.layout_version) {
    window.location.replace(window.location.pathname);
    return;
  }
  document.dispatchEvent(new CustomEvent("frontrow:seats-left", { detail: found.seats_left }));
  takeAway([...chosen.values()].filter((seat) => !isFree(seat.nth)));
  if (rows) closeBoxes();
  map?.draw();
}

async function begin() {
  bar.hidden = false;
  showChosen();
  if (rows) listenToBoxes();
  if (hall) {
    listenToZoom();
    try {
      const [found, plan] = await Promise.all([availability.first(), fetchPlan(hall.dataset.version)]);
      codes = found.seats;
      showMap(plan);
    } catch {
      say(texts.broken);
    }
  }
  showChosen();
  availability.poll();
}

begin();
