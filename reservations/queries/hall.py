"""A hall as its pages list it: sections, rows and seats, out of the remembered map and its live letters.

Nothing is read from the database while both are remembered, however many fans choose at once.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import orjson

from concert_site.lib.cache import Memory
from reservations.queries.availability import Availability
from reservations.queries.layout import KEPT_SECONDS, layout_name, layout_of
from reservations.queries.sales import Sale

FREE, NOT_ON_SALE = "A", "U"
# What goes into a page as a colour comes from plans of strangers.
COLOR = re.compile(r"#[0-9a-fA-F]{3}(?:[0-9a-fA-F]{3})?")
PLAIN_COLOR = "#6b7280"
# A page of more is slow on a phone; a longer section comes in portions.
MOST_SEATS_A_PAGE = 800


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat as far as a sale doesn't change it. `nth` is its place in the live letters, `color` its category's."""

    id: int
    nth: int
    color: str
    section: str
    row: str
    seat_label: str
    seat_price: int
    category: str
    accessible: bool


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
class Category:
    """A category with its colour, and what its seats cost from and to."""

    name: str
    color: str
    lowest: int
    highest: int


@dataclass(frozen=True)
class Section:
    """A section of the hall, with what its seats cost from and to."""

    name: str
    seats: Sequence[Seat]
    lowest: int
    highest: int

    def seats_left(self, letters: str) -> int:
        """How many of its seats can be had."""
        return sum(letters[seat.nth : seat.nth + 1] == FREE for seat in self.seats)

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
class HallPlan:
    """All sections by name, all seats by id, and the categories in the order of the map."""

    sections: Mapping[str, Section]
    seats: Mapping[int, Seat]
    categories: Sequence[Category]


_plans: Memory[HallPlan] = Memory(most=8)


def plan_of(sale: Sale) -> HallPlan:
    """The hall of a schedule.

    :raises NotFound: if there is no such schedule
    """
    return _plans.get(layout_name(sale), lambda: (plan_from(layout_of(sale)), KEPT_SECONDS))


def letters_of(availability: Availability) -> str:
    """The live state of every seat, one letter each."""
    letters: str = orjson.loads(availability.body)["seats"]
    return letters


def plan_from(body: bytes) -> HallPlan:
    """The hall, out of the JSON of its map."""
    content = orjson.loads(body)
    colors = colors_of(content["layout"].get("categories", []))
    seats = [seat_from(facts, nth, colors) for nth, facts in enumerate(content["seats"])]
    return HallPlan(
        sections={section.name: section for section in sections_of(seats)},
        seats={seat.id: seat for seat in seats},
        categories=list(categories_of(seats, colors)),
    )


def colors_of(categories: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The colours of the map's categories; a colour that is none becomes a plain one."""
    colors = {str(each.get("name")): str(each.get("color")) for each in categories}
    return {name: color if COLOR.fullmatch(color) else PLAIN_COLOR for name, color in colors.items()}


def seat_from(facts: Mapping[str, Any], nth: int, colors: Mapping[str, str]) -> Seat:
    """The nth seat of a map."""
    kept = {name: facts[name] for name in Seat.__slots__ if name in facts}
    return Seat(nth=nth, color=colors.get(facts["category"], PLAIN_COLOR), **kept)


def sections_of(seats: Sequence[Seat]) -> Iterator[Section]:
    """The sections in the order of their first seats."""
    by_name: dict[str, list[Seat]] = {}
    for seat in seats:
        by_name.setdefault(seat.section, []).append(seat)
    for name, members in by_name.items():
        prices = {seat.seat_price for seat in members}
        yield Section(name, members, min(prices), max(prices))


def rows_of(seats: Sequence[Seat]) -> Iterator[Row]:
    """The rows of a section in the order of their first seats."""
    first = {row: nth for nth, row in enumerate(dict.fromkeys(seat.row for seat in seats))}
    for name, members in groupby(sorted(seats, key=lambda seat: first[seat.row]), key=lambda seat: seat.row):
        yield Row(name, list(members))


def categories_of(seats: Sequence[Seat], colors: Mapping[str, str]) -> Iterator[Category]:
    """The categories that seats have: those of the map in its order, then any other."""
    prices: dict[str, set[int]] = {}
    for seat in seats:
        prices.setdefault(seat.category, set()).add(seat.seat_price)
    for name in dict.fromkeys([*colors, *prices]):
        if name in prices:
            yield Category(name, colors.get(name, PLAIN_COLOR), min(prices[name]), max(prices[name]))
