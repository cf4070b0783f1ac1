// The hall as staff see it: the fans' map with what every seat is, chosen seat by seat, row by row, by a rectangle or by
// drawing around them.
//
// The form posts the chosen ids as ranges. What others do meanwhile is seen every two seconds; the choice stays.

import { jsonOf } from "./availability.js";
import { HallMap } from "./hall_map.js";
import { HallPainter } from "./hall_painter.js";
import { moneyOf } from "./money.js";
import { CHOSEN, SeatData } from "./seat_data.js";
import { filled, rowName, seatNumber } from "./seat_names.js";

const POLL_MS = 2000;
// The codes of states.json but A, in the order of their colours.
const KINDS = "TRCNU";
const COLORS = ["held", "sold", "given", "kept", "off"];
// Who has a seat is asked for the last chosen ones.
const TOLD = 12;

const form = document.getElementById("hall-form");
const frame = document.getElementById("hall-frame");
const texts = JSON.parse(form.dataset.texts);
const money = moneyOf(form.dataset);
const modes = form.querySelector(".hall-modes");
const who = form.querySelector(".hall-who");
const counted = form.querySelector(".hall-count");
const lasso = form.querySelector(".hall-lasso");
const nobody = counted.textContent;
let map = null;
let isShift = false;
let last = -1;

// --- The fans' map, with more to be seen --------------------------------------------------------

class StaffData extends SeatData {
  // `kind`: 0 for whatever has no colour of its own, else the place of its code among KINDS and one.
  setCodes(codes) {
    super.setCodes(codes);
    this.kind ??= new Uint8Array(this.count);
    for (let nth = 0; nth < this.count; nth += 1) this.kind[nth] = KINDS.indexOf(codes[nth]) + 1;
  }

  // Staff choose any seat.
  isOpen() {
    return true;
  }
}

class StaffPainter extends HallPainter {
  applyTheme(theme) {
    const style = getComputedStyle(frame);
    theme.kinds = COLORS.map((name) => style.getPropertyValue(`--${name}`).trim());
    super.applyTheme(theme);
  }
}

class StaffMap extends HallMap {
  applyTheme() {
    if (!(this.painter instanceof StaffPainter)) this.painter = new StaffPainter(this.hall, this.data);
    super.applyTheme();
  }

  get isDark() {
    return document.documentElement.classList.contains("dark");
  }
}

function describe(data, nth) {
  const row = data.runs[data.runOf[nth]];
  const name = filled(texts.seat, {
    section: data.sections[row.section], row: rowName(row.name), seat: seatNumber(data.labelOf(nth)),
  });
  const state = data.state[nth] === CHOSEN ? `${texts.chosen}, ${texts[data.codes[nth]]}` : texts[data.codes[nth]];
  return [name, data.categories[data.category[nth]].name, state, data.accessible[nth] ? texts.accessible : ""]
    .filter(Boolean).join(", ");
}

// --- What is chosen -----------------------------------------------------------------------------

function choose(seats, isChosen) {
  for (const nth of seats) map.data.choose(nth, isChosen);
  map.changed();
  map.tell();
  show();
}

function ranges(ids) {
  const parts = [];
  for (const id of ids.sort((a, b) => a - b)) {
    const before = parts.at(-1);
    if (before && before[1] === id - 1) before[1] = id;
    else parts.push([id, id]);
  }
  return parts.map(([first, end]) => (first === end ? first : `${first}-${end}`)).join(",");
}

function show() {
  const { data } = map;
  const chosen = [...data.chosen];
  form.elements.seats.value = ranges(chosen.map((nth) => data.ids[nth]));
  const count = chosen.length;
  const by = new Map();
  for (const nth of chosen) by.set(data.codes[nth], (by.get(data.codes[nth]) ?? 0) + 1);
  const parts = [...by].map(([code, number]) => `${texts[code]} ${number.toLocaleString(texts.language)}`);
  const all = count === 1 ? texts.count_one : filled(texts.count_many, { count: count.toLocaleString(texts.language) });
  counted.textContent = count ? `${all}: ${parts.join(" · ")}` : nobody;
  for (const button of form.querySelectorAll(".hall-actions button")) button.disabled = !count;
}

function rowAround(nth) {
  const { start, count } = map.data.runs[map.data.runOf[nth]];
  return Array.from({ length: count }, (_, at) => start + at);
}

function pick(nth) {
  const { data } = map;
  const isChosen = data.state[nth] !== CHOSEN;
  const mode = form.elements.mode.value;
  if (isShift && last >= 0 && data.runOf[last] === data.runOf[nth]) {
    const [low, high] = [Math.min(last, nth), Math.max(last, nth)];
    choose(Array.from({ length: high - low + 1 }, (_, at) => low + at), true);
  } else choose(mode === "row" ? rowAround(nth) : [nth], isChosen);
  last = nth;
  tellWho(nth);
}

let asked = 0;

async function tellWho(nth) {
  const mine = (asked += 1);
  const ids = [nth, ...[...map.data.chosen].slice(-TOLD)].map((each) => map.data.ids[each]);
  try {
    const answer = await fetch(`${form.dataset.who}?seats=${ranges([...new Set(ids)])}`);
    const found = await answer.json();
    const meant = found.seats.find(({ id }) => id === map.data.ids[nth]);
    if (mine === asked && meant) who.textContent = meant.text;
  } catch {
    who.textContent = texts.stale;
  }
}

// --- A rectangle, or what is drawn around seats -------------------------------------------------

// Closer to the last point than this is the same one (CSS pixels).
const STEP = 4;

// Whether a point lies inside of a closed line: a ray from it to the right crosses the line an odd number of times.
function isInside(points, x, y) {
  let isIn = false;
  for (let nth = 0, last = points.length - 1; nth < points.length; last = nth, nth += 1) {
    const [[ax, ay], [bx, by]] = [points[nth], points[last]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) isIn = !isIn;
  }
  return isIn;
}

function seatsInside(points) {
  const { data, grid } = map;
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const found = [];
  grid.within(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys), (nth) => {
    if (isInside(points, data.x[nth], data.y[nth])) found.push(nth);
  });
  return found;
}

function listenToLasso() {
  const line = lasso.querySelector("polygon");
  let points = [];
  const place = (event) => {
    const edge = lasso.getBoundingClientRect();
    return [event.clientX - edge.left, event.clientY - edge.top];
  };
  const extend = ([x, y]) => {
    const [[startX, startY], [lastX, lastY]] = [points[0], points.at(-1)];
    if (form.elements.mode.value === "box") points = [[startX, startY], [x, startY], [x, y], [startX, y]];
    else if (Math.hypot(x - lastX, y - lastY) >= STEP) points.push([x, y]);
    line.setAttribute("points", points.join(" "));
  };
  const end = () => {
    points = [];
    line.setAttribute("points", "");
  };
  // The map below would move along.
  for (const name of ["pointerdown", "pointermove", "pointerup"]) {
    lasso.addEventListener(name, (event) => event.stopPropagation());
  }
  lasso.addEventListener("pointerdown", (event) => {
    lasso.setPointerCapture(event.pointerId);
    points = [place(event)];
  });
  lasso.addEventListener("pointermove", (event) => {
    // A quick hand is heard of once a frame, with all the places in between.
    if (points.length) for (const each of event.getCoalescedEvents?.() ?? [event]) extend(place(each));
  });
  lasso.addEventListener("pointerup", (event) => {
    if (!points.length) return;
    extend(place(event));
    // With Alt they are taken off the choice.
    choose(seatsInside(points.map(([x, y]) => map.hallAt(x, y))), !event.altKey);
    end();
  });
  lasso.addEventListener("pointercancel", end);
}

function listen() {
  for (const name of ["pointerdown", "pointerup", "keydown", "keyup"]) {
    document.addEventListener(name, (event) => (isShift = event.shiftKey), { capture: true });
  }
  modes.addEventListener("change", ({ target }) => {
    lasso.hidden = !["box", "lasso"].includes(form.elements.mode.value);
    if (!target.matches(".hall-add") || !target.value) return;
    const section = map.data.sections.indexOf(target.value);
    choose([...map.data.section.keys()].filter((nth) => map.data.section[nth] === section), true);
    map.showSection(section);
    target.value = "";
  });
  form.querySelector(".hall-clear").addEventListener("click", () => choose([...map.data.chosen], false));
  new MutationObserver(() => map.applyTheme()).observe(document.documentElement, { attributeFilter: ["class"] });
}

// --- What others do -----------------------------------------------------------------------------

const states = () => jsonOf(form.dataset.states, { cache: "no-store" });

function count() {
  const left = map.data.left();
  map.signs.count(left, money);
  map.signs.show();
}

async function poll(version) {
  if (!document.hidden) {
    try {
      const found = await states();
      // The hall itself was changed: its codes belong to another map.
      if (found.layout_version !== version) window.location.reload();
      else if (found.seats !== map.data.codes) {
        map.data.setCodes(found.seats);
        count();
        map.changed();
        show();
      }
      if (who.textContent === texts.stale) who.textContent = "";
    } catch {
      who.textContent = texts.stale;
    }
  }
  window.setTimeout(() => poll(version), POLL_MS);
}

async function begin() {
  try {
    const [found, plan] = await Promise.all([states(), jsonOf(document.getElementById("hall").dataset.seats)]);
    if (!plan.ids.length) {
      form.classList.add("no-map");
      return;
    }
    const data = new StaffData(plan);
    data.setCodes(found.seats);
    form.classList.add("has-map");
    map = new StaffMap({ frame, hall: plan, data, texts, describe: (nth) => describe(data, nth), onPick: pick });
    await map.isReady;
    modes.hidden = false;
    listen();
    listenToLasso();
    count();
    show();
    poll(plan.layout_version);
  } catch (error) {
    form.classList.add("no-map");
    who.textContent = texts.broken;
    throw error;
  }
}

begin();
