"""Seating plans in pretix's open JSON format: from a file to a hall. docs/seating-plans.md describes it.

The format is other people's, and so are the files: seats are read strictly, with every problem at once and in
its place; what is only drawn is read leniently. Nothing in here knows the database.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from django.utils.translation import gettext as _

from concert_site.lib.errors import Invalid
from concert_site.lib.formats import thousands
from reservations.halls.areas import Area, Label, Point
from reservations.halls.colours import category_colour
from reservations.halls.hall import LONGEST, MOST_SEATS, Category, Hall, SeatPlan, is_price, row_labels
from reservations.halls.plans.areas import AreasRead, row_end_labels
from reservations.halls.plans.extent import count_covered, extent_of, scale_of
from reservations.halls.plans.file import MOST_BYTES, read_json, too_large
from reservations.halls.plans.notices import notices
from reservations.halls.plans.objects import objects_of, origin_of
from reservations.halls.plans.problems import PlanPosition, PlanRefused, Problems
from reservations.halls.plans.seats import FileRow, PlannedRow, Reading, Renamed, planned_rows, read_zone, too_long
from reservations.halls.values import Json, text_of

__all__ = ["MOST_BYTES", "Plan", "PlanRefused", "read_plan", "too_large"]

# Each has a price in a form.
MOST_CATEGORIES = 200
# Rows whose distances from the stage differ by less than this are as near as each other.
NEAR = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A seating plan that can be used; prices are all that is missing. `notices` say what had to be adapted."""

    name: str
    width: float
    height: float
    # Name and colour of those that have seats, in the order of the file.
    categories: Mapping[str, str]
    rows: Sequence[PlannedRow]
    row_indexes: Sequence[int]
    shift: Point
    areas: Sequence[Area]
    labels: Sequence[Label]
    notices: Sequence[str]

    @property
    def seat_count(self) -> int:
        return sum(len(row.seats) for row in self.rows)

    def hall(self, prices: Mapping[str, int], accessible: Collection[str] = ()) -> Hall:
        """The hall at these prices by category, in minor units; `accessible` are categories all of whose seats are.

        :raises Invalid: naming a category without a price
        """
        kinds = {name: Category(name, color, price_of(name, prices)) for name, color in self.categories.items()}
        return Hall(
            width=self.width,
            height=self.height,
            categories=list(kinds.values()),
            seats=list(self.seats(kinds, accessible)),
            areas=self.areas,
            labels=self.labels,
        )

    def seats(self, kinds: Mapping[str, Category], accessible: Collection[str]) -> Iterator[SeatPlan]:
        right, down = self.shift
        for row, row_index in zip(self.rows, self.row_indexes, strict=True):
            for seat, number, label in zip(row.seats, row.numbers(), row.labels, strict=True):
                yield SeatPlan(
                    section=row.section,
                    row=row.name,
                    number=number,
                    category=kinds[seat.category],
                    row_index=row_index,
                    x=round(seat.x + right, 4),
                    y=round(seat.y + down, 4),
                    is_accessible=seat.is_accessible or seat.category in accessible,
                    is_companion=seat.is_companion and seat.category not in accessible,
                    is_off_sale=seat.is_off_sale,
                    label=label,
                    guid=seat.guid,
                )


def price_of(category: str, prices: Mapping[str, int]) -> int:
    """The price of a category.

    :raises Invalid: if there is none
    """
    price = prices.get(category, 0)
    if not is_price(price):
        raise Invalid(_("Category '%(name)s' needs a price of at least 1.") % {"name": category}, attr="prices")
    return price


def read_plan(content: bytes, *, category: str = "") -> Plan:
    """The plan in a file; seats without a category are of `category`, if one is given.

    :raises PlanRefused: with everything that is wrong with it
    """
    raw, place = read_json(content)
    problems, drawn = Problems(), AreasRead()
    colours = read_categories(raw, problems)
    category = text_of(category)
    reading = Reading(colours, problems, category, takes_any=not colours, place=place)
    if category and colours:
        colours.setdefault(category, category_colour(None, len(colours)))
    zones = list(read_zones(raw, reading, drawn))
    reading.finish()
    refuse_too_many(colours, problems)
    count = sum(len(row.seats) for _name, rows in zones for row in rows)
    if not problems.places and not count:
        problems.add(_("It has no seats"))
    if count > MOST_SEATS:
        counts = {"count": thousands(count), "most": thousands(MOST_SEATS)}
        problems.add(_("It has %(count)s seats; at most %(most)s can be sold") % counts)
    problems.refuse()
    return assembled(raw, zones, reading, drawn)


def assembled(raw: Json, zones: Sequence[tuple[str, list[FileRow]]], reading: Reading, drawn: AreasRead) -> Plan:
    """The plan out of its parts, once nothing is wrong with them."""
    renamed = Renamed()
    rows = planned_rows(zones, renamed)
    seats = [seat for row in rows for seat in row.seats]
    labels = row_end_labels(chain.from_iterable(rows for _name, rows in zones), scale_of(seats))
    extent = extent_of(raw.get("size"), seats, drawn.areas, labels)
    used = {seat.category for seat in seats}
    return Plan(
        name=text_of(raw.get("name")),
        width=extent.width,
        height=extent.height,
        categories={name: color for name, color in reading.categories.items() if name in used},
        rows=rows,
        row_indexes=row_indexes(rows, drawn.stage() or (extent.width / 2 - extent.right, -extent.down)),
        shift=(extent.right, extent.down),
        areas=[extent.move(area) for area in drawn.areas],
        labels=[extent.move_label(label) for label in labels],
        notices=list(notices(renamed, reading, drawn, covered=count_covered(seats), is_grown=extent.is_grown)),
    )


def read_categories(raw: Json, problems: Problems) -> dict[str, str]:
    """Name and colour of the categories; of two by the same name the first counts."""
    colours: dict[str, str] = {}
    for nth, category in enumerate(objects_of(raw, "categories", None, problems)):
        name = text_of(category.get("name"))
        if len(name) > LONGEST["category"]:
            counts = {"name": f"{name[:50]}…", "most": LONGEST["category"]}
            problems.add(_("category '%(name)s': at most %(most)d characters fit") % counts)
        if name:
            colours.setdefault(name, category_colour(category.get("color"), nth))
    return colours


def refuse_too_many(colours: Collection[str], problems: Problems) -> None:
    """Note it if there are more categories than a form can price."""
    if len(colours) > MOST_CATEGORIES:
        counts = {"count": thousands(len(colours)), "most": MOST_CATEGORIES}
        problems.add(_("It has %(count)s categories; at most %(most)d can be priced") % counts)


def read_zones(raw: Json, reading: Reading, drawn: AreasRead) -> Iterator[tuple[str, list[FileRow]]]:
    """Name and rows of every zone; their areas go to `drawn`. A zone without a name is called by a letter."""
    zones = list(objects_of(raw, "zones", None, reading.problems))
    given = [text_of(zone.get("name")) or text_of(zone.get("zone_id")) for zone in zones]
    names = [name or letter for name, letter in zip(given, row_labels(), strict=False)]
    bearers = Counter(names)
    reading.unnamed += given.count("")
    for nth, (zone, name) in enumerate(zip(zones, names, strict=True), 1):
        # Where several zones share a name, a problem says the position as well.
        place = PlanPosition(name if bearers[name] == 1 else f"{name} (#{nth})")
        too_long(name, "section", place, reading)
        yield name, zone_parts(zone, place, reading, drawn)


def zone_parts(zone: Json, place: PlanPosition, reading: Reading, drawn: AreasRead) -> list[FileRow]:
    origin = origin_of(zone, place, reading.problems)
    areas = zone.get("areas")
    for area in areas if isinstance(areas, list) else []:
        if isinstance(area, dict):
            drawn.add(area, origin)
    return read_zone(zone, place, origin, reading)


def row_indexes(rows: Sequence[PlannedRow], stage: Point) -> list[int]:
    """How near each row is to the stage, from 0; without a stage the middle of the upper edge stands for it."""
    distances = [round(math.dist(stage, middle(row)) / NEAR) for row in rows]
    ranks = {distance: rank for rank, distance in enumerate(sorted(set(distances)))}
    return [ranks[distance] for distance in distances]


def middle(row: PlannedRow) -> Point:
    count = len(row.seats)
    return sum(seat.x for seat in row.seats) / count, sum(seat.y for seat in row.seats) / count
