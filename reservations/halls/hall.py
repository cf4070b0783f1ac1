"""Seat plans: the seats of a hall before any of them is sold, and the map they are drawn on.

Units are those of the map, from its top left corner. Nothing in here knows the database.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice, pairwise, product
from string import ascii_uppercase

from reservations.halls.adjoining import SeatPlace, Spot, places_of
from reservations.halls.areas import Area, Label, Point, stage_in

PITCH = 22.0
MARGIN = 60.0
AISLE = 66.0
# A seat takes this share of the distance to its neighbour; seats of close rows touch then, and no more.
SHARE = 0.41
# The largest stadiums have some 100,000; a map of more is a mistake, and would be slow for every fan.
MOST_SEATS = 100_000
# How much text the columns of a seat hold.
LONGEST = {"section": 50, "row": 20, "label": 50, "guid": 100, "category": 100}
# Whatever PostgreSQL's bigint can hold, a seat that costs more is a slip of the keyboard.
HIGHEST_PRICE = 10**12


def is_price(amount: int) -> bool:
    """Whether a seat can cost so much, in minor units."""
    return 1 <= amount <= HIGHEST_PRICE


@dataclass(frozen=True, slots=True)
class Category:
    """A price category; `price` in minor units."""

    name: str
    color: str
    price: int


@dataclass(frozen=True, slots=True)
class SeatPlan:
    """A seat of a hall. (section, row, number) and `guid` are unique in it; `label` is what is printed.

    `row_index` counts rows from the stage through the whole hall, so that a lower one is nearer to it. A companion's
    seat belongs to a place for a wheelchair.
    Left out, the label is the number, and the GUID tells the place.
    """

    section: str
    row: str
    number: int
    category: Category
    row_index: int
    x: float
    y: float
    is_accessible: bool = False
    is_companion: bool = False
    is_off_sale: bool = False
    label: str = ""
    guid: str = ""

    def __post_init__(self) -> None:
        # A frozen dataclass is filled in through object alone.
        object.__setattr__(self, "label", self.label or str(self.number))
        object.__setattr__(self, "guid", self.guid or f"{self.section}-{self.row}-{self.number}")


@dataclass(frozen=True, slots=True)
class Hall:
    """A hall: its seats in the order in which they are numbered, and what else is on its map."""

    width: float
    height: float
    categories: Sequence[Category]
    seats: Sequence[SeatPlan]
    areas: Sequence[Area] = field(default=())
    labels: Sequence[Label] = field(default=())

    @property
    def stage(self) -> Point:
        """The middle of the stage; without one, the middle of the upper edge."""
        return stage_in(self.areas) or (self.width / 2, 0.0)

    def places(self) -> list[SeatPlace]:
        return places_of([Spot(seat.section, seat.row, seat.number, seat.x, seat.y) for seat in self.seats], self.stage)

    def layout(self) -> dict[str, object]:
        """The map as a schedule keeps it (JSON)."""
        return {
            "size": {"width": self.width, "height": self.height},
            "areas": [area.as_json() for area in self.areas],
            "labels": [label.as_json() for label in self.labels],
            "categories": [{"name": kind.name, "color": kind.color} for kind in self.categories],
        }


def seat_radius(places: Sequence[Point]) -> float:
    """How large seats can be drawn: by the distances between those that follow each other, the closest tenth aside."""
    steps = sorted(step for one, other in pairwise(places) if (step := math.dist(one, other)) > 0)
    return (steps[len(steps) // 10] if steps else PITCH) * SHARE


def row_labels() -> Iterator[str]:
    """A, B, ... Z, AA, AB, ...: names of rows and sections, as many as are asked for."""
    for length in count(1):
        yield from map("".join, product(ascii_uppercase, repeat=length))


# --- A plain grid ------------------------------------------------------------------------------

SEATS_A_ROW = 20
ROWS_A_BLOCK = 20
BLOCK_WIDTH = (SEATS_A_ROW - 1) * PITCH
BLOCK_HEIGHT = (ROWS_A_BLOCK - 1) * PITCH
STAGE_HEIGHT = 60.0
# Where the first row begins: below the margin, the stage and an aisle.
FIRST_ROW_Y = MARGIN + STAGE_HEIGHT + AISLE


def plain_hall(seats: int, price: int) -> Hall:
    """A hall of so many seats at one price: blocks of up to 20 rows of 20, the stage on top."""
    category = Category("R", "#2563eb", price)
    blocks = math.ceil(seats / (SEATS_A_ROW * ROWS_A_BLOCK))
    across = math.ceil(math.sqrt(blocks))
    names = list(islice(row_labels(), blocks))
    rows_deep = math.ceil(seats / SEATS_A_ROW) if blocks == 1 else math.ceil(blocks / across) * ROWS_A_BLOCK
    aisles = math.ceil(blocks / across) - 1
    width = 2 * MARGIN + across * BLOCK_WIDTH + (across - 1) * AISLE
    return Hall(
        width=width,
        height=FIRST_ROW_Y + (rows_deep - aisles - 1) * PITCH + aisles * AISLE + MARGIN,
        categories=[category],
        seats=[grid_seat(nth, across, names, category) for nth in range(seats)],
        areas=[Area(width / 2 - BLOCK_WIDTH / 2, MARGIN, BLOCK_WIDTH, STAGE_HEIGHT, "STAGE")],
        labels=[grid_label(nth, across, name) for nth, name in enumerate(names)],
    )


def grid_corner(block: int, across: int) -> tuple[float, float]:
    """Where the first seat of a block stands."""
    down, right = divmod(block, across)
    return MARGIN + right * (BLOCK_WIDTH + AISLE), FIRST_ROW_Y + down * (BLOCK_HEIGHT + AISLE)


def grid_seat(nth: int, across: int, names: Sequence[str], category: Category) -> SeatPlan:
    """The nth seat of a grid, counted from 0, block after block."""
    row, column = divmod(nth, SEATS_A_ROW)
    block, row = divmod(row, ROWS_A_BLOCK)
    x, y = grid_corner(block, across)
    return SeatPlan(
        section=names[block],
        row=str(row + 1),
        number=column + 1,
        category=category,
        row_index=block // across * ROWS_A_BLOCK + row,
        x=x + column * PITCH,
        y=y + row * PITCH,
    )


def grid_label(block: int, across: int, name: str) -> Label:
    x, y = grid_corner(block, across)
    return Label(name, x + BLOCK_WIDTH / 2, y - AISLE / 2)
