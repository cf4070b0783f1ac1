// What the public progress of a line means for one place in it: pure reckoning, the same as the server's
// (queueing/page.py).

const JITTER = 0.2;
// Without a number the time to the opening sets the pace: a tenth of it, within these seconds.
const FASTEST_BEFORE = 3;
const SLOWEST_BEFORE = 30;
// A crowd that waits for one moment asks for its places within so many seconds of it: so many a second, at most.
const PLACES_A_SECOND = 2000;
const LONGEST_SPREAD = 15;
const SPREAD_OF_UNKNOWN = 3;
// However little happens, the place itself is asked for now and then: after so many looks at the progress.
const LOOKS_BETWEEN_PLACES = 15;
const LEAST_BETWEEN_PLACES = 60;

const WAITING_PANELS = new Set(["lobby", "drawing", "line"]);
const BEFORE_THE_OPENING = new Set(["UPCOMING", "LOBBY"]);

function jittered(seconds) {
  return seconds * (1 + Math.random() * JITTER);
}

function wholeNumber(text) {
  return text === undefined ? null : Number(text);
}

// What the server wrote on the place (#line).
export function factsOf(line) {
  const { panel, shape, number, nearAhead, nearMinutes, pollAfter, progress, place, changesIn, lateIn, isDue } = line.dataset;
  if (!progress) return null;
  return {
    progress, place,
    isIn: WAITING_PANELS.has(panel),
    shape: JSON.parse(shape),
    number: wholeNumber(number),
    near: { ahead: Number(nearAhead), minutes: Number(nearMinutes) },
    pollAfter: Number(pollAfter),
    changesAt: changesIn === undefined ? null : Date.now() + 1000 * Number(changesIn),
    // Spread, for a whole lobby has the same moment before it.
    lateAt: lateIn === undefined ? null : Date.now() + 1000 * (Number(lateIn) + Math.random() * LONGEST_SPREAD),
    isDue: isDue !== undefined,
  };
}

// The numbers of this place, or of the line where the fan has none.
export function numbersFor(facts, answer) {
  // The fan may have come after those who wait were counted.
  const waiting = Math.max(answer.waiting, facts.isIn ? 1 : 0);
  const numbers = { waiting, seats: answer.seats_left, ahead: null, about: null, minutes: null };
  if (facts.number === null) return numbers;
  const ahead = Math.max(0, facts.number - answer.serving - 1);
  const step = Math.max(1, Math.floor(10 ** (String(ahead).length - 1) / 2));
  const speed = answer.numbers_per_minute;
  const minutes = speed ? Math.ceil(Math.round(((ahead + 1) / speed) * 60) / 60) : null;
  return { ...numbers, ahead, about: Math.ceil(ahead / step) * step, minutes };
}

export function shapeFor(facts, answer) {
  const shape = { state: answer.state, message: answer.message, is_drawn: answer.draw.seed !== null };
  if (facts.number === null) return shape;
  const { ahead, minutes, seats } = numbersFor(facts, answer);
  return {
    ...shape,
    ahead: Math.min(ahead, 2),
    minutes: minutes === null ? null : Math.min(minutes, 2),
    is_near: ahead <= facts.near.ahead || (minutes !== null && minutes <= facts.near.minutes),
    has_too_few_seats: seats <= ahead + 1,
  };
}

export function isSame(shape, other) {
  return Object.keys(shape).every((name) => shape[name] === other[name]);
}

// Whether the turn has come, or something that the progress doesn't tell.
export function isDue(facts, answer) {
  const isLate = facts.lateAt !== null && Date.now() > facts.lateAt;
  return facts.isDue || isLate || (facts.number !== null && facts.number <= answer.serving);
}

// Seconds until the next look.
export function paceOf(facts, answer) {
  if (facts.number !== null && answer) {
    const { ahead } = numbersFor(facts, answer);
    const step = answer.poll.findLast((each) => ahead >= each.ahead) ?? answer.poll[0];
    return jittered(step.seconds);
  }
  if (facts.changesAt !== null) return jittered(paceBefore((facts.changesAt - Date.now()) / 1000));
  // What the server names for a number is jittered already.
  return facts.number === null ? jittered(facts.pollAfter) : facts.pollAfter;
}

function paceBefore(left) {
  const pace = Math.min(SLOWEST_BEFORE, Math.max(FASTEST_BEFORE, left / 10));
  // Never asleep when the moment comes; and not at the very moment, which may be late by a second.
  return left > 0 && left < pace ? left + 0.5 : pace;
}

// Seconds over which a crowd spreads that learns of the same moment by the same answer.
export function spreadOf(facts, answer) {
  const wasBefore = BEFORE_THE_OPENING.has(facts.shape.state) || facts.shape.state === "DRAWING";
  if (!wasBefore || !answer || answer.state === facts.shape.state) return 0;
  const crowd = facts.shape.state === "UPCOMING" ? SPREAD_OF_UNKNOWN : answer.waiting / PLACES_A_SECOND;
  return Math.min(LONGEST_SPREAD, crowd);
}

export function longestBetweenPlaces(pace) {
  return Math.max(LEAST_BETWEEN_PLACES, LOOKS_BETWEEN_PLACES * pace);
}
