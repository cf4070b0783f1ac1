"""The map of a schedule: large, and the same for everybody until staff change it.

As JSON for scripts and apps, and as sections, rows and seats for pages; both are remembered, so that nothing is read
from the database however many fans choose at once.
"""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import orjson

from concert_site.lib.cache import TTLCache
from concert_site.lib.database.statements import fetch, sql_beside
from concert_site.lib.errors import NotFound
from concert_site.lib.redis import try_redis
from reservations.halls.grades import Grade, grades_of
from reservations.models import ConcertSchedule
from reservations.queries.sales import Sale

# As staff once wrote it: whoever draws it judges what it holds.
Layout = Mapping[str, object]

KEPT_SECONDS = 3600
# 5 packs a hall of 20,000 seats in half the time of 9 and loses a few percent of size.
LEVEL = 5
FREE = "A"
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


@dataclass(frozen=True, slots=True)
class CategoryPrices:
    """A category with how it looks, and what its seats cost from and to. `nth` is its index among those of the map."""

    nth: int
    grade: Grade
    lowest: int
    highest: int
    seats: Sequence[Seat]

    @property
    def name(self) -> str:
        return self.grade.name

    def seats_left(self, codes: str) -> int:
        """How many of its seats can be had, by the live code of every seat."""
        return sum(seat.is_free(codes) for seat in self.seats)


@dataclass(frozen=True)
class MapSection:
    """A section of the hall, with what its seats cost from and to."""

    name: str
    seats: Sequence[Seat]
    lowest: int
    highest: int

    def seats_left(self, codes: str) -> int:
        """How many of its seats can be had, by the live code of every seat."""
        return sum(seat.is_free(codes) for seat in self.seats)

    @cached_property
    def grades(self) -> Sequence[Grade]:
        return list({seat.category: seat.grade for seat in self.seats}.values())

    @cached_property
    def portions(self) -> Sequence[Sequence[Row]]:
        """Its rows, as many at a time as one page shows."""
        portions: list[list[Row]] = []
        room = 0
        for row in rows_of(self.seats):
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
    grades = grades_in(content["layout"].get("categories", []), content["seats"])
    seats = [seat_from(facts, nth, grades) for nth, facts in enumerate(content["seats"])]
    return SeatMap(
        sections={section.name: section for section in sections_of(seats)},
        seats={seat.id: seat for seat in seats},
        categories=category_prices(seats, grades),
        accessible=[seat for seat in seats if seat.accessible],
    )


def grades_in(categories: Sequence[Mapping[str, object]], seats: Sequence[Mapping[str, Any]]) -> dict[str, Grade]:
    """How the categories look that seats have: those of the map in its order, then any other."""
    colours = {str(each.get("name")): each.get("color") for each in categories}
    used = dict.fromkeys(facts["category"] for facts in seats)
    names = [name for name in dict.fromkeys([*colours, *used]) if name in used]
    return {grade.name: grade for grade in grades_of(names, colours)}


def seat_from(facts: Mapping[str, Any], nth: int, grades: Mapping[str, Grade]) -> Seat:
    kept = {name: facts[name] for name in Seat.__slots__ if name in facts}
    return Seat(nth=nth, grade=grades[facts["category"]], **kept)


def sections_of(seats: Sequence[Seat]) -> Iterator[MapSection]:
    """The sections in the order of their first seats."""
    by_name: dict[str, list[Seat]] = {}
    for seat in seats:
        by_name.setdefault(seat.section, []).append(seat)
    for name, members in by_name.items():
        prices = {seat.seat_price for seat in members}
        yield MapSection(name, members, min(prices), max(prices))


def rows_of(seats: Sequence[Seat]) -> Iterator[Row]:
    """The rows of a section in the order of their first seats."""
    first = {row: nth for nth, row in enumerate(dict.fromkeys(seat.row for seat in seats))}
    for name, members in groupby(sorted(seats, key=lambda seat: first[seat.row]), key=lambda seat: seat.row):
        yield Row(name, list(members))


def category_prices(seats: Sequence[Seat], grades: Mapping[str, Grade]) -> list[CategoryPrices]:
    members: dict[str, list[Seat]] = {name: [] for name in grades}
    for seat in seats:
        members[seat.category].append(seat)
    prices = {name: {seat.seat_price for seat in own} for name, own in members.items()}
    return [
        CategoryPrices(nth, grade, min(prices[name]), max(prices[name]), members[name])
        for nth, (name, grade) in enumerate(grades.items())
    ]
