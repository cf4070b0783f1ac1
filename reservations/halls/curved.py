"""A concert hall of about 2,000 seats: arcs around a stage, in stalls, a balcony and boxes.

Everything is a pure function of the geometry below; the same hall comes out each time.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from reservations.halls.areas import Area, Label
from reservations.halls.hall import MARGIN, PITCH, Category, Hall, SeatPlan, row_labels

VIP = Category("VIP", "#b91c1c", 165_000)
R = Category("R", "#2563eb", 143_000)
S = Category("S", "#15803d", 110_000)
A = Category("A", "#a16207", 66_000)

ROW_DEPTH = 27.0
AISLE = 44.0
STAGE_WIDTH, STAGE_DEPTH = 420.0, 130.0
# The rows are circles around this point, at the back of the stage; angles are counted from straight ahead.
CENTRE_Y = MARGIN + STAGE_DEPTH / 2
BOXES_A_SIDE = 4
# From the middle of the hall to the nearest seat of a box.
BOX_DISTANCE = 660.0
BOX_ROWS, BOX_SEATS = 2, 3


@dataclass(frozen=True, slots=True)
class Tier:
    """Rows of equal depth behind each other, cut into sections by aisles; angles in degrees."""

    name: str
    sections: tuple[str, ...]
    first_radius: float
    rows: int
    half_angle: float
    # The category from a row on, counted from 0 at the front.
    prices: tuple[tuple[int, Category], ...]
    # Fans who stay in their wheelchair sit at the aisles of the row that has no step.
    accessible_row: int
    first_row_index: int

    def category(self, row: int) -> Category:
        return [category for start, category in self.prices if start <= row][-1]


STALLS = Tier("Stalls", ("L", "CL", "CR", "R"), 250, 19, 66, ((0, VIP), (6, R)), 18, 0)
BALCONY = Tier("Balcony", ("L", "CL", "CR", "R"), 850, 11, 66, ((0, R), (2, S), (6, A)), 0, 19)
OUTERMOST = BALCONY.first_radius + (BALCONY.rows - 1) * ROW_DEPTH
CENTRE_X = MARGIN + OUTERMOST


def curved_hall() -> Hall:
    """The hall; sections from left to right as seen from the seats, tier after tier."""
    return Hall(
        width=2 * CENTRE_X,
        height=math.ceil(CENTRE_Y + OUTERMOST + MARGIN),
        categories=[VIP, R, S, A],
        seats=[*tier_seats(STALLS), *box_seats(), *tier_seats(BALCONY)],
        areas=[Area(CENTRE_X - STAGE_WIDTH / 2, MARGIN, STAGE_WIDTH, STAGE_DEPTH, "STAGE")],
        labels=[*tier_labels(STALLS), *tier_labels(BALCONY), *box_labels()],
    )


def around(radius: float, degrees: float) -> tuple[float, float]:
    """A point of the map: so far from the centre, so many degrees to the right of straight ahead."""
    angle = math.radians(degrees)
    return round(CENTRE_X + radius * math.sin(angle), 1), round(CENTRE_Y + radius * math.cos(angle), 1)


def section_middle(tier: Tier, nth: int) -> float:
    share = 2 * tier.half_angle / len(tier.sections)
    return -tier.half_angle + share * (nth + 0.5)


def tier_seats(tier: Tier) -> Iterator[SeatPlan]:
    for nth, name in enumerate(tier.sections):
        for row, letter in enumerate(islice(row_labels(), tier.rows)):
            yield from arc(tier, f"{tier.name} {name}", section_middle(tier, nth), row, letter)


def arc(tier: Tier, section: str, middle: float, row: int, letter: str) -> Iterator[SeatPlan]:
    """One row of one section: as many seats as fit between its aisles."""
    radius = tier.first_radius + row * ROW_DEPTH
    length = math.radians(2 * tier.half_angle / len(tier.sections)) * radius - AISLE
    seats = int(length / PITCH) + 1
    for nth in range(seats):
        x, y = around(radius, middle + math.degrees((nth - (seats - 1) / 2) * PITCH / radius))
        yield SeatPlan(
            section=section,
            row=letter,
            number=nth + 1,
            category=tier.category(row),
            row_index=tier.first_row_index + row,
            x=x,
            y=y,
            is_accessible=row == tier.accessible_row and nth in {0, seats - 1},
        )


def tier_labels(tier: Tier) -> Iterator[Label]:
    for nth, name in enumerate(tier.sections):
        x, y = around(tier.first_radius - 1.5 * ROW_DEPTH, section_middle(tier, nth))
        yield Label(f"{tier.name} {name}", x, y, size=14)


# --- Boxes: small rooms along both walls, between the tiers ----------------------------------------


def box_corners() -> Iterator[tuple[str, float, float]]:
    """The boxes from the stage backwards, left and right; each with the place of its first seat."""
    depth = BOX_ROWS * PITCH + AISLE
    width = (BOX_SEATS - 1) * PITCH
    for side, x in (("L", CENTRE_X - BOX_DISTANCE - width), ("R", CENTRE_X + BOX_DISTANCE)):
        for nth in range(BOXES_A_SIDE):
            yield f"Box {side}{nth + 1}", x, MARGIN + AISLE + nth * depth


def box_seats() -> Iterator[SeatPlan]:
    for section, x, y in box_corners():
        for row in range(BOX_ROWS):
            for nth in range(BOX_SEATS):
                seat_x, seat_y = x + nth * PITCH, y + row * PITCH
                yield SeatPlan(section, str(row + 1), nth + 1, S, row, seat_x, seat_y)


def box_labels() -> Iterator[Label]:
    for section, x, y in box_corners():
        yield Label(section, x + (BOX_SEATS - 1) * PITCH / 2, y - 0.8 * PITCH, size=12)
