"""What has changed on a map since a version that somebody has of it: a few letters in place of one a seat.

Each process remembers the last versions of the maps that are looked at. Who has another one gets the whole.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from concert_site.lib.cache import TTLCache
from concert_site.lib.json import to_json
from reservations.queries.availability import Availability, availability_of, seats_of_version

CHANGED = re.compile(rb"[^\0]+")
KEPT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SeatChanges:
    """The answer as it goes out. `good_until` is on the clock of time.monotonic()."""

    body: bytes
    good_until: float


# Fans who look at the same map mostly have the same version of it, and ask for the same changes.
_bodies: TTLCache[bytes] = TTLCache(most=256)


def changes_since(schedule_id: int, version: str) -> SeatChanges:
    """What is different now for who has this version of a schedule's seats, as fresh as `availability_of`."""
    current = availability_of(schedule_id)
    key = version, current.version
    body = _bodies.get_or_build(key, lambda: (_body(seats_of_version(version), current), KEPT_SECONDS))
    return SeatChanges(body, current.good_until)


def _body(seats: str | None, current: Availability) -> bytes:
    changes = None if seats is None or len(seats) != len(current.seats) else changes_between(seats, current.seats)
    if changes is None or len(changes) >= len(current.seats):
        return current.body
    facts = {"version": current.version, "layout_version": current.layout_version, "changes": changes}
    return to_json(facts | {"seats_left": current.seats_left})


def changes_between(before: str, after: str) -> str:
    """The runs of letters that changed, each with how many seats lie between it and the run before.

    "3AT12R": the fourth seat is A now, the fifth T, and after another twelve one is R.
    """
    return "".join(_runs(before.encode(), after.encode()))


def _runs(before: bytes, after: bytes) -> Iterator[str]:
    # Compared as one large number each, which takes some microseconds where a loop would take milliseconds.
    differing = int.from_bytes(before, "big") ^ int.from_bytes(after, "big")
    end = 0
    for run in CHANGED.finditer(differing.to_bytes(len(after), "big")):
        yield f"{run.start() - end}{after[run.start() : run.end()].decode()}"
        end = run.end()
