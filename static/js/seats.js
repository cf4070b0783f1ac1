// Choosing seats: the map or the boxes of a section, the list of what is chosen, and what is taken meanwhile.
//
// The form posts the same fields as without it. A seat that vanishes is taken off the choice, and said.

import { Availability, jsonOf } from "./availability.js";
import { HallMap } from "./hall_map.js";
import { Legend } from "./legend.js";
import { moneyOf } from "./money.js";
import { CHOSEN, FREE as IS_FREE, OWN, SeatData } from "./seat_data.js";
import { whenHeld } from "./other_tabs.js";
import { filled, rowName, seatNumber } from "./seat_names.js";

const FREE = "A";

const form = document.getElementById("choice");
const texts = JSON.parse(form.dataset.texts);
const mayChoose = Number(form.dataset.mayChoose);
const own = new Set(numbersIn(form.dataset.own));
const notice = document.getElementById("notice");
const bar = document.getElementById("bar");
const rows = document.getElementById("rows");
const hall = document.getElementById("hall");
const money = moneyOf(form.dataset);

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

function nameOf(seat) {
  return filled(texts.seat, { section: seat.section, row: rowName(seat.row), seat: seatNumber(seat.seat_label) });
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
  mark(seat, true);
  showChosen();
  return true;
}

function drop(seat) {
  chosen.delete(seat.id);
  const box = rows?.querySelector(`input[value="${seat.id}"]`);
  if (box) box.checked = false;
  mark(seat, false);
  showChosen();
}

function mark(seat, isChosen) {
  form.classList.toggle("has-choice", chosen.size > 0);
  if (!map) return;
  map.data.choose(seat.nth, isChosen);
  map.changed();
  map.tell();
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
  remove.addEventListener("click", () => drop(seat));
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
  const fold = document.getElementById("fold");
  fold.hidden = !seats.length;
  document.getElementById("count").textContent = seats.length === 1 ? texts.count_one : filled(texts.count_many, { count: seats.length });
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
  if (!map) return;
  showOwn(map.data);
  map.changed();
});

function isFree(nth) {
  return codes[nth] === FREE;
}

// --- The map -------------------------------------------------------------------------------------

let map = null;
let legend = null;
let drawnVersion = 0;

// A seat as the bar shows it, whether it comes from the map or from a box.
function seatAt(data, nth) {
  return {
    id: data.ids[nth], nth, section: data.sections[data.section[nth]], row: data.rowOf(nth),
    seat_label: data.labelOf(nth), seat_price: data.price[nth],
  };
}

function describe(data, nth) {
  const state = { [IS_FREE]: texts.free, [OWN]: texts.own, [CHOSEN]: texts.chosen }[data.state[nth]] ?? texts.taken;
  const seat = seatAt(data, nth);
  const parts = [nameOf(seat), data.categories[data.category[nth]].name, priceOf(seat), state];
  if (data.accessible[nth]) parts.push(texts.accessible);
  return parts.filter(Boolean).join(", ");
}

function showMap(plan) {
  drawnVersion = plan.layout_version;
  if (!plan.ids.length) {
    form.classList.add("no-map");
    return;
  }
  performance.mark("hall-map-begins");
  const data = new SeatData(plan);
  showOwn(data);
  form.classList.add("has-map");
  map = new HallMap({
    frame: document.getElementById("hall-frame"), hall: plan, data, texts,
    describe: (nth) => describe(data, nth),
    onPick: (nth) => {
      if (data.isOpen(nth)) pick(seatAt(data, nth));
    },
  });
  performance.measure("hall-map", "hall-map-begins");
  map.isReady.then(() => {
    legend = new Legend(document.getElementById("legend"), {
      language: form.dataset.language, texts,
      onFilter(categories, onlyAccessible) {
        data.filter(categories, onlyAccessible);
        count();
        map.changed();
      },
    });
    count();
    showKept(data);
  });
}

function showOwn(data) {
  data.own = new Set([...own].map((id) => data.nthOf(id)).filter((nth) => nth >= 0));
  data.setCodes(codes);
}

// What a refused choice left over, or the site suggests.
function showKept(data) {
  const kept = numbersIn(form.dataset.keep).map((id) => data.nthOf(id)).filter((nth) => nth >= 0);
  for (const nth of kept) if (data.state[nth] === IS_FREE) pick(seatAt(data, nth));
  const shown = [...data.chosen, ...data.own][0];
  if (shown !== undefined) map.flyTo(map.view.around(data.x[shown], data.y[shown], 30 / data.pitch));
}

function count() {
  if (!map.signs) return;
  const left = map.data.left();
  map.signs.count(left, money);
  map.signs.show();
  legend?.count(left);
}

// The page moves up by what the bar would cover of the map, as far as the map's top stays in sight.
function uncover(frame) {
  const [{ top, bottom }, edge] = [frame.getBoundingClientRect(), bar.getBoundingClientRect().top];
  const covered = Math.min(bottom - edge, top);
  if (top < edge && covered > 0) window.scrollBy({ top: covered, behavior: "instant" });
}

// The bar takes its room from the map, so that it covers nothing; folded it takes less.
function listenToBar() {
  const fold = document.getElementById("fold");
  fold.addEventListener("click", () => {
    const isOpen = fold.getAttribute("aria-expanded") !== "true";
    fold.setAttribute("aria-expanded", String(isOpen));
    bar.classList.toggle("folded", !isOpen);
  });
  new ResizeObserver(() => {
    form.style.setProperty("--bar-height", `${Math.round(bar.offsetHeight)}px`);
    if (chosen.size && map) uncover(map.frame);
  }).observe(bar);
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
  const gone = [...chosen.values()].filter((seat) => !isFree(seat.nth));
  map?.data.setCodes(codes);
  takeAway(gone);
  if (rows) closeBoxes();
  if (!map) return;
  count();
  map.changed();
}

async function begin() {
  bar.hidden = false;
  showChosen();
  listenToBar();
  if (rows) listenToBoxes();
  if (hall) {
    try {
      const [found, plan] = await Promise.all([availability.first(), jsonOf(hall.dataset.seats)]);
      codes = found.seats;
      showMap(plan);
    } catch {
      form.classList.add("no-map");
      say(texts.broken);
    }
  }
  showChosen();
  availability.poll();
}

begin();
