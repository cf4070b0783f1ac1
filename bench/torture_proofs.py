"""What is proven after the torture: by the tables, by what fans were answered, and of the draw by the API alone."""

import http.client
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any

import psycopg
from stack import Show, Stack
from torture_fans import API, Diary, Place

# Between a number's being handed out, or its row's being written, and its being seen by everybody.
SETTLED_SECONDS = 4.0
LINE = """
select token::text, user_id, number, status, expired_reason, updated_active_at, created_at,
       created_at < s.reservation_available_at as was_in_lobby
  from waiting_token t join concert_schedule s on s.id = t.concert_schedule_id
 where s.id = %s
 order by number
"""
OVERTAKEN = """
with line as (
    select t.number, t.updated_active_at as admitted_at, coalesce(t.updated_active_at, 'infinity') as served_at,
           greatest(t.created_at, s.drawn_at) + make_interval(secs => %s) as settled_at
      from waiting_token t join concert_schedule s on s.id = t.concert_schedule_id
     where s.id = %s and t.number is not null and (t.updated_active_at is not null or t.status = 'WAITING'))
select low.number, high.number
  from line low
  join line high on high.number > low.number
                and high.admitted_at > low.settled_at and high.admitted_at < low.served_at
"""


@dataclass(frozen=True)
class Proof:
    """Something that has to be true: what was looked at, and whatever contradicts it."""

    claim: str
    seen: str
    breaches: Sequence[str]


@dataclass(frozen=True)
class Token:
    """A row of waiting_token."""

    token: str
    fan: int
    number: int | None
    status: str
    reason: str | None
    admitted_at: Any  # Any: a datetime or None
    created_at: Any  # Any: as above
    was_in_lobby: bool


def proofs(
    site: Stack, shows: Sequence[Show], diary: Diary, most_inside: dict[int, list[int]], cap: int
) -> list[Proof]:
    found = list(cap_proofs(most_inside, cap))
    with site.connect() as connection:
        for show in shows:
            line = [Token(*row) for row in connection.execute(LINE, [show.schedule]).fetchall()]
            found += line_proofs(connection, show, line, diary)
            found.append(draw_proof(site.port, show, diary))
        found.append(paid_proof(connection, diary))
    return found


def cap_proofs(samples: dict[int, list[int]], cap: int) -> Iterator[Proof]:
    """Nobody ever saw more inside than the cap allows."""
    for schedule, inside in samples.items():
        above = [f"{each} inside" for each in inside if each > cap]
        yield Proof(f"{schedule}: never above the cap of {cap}", f"{len(inside)} looks, most {max(inside)}", above)


def line_proofs(
    connection: psycopg.Connection[Any], show: Show, line: list[Token], diary: Diary
) -> Iterator[Proof]:  # Any: rows of any shape
    """The order of a line, and that everybody kept what they were given."""
    name = show.schedule
    answered = [place for place in diary.places if place.schedule == name]
    rows = {each.token: each for each in line}
    drawn = [each for each in line if each.was_in_lobby and each.number]
    admitted = [each for each in drawn if each.admitted_at]
    yield Proof(
        f"{name}: everybody keeps the number that was answered", f"{len(answered)} answers", lost(answered, rows)
    )
    yield Proof(f"{name}: no place that nobody was told of", f"{len(line)} places", unknown(answered, line))
    yield Proof(f"{name}: nobody's turn was passed over", f"{len(line)} places", dropped(line, diary))
    pairs = pairwise(admitted)
    late = [f"{low.number} after {high.number}" for low, high in pairs if low.admitted_at > high.admitted_at]
    yield Proof(f"{name}: the drawn come in by their numbers", f"{len(admitted)} of {len(drawn)} drawn", late)
    overtaken = connection.execute(OVERTAKEN, [SETTLED_SECONDS, name]).fetchall()
    words = [f"{low} was overtaken by {high}" for low, high in overtaken]
    yield Proof(f"{name}: nobody overtakes", f"{sum(1 for each in line if each.admitted_at)} admitted", words)
    # Who left before the draw has no number.
    numbers = {each.token: each.number for each in line if each.number and not each.was_in_lobby}
    later = [place for place in answered if place.is_new and place.token in numbers]
    yield Proof(
        f"{name}: who was answered first has the lower number", f"{len(later)} joins", unordered(later, numbers)
    )


def lost(answered: list[Place], rows: dict[str, Token]) -> list[str]:
    """Answers that the tables don't bear out."""
    broken = []
    for place in answered:
        row = rows.get(place.token)
        if row is None or row.fan != place.fan or (place.number is not None and place.number != row.number):
            broken.append(f"{place} is {row}")
    return broken


def unknown(answered: list[Place], line: list[Token]) -> list[str]:
    """Rows beside those of the answers: a fan would stand there twice."""
    told = {place.token for place in answered}
    return [str(row) for row in line if row.token not in told]


def dropped(line: list[Token], diary: Diary) -> list[str]:
    """Places that ended, though nobody came in by them or gave them up."""
    ended = [row for row in line if row.status == "EXPIRED" and row.admitted_at is None]
    return [str(row) for row in ended if row.token not in diary.left]


def unordered(joins: list[Place], numbers: dict[str, int]) -> list[str]:
    """Joins that got a lower number than one that had been answered before they were sent."""
    broken, highest, nth = [], 0, 0
    answers = sorted(joins, key=lambda place: place.answered_at)
    for place in sorted(joins, key=lambda place: place.sent_at):
        while answers[nth].answered_at < place.sent_at:
            highest = max(highest, numbers[answers[nth].token])
            nth += 1
        if numbers[place.token] < highest:
            broken.append(f"{place}: {numbers[place.token]}, though {highest} had been answered")
    return broken


def paid_proof(connection: psycopg.Connection[Any], diary: Diary) -> Proof:  # Any: rows of any shape
    """Whoever was told that they have paid has a seat."""
    sold = connection.execute(
        "select concert_schedule_id, user_id from reservation where status = 'RESERVED'"
    ).fetchall()
    return Proof(
        "who has paid has a seat", f"{len(diary.paid)} paid", [str(each) for each in set(diary.paid) - set(sold)]
    )


def draw_proof(port: int, show: Show, diary: Diary) -> Proof:
    """The draw, done again from what anybody can ask for."""
    draw = json.loads(get(port, f"/schedules/{show.schedule}/queue/"))["draw"]
    head, _, listed = get(port, f"/schedules/{show.schedule}/draw/").partition(b"\n")
    seed = head.decode().removeprefix("seed,")
    entries = [line.split(",") for line in listed.decode().splitlines()]
    again = sorted((entry for _, entry in entries), key=lambda entry: sha256(f"{seed}:{entry}".encode()).hexdigest())
    told = {place.seed_hash for place in diary.places if place.schedule == show.schedule and place.seed_hash}
    broken = []
    if [[str(number), entry] for number, entry in enumerate(again, start=1)] != entries:
        broken.append("the order is another")
    if draw != {
        "seed_hash": sha256(bytes.fromhex(seed)).hexdigest(),
        "seed": seed,
        "entries_hash": sha256(listed).hexdigest(),
        "size": len(entries),
    }:
        broken.append(f"queue/ says {draw}")
    if told != {draw["seed_hash"]}:
        broken.append(f"fans were told {told}")
    broken += not_drawn(show, diary, {entry: int(number) for number, entry in entries})
    return Proof(f"{show.schedule}: the draw can be done again", f"{len(entries)} entries", broken)


def not_drawn(show: Show, diary: Diary, entries: dict[str, int]) -> list[str]:
    """Fans who were told a number of the draw's that the list gives to another entry, or to nobody."""
    broken = []
    for place in diary.places:
        if place.schedule == show.schedule and place.number is not None and place.number <= len(entries):
            listed = entries.get(sha256(place.token.encode()).hexdigest())
            if listed != place.number:
                broken.append(f"{place} is listed as {listed}")
    return broken


def get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", API + path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"{path} answered {response.status}: {body[:200]!r}")
    return body
