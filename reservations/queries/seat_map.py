"""The map of a schedule: large, and the same for everybody until staff change it.

As JSON for scripts and apps, and as sections, rows and seats for pages; both are remembered, so that nothing is read
from the database however many fans choose at once.
"""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from concert_site.lib.cache import TTLCache
from concert_site.lib.database.statements import fetch, sql_beside
from concert_site.lib.errors import NotFound
from concert_site.lib.redis import try_redis
from reservations.halls.grades import Grade, grades_in
from reservations.models import ConcertSchedule
from reservations.queries.availability import FREE
from reservations.queries.sales import Sale

# As staff once wrote it: whoever draws it judges what it holds.
Layout = Mapping[str, object]

KEPT_SECONDS = 3600
# 5 packs a hall of 20,000 seats in half the time of 9 and loses a few percent of size.
LEVEL = 5
# A page of more is slow on a phone; a longer section comes in portions.
MOST_SEATS_A_PAGE = 800


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat as far as a sale doesn't change it. `nth` is its index in the live codes, `grade` its category's look."""

    id: int
    nth: int
    grade: Grade
    section: str
    row: str
    seat_label: str
    seat_price: int
    category: str
    accessible: bool

    def is_free(self, codes: str) -> bool:
        """Whether it can be had, by the live code of every seat."""
        return codes[self.nth : self.nth + 1] == FREE


@dataclass(frozen=True, slots=True)
class Row:
    """The seats of one row, in their order."""

    name: str
    seats: Sequence[Seat]

    @property
    def kind(self) -> Seat | None:
        """Any of its seats, to tell category and price by, if all have the same."""
        kinds = {(seat.category, seat.seat_price) for seat in self.seats}
        return self.seats[0] if len(kinds) == 1 else None


@dataclass(frozen=True)
class SeatGroup:
    """Seats that are listed together, with what they cost from and to."""

    name: str
    seats: Sequence[Seat]

    @cached_property
    def lowest(self) -> int:
        return min(seat.seat_price for seat in self.seats)

    @cached_property
    def highest(self) -> int:
        return max(seat.seat_price for seat in self.seats)

    def seats_left(self, codes: str) -> int:
        """How many of its seats can be had, by the live code of every seat."""
        return sum(seat.is_free(codes) for seat in self.seats)


@dataclass(frozen=True)
class CategoryPrices(SeatGroup):
    """A category with how it looks. `nth` is its index among those of the map."""

    nth: int
    grade: Grade


class MapSection(SeatGroup):
    """A section of the hall."""

    @cached_property
    def grades(self) -> Sequence[Grade]:
        return list({seat.category: seat.grade for seat in self.seats}.values())

    @cached_property
    def portions(self) -> Sequence[Sequence[Row]]:
        """Its rows, as many at a time as one page shows."""
        portions: list[list[Row]] = []
        room = 0
        for row in (Row(*each) for each in grouped(self.seats, "row").items()):
            if len(row.seats) > room:
                portions.append([])
                room = MOST_SEATS_A_PAGE
            portions[-1].append(row)
            room -= len(row.seats)
        return portions


@dataclass(frozen=True, slots=True)
class SeatMap:
    """All sections by name, all seats by id, the categories in the order of the map, and the wheelchair places."""

    sections: Mapping[str, MapSection]
    seats: Mapping[int, Seat]
    categories: Sequence[CategoryPrices]
    accessible: Sequence[Seat]


# A packed hall of 20,000 seats has some 600 kB, an unpacked one 3.6 MB: together at most some 60 MB a process.
_packed: TTLCache[bytes] = TTLCache(most=50)
_unpacked: TTLCache[bytes] = TTLCache(most=8)
_maps: TTLCache[SeatMap] = TTLCache(most=8)
# The little of a layout that a page beside the map needs.
_categories: TTLCache[dict[int, Layout]] = TTLCache(most=256)


def layout_categories(schedules: Mapping[int, str]) -> dict[int, Layout]:
    """The categories of these schedules, given with the names of their layouts: at most one query an hour."""
    key = tuple(sorted(schedules.items()))
    return _categories.get_or_build(key, lambda: (_read_categories(schedules), KEPT_SECONDS))


def layout_of(sale: Sale) -> bytes:
    return _unpacked.get_or_build(sale.layout_name, lambda: (gzip.decompress(packed_layout_of(sale)), KEPT_SECONDS))


def packed_layout_of(sale: Sale) -> bytes:
    """The map as JSON, compressed by gzip: once for all who ask."""
    return _packed.get_or_build(sale.layout_name, lambda: _stored_or_built(sale))


def _read_categories(schedules: Mapping[int, str]) -> dict[int, Layout]:
    found = ConcertSchedule.objects.filter(pk__in=schedules).values_list("pk", "layout__categories")
    return {schedule_id: {"categories": categories} for schedule_id, categories in found}


def _stored_or_built(sale: Sale) -> tuple[bytes, float]:
    key = f"layout:{sale.layout_name}"
    stored = try_redis(lambda redis: redis.get(key), None)
    if isinstance(stored, bytes):
        return stored, KEPT_SECONDS
    found_version, body = _read(sale.schedule_id)
    packed = gzip.compress(body, LEVEL, mtime=0)
    if found_version != sale.layout_version:
        # Changed since the facts were read; within a second it is asked for by its new name.
        return packed, 0
    try_redis(lambda redis: redis.set(key, packed, ex=KEPT_SECONDS), None)
    return packed, KEPT_SECONDS


def map_json(schedule_id: int) -> bytes:
    """The map as it is now, also of a schedule that isn't public: for staff.

    :raises NotFound: if there is no such schedule
    """
    return _read(schedule_id)[1]


def _read(schedule_id: int) -> tuple[int, bytes]:
    rows = fetch(sql_beside(__file__, "seat_map.sql"), {"schedule_id": schedule_id})
    if not rows:
        raise NotFound
    return rows[0]["layout_version"], rows[0]["body"].encode()


# --- Sections, rows and seats ---------------------------------------------------------------------


def seat_map_of(sale: Sale) -> SeatMap:
    """The map of a schedule as its pages list it.

    :raises NotFound: if there is no such schedule
    """
    return _maps.get_or_build(sale.layout_name, lambda: (seat_map_from(layout_of(sale)), KEPT_SECONDS))


def seat_map_from(body: bytes) -> SeatMap:
    content = orjson.loads(body)
    grades = {each.name: each for each in grades_in(content["layout"].get("categories", []), content["seats"])}
    seats = [seat_from(facts, nth, grades) for nth, facts in enumerate(content["seats"])]
    of_category = grouped(seats, "category")
    return SeatMap(
        sections={name: MapSection(name, members) for name, members in grouped(seats, "section").items()},
        seats={seat.id: seat for seat in seats},
        categories=[
            CategoryPrices(name, of_category[name], nth, grade) for nth, (name, grade) in enumerate(grades.items())
        ],
        accessible=[seat for seat in seats if seat.accessible],
    )


def seat_from(facts: Mapping[str, Any], nth: int, grades: Mapping[str, Grade]) -> Seat:
    kept = {name: facts[name] for name in Seat.__slots__ if name in facts}
    return Seat(nth=nth, grade=grades[facts["category"]], **kept)


def grouped(seats: Sequence[Seat], by: str) -> dict[str, list[Seat]]:
    """The seats by their section, row or category, each in the order of its first seat."""
    groups: dict[str, list[Seat]] = {}
    for seat in seats:
        groups.setdefault(getattr(seat, by), []).append(seat)
    return groups
