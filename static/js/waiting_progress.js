// What the public progress of a line says of one place in it. Every rule is the server's: the place (#line) names the
// values for which its sentences hold (queueing/page.py), and the progress has the tables to read numbers from.

const JITTER = 0.2;
// However little happens, the place itself is asked for now and then: after so many looks at the progress.
const LOOKS_BETWEEN_PLACES = 15;
const LEAST_BETWEEN_PLACES = 60;

function jittered(seconds) {
  return seconds * (1 + Math.random() * JITTER);
}

function parsed(text) {
  return text === undefined ? null : JSON.parse(text);
}

// What the server wrote on the place.
export function factsOf(line) {
  const { same, within, before, about, pollAfter, progress, place, lateIn, isDue, isNear, spreads } = line.dataset;
  if (!progress) return null;
  return {
    progress, place,
    same: JSON.parse(same),
    within: parsed(within) ?? {},
    before: parsed(before),
    about: parsed(about) ?? [],
    pollAfter: Number(pollAfter),
    lateAt: lateIn === undefined ? null : Date.now() + 1000 * Number(lateIn),
    isDue: isDue !== undefined,
    isNear: isNear !== undefined,
    spreads: spreads !== undefined,
  };
}

// The numbers of this place. Where nothing is known it is null; where the tables end, undefined: what is shown stays.
export function numbersFor(facts, { serving, waiting, seats_left, hints }) {
  const numbers = { serving, waiting, seats: seats_left, reach: hints.reach };
  if (facts.before === null) return numbers;
  const ahead = Math.max(0, facts.before - serving);
  const step = hints.minutes.findIndex((most) => ahead <= most);
  let minutes = step < 0 ? undefined : step + 1;
  if (!hints.minutes.length) minutes = null;
  return { ...numbers, ahead, minutes, about: facts.about.findLast(([from]) => serving >= from)?.[1] };
}

function isWithin(number, range) {
  // More than the table tells.
  if (number === undefined) return range !== null && range[1] === null;
  if (range === null || number === null) return range === number;
  const [least, most] = range;
  return (least === null || number >= least) && (most === null || number <= most);
}

// Whether the place is right, but for its numbers.
export function fits(facts, answer) {
  const { same, within } = facts;
  const isSame = same.state === answer.state && same.message === answer.message && same.seed === answer.draw.seed;
  const numbers = numbersFor(facts, answer);
  return isSame && Object.entries(within).every(([name, range]) => isWithin(numbers[name], range));
}

// Whether something may have come that the progress doesn't tell.
export function isDue(facts) {
  return facts.isDue || (facts.lateAt !== null && Date.now() > facts.lateAt);
}

// Seconds until the next look.
export function paceOf(facts, answer) {
  if (facts.before !== null && answer) {
    const { ahead } = numbersFor(facts, answer);
    return jittered((answer.poll.findLast((each) => ahead >= each.ahead) ?? answer.poll[0]).seconds);
  }
  return jittered(answer?.hints.poll_after ?? facts.pollAfter);
}

// Seconds over which a crowd spreads that learns of the same moment by the same answer.
export function spreadOf(facts, answer) {
  return facts.spreads && answer && answer.state !== facts.same.state ? answer.hints.spread : 0;
}

export function longestBetweenPlaces(pace) {
  return Math.max(LEAST_BETWEEN_PLACES, LOOKS_BETWEEN_PLACES * pace);
}
