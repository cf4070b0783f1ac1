"""Halls out of a few numbers: sections of straight rows, side by side in front of a stage."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count, dropwhile, islice

from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Invalid
from concert_site.lib.formats import thousands
from concert_site.lib.lazy_text import StrOrPromise
from reservations.halls.areas import Area, Label
from reservations.halls.colours import TRANSPARENT, colour_of
from reservations.halls.hall import (
    AISLE,
    FIRST_ROW_Y,
    LONGEST,
    MARGIN,
    MOST_SEATS,
    PITCH,
    STAGE_HEIGHT,
    Category,
    Hall,
    SeatPlan,
    is_price,
    row_labels,
)

ACROSS = 3
MOST_SECTIONS = 200
MOST_ROWS = 500
MOST_SEATS_A_ROW = 500
# Three letters name 18,278 rows.
LONGEST_ROW_LETTERS = 3
LONGEST_ROW_NUMBER = 6
NARROWEST_STAGE = 10 * PITCH


class Numbering(StrEnum):
    """Which numbers the seats of a row have, and on which side, seen from the seats, they begin."""

    FROM_LEFT = "FROM_LEFT"
    FROM_RIGHT = "FROM_RIGHT"
    ODD = "ODD"
    ODD_FROM_RIGHT = "ODD_FROM_RIGHT"
    EVEN = "EVEN"
    EVEN_FROM_RIGHT = "EVEN_FROM_RIGHT"

    @property
    def is_from_right(self) -> bool:
        """Whether the lowest number is on the right."""
        return self in {Numbering.FROM_RIGHT, Numbering.ODD_FROM_RIGHT, Numbering.EVEN_FROM_RIGHT}

    def number(self, nth: int) -> int:
        if self in {Numbering.ODD, Numbering.ODD_FROM_RIGHT}:
            return 2 * nth + 1
        return 2 * nth + 2 if self in {Numbering.EVEN, Numbering.EVEN_FROM_RIGHT} else nth + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSection:
    """A block of straight rows; `first_row_name` is letters or a number, from which the rows go on."""

    name: str
    rows: int
    seats_per_row: int
    category: Category
    first_row_name: str = "A"
    numbering: Numbering = Numbering.FROM_LEFT

    @property
    def width(self) -> float:
        """From the middle of a row's first seat to the middle of its last."""
        return (self.seats_per_row - 1) * PITCH

    @property
    def depth(self) -> float:
        """From the first row to the last."""
        return (self.rows - 1) * PITCH

    def row_names(self) -> Iterator[str]:
        """What the rows are called, from the stage backwards."""
        if self.first_row_name.isdecimal():
            return map(str, islice(count(int(self.first_row_name)), self.rows))
        first = self.first_row_name.upper()
        return islice(dropwhile(lambda name: name != first, row_labels()), self.rows)


def grid_hall(sections: Sequence[GridSection]) -> Hall:
    """A hall of sections in front of a stage, three across; the first one on the left, as seen from the seats.

    :raises Invalid: naming the section at fault by its index in `sections`
    """
    categories = checked_categories(sections)
    bands = [sections[start : start + ACROSS] for start in range(0, len(sections), ACROSS)]
    widest = max(NARROWEST_STAGE, *(band_width(band) for band in bands))
    width = widest + 2 * MARGIN
    placed = list(placed_sections(bands, width / 2))
    stage = max(NARROWEST_STAGE, band_width(bands[0]) / 2)
    return Hall(
        width=width,
        height=max(corner.y + section.depth for section, corner in placed) + MARGIN,
        categories=list(categories.values()),
        seats=[seat for section, corner in placed for seat in section_seats(section, corner)],
        areas=[Area(width / 2 - stage / 2, MARGIN, stage, STAGE_HEIGHT, "STAGE")],
        labels=[Label(section.name, corner.x + section.width / 2, corner.y - AISLE / 2) for section, corner in placed],
    )


@dataclass(frozen=True, slots=True)
class Corner:
    """Where the first row of a section begins, on its left, and how many rows are nearer to the stage."""

    x: float
    y: float
    row_index: int


def band_width(band: Sequence[GridSection]) -> float:
    """How much room the sections of a band take, aisles included."""
    return sum(section.width for section in band) + (len(band) - 1) * AISLE


def placed_sections(bands: Sequence[Sequence[GridSection]], middle: float) -> Iterator[tuple[GridSection, Corner]]:
    """Every section with its corner: bands behind each other, each centred on the stage."""
    y, row_index = FIRST_ROW_Y, 0
    for band in bands:
        x = middle - band_width(band) / 2
        for section in band:
            yield section, Corner(x, y, row_index)
            x += section.width + AISLE
        y += max(section.depth for section in band) + AISLE
        row_index += max(section.rows for section in band)


def section_seats(section: GridSection, corner: Corner) -> Iterator[SeatPlan]:
    for row, name in enumerate(section.row_names()):
        for nth in range(section.seats_per_row):
            column = section.seats_per_row - 1 - nth if section.numbering.is_from_right else nth
            yield SeatPlan(
                section=section.name,
                row=name,
                number=section.numbering.number(nth),
                category=section.category,
                row_index=corner.row_index + row,
                x=corner.x + column * PITCH,
                y=corner.y + row * PITCH,
            )


# --- What makes no sense ---------------------------------------------------------------------------


def checked_categories(sections: Sequence[GridSection]) -> Mapping[str, Category]:
    """The categories by name, once the sections make sense.

    :raises Invalid: naming the section at fault
    """
    if not 1 <= len(sections) <= MOST_SECTIONS:
        raise Invalid(_("Give between 1 and %(most)s sections.") % {"most": MOST_SECTIONS}, attr="sections")
    names: set[str] = set()
    categories: dict[str, Category] = {}
    for index, section in enumerate(sections):
        fault: StrOrPromise = fault_of(section)
        if section.name in names:
            fault = _("There is another section of this name.")
        elif not fault and categories.setdefault(section.category.name, section.category) != section.category:
            fault = _("Another section gives this category another price or colour.")
        if fault:
            raise Invalid(fault, attr="sections", items=[index])
        names.add(section.name)
    if sum(section.rows * section.seats_per_row for section in sections) > MOST_SEATS:
        raise Invalid(_("A hall has at most %(most)s seats.") % {"most": thousands(MOST_SEATS)}, attr="sections")
    return categories


def fault_of(section: GridSection) -> StrOrPromise:
    """What is wrong with a section taken by itself; blank if nothing is."""
    checks = [
        (1 <= len(section.name.strip()) <= LONGEST["section"], _("Give the section a name of at most 50 characters.")),
        (1 <= section.rows <= MOST_ROWS, _("A section has between 1 and 500 rows.")),
        (1 <= section.seats_per_row <= MOST_SEATS_A_ROW, _("A row has between 1 and 500 seats.")),
        (names_a_row(section.first_row_name), _("Name the first row by letters (A) or by a number (1).")),
        (1 <= len(section.category.name.strip()) <= LONGEST["category"], _("Give the category a name.")),
        (is_colour(section.category.color), _("Give the category a colour, as #2563eb.")),
        (is_price(section.category.price), _("Give the category a price of at least 1.")),
    ]
    return next((message for is_fine, message in checks if not is_fine), "")


def is_colour(text: str) -> bool:
    """Whether seats of this colour could be seen."""
    return colour_of(text) not in {"", TRANSPARENT}


def names_a_row(text: str) -> bool:
    """Whether rows can be counted on from this name."""
    if not text.isascii():
        return False
    return (text.isdecimal() and len(text) <= LONGEST_ROW_NUMBER) or (
        text.isalpha() and len(text) <= LONGEST_ROW_LETTERS
    )
