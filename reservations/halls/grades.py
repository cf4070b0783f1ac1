"""How the grades of a hall are told: by a colour for each ground, by a shape and by a letter, none of them twice.

static/js/seat_shapes.js draws the same shapes on the map.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reservations.halls.colour_vision import DARK, LIGHT, contrast, told_apart
from reservations.halls.colours import category_colour

BLACK, WHITE = "#000000", "#ffffff"
# Corners around a middle: angles from the top in shares of a turn, and how far out. The first shape is a disc.
CORNERS: tuple[tuple[tuple[float, float], ...], ...] = (
    (),
    ((0.125, 1.22), (0.375, 1.22), (0.625, 1.22), (0.875, 1.22)),
    ((0, 1.1), (1 / 6, 1.1), (1 / 3, 1.1), (0.5, 1.1), (2 / 3, 1.1), (5 / 6, 1.1)),
    ((0, 1.2), (0.25, 1.2), (0.5, 1.2), (0.75, 1.2)),
    ((0, 1.12), (0.2, 1.12), (0.4, 1.12), (0.6, 1.12), (0.8, 1.12)),
    ((0.125, 1.25), (0.5, 1.15), (0.875, 1.25)),
    ((0, 1.25), (0.375, 1.2), (0.625, 1.2)),
)
SHAPES_KNOWN = len(CORNERS)
RADIUS = 8.0


@dataclass(frozen=True, slots=True)
class Grade:
    """How a category is told. `path` is its shape as SVG, around 0, 0 in a box of 24."""

    name: str
    letter: str
    light: str
    dark: str
    path: str

    @property
    def light_ink(self) -> str:
        """What can be read upon its colour on light pages."""
        return ink_on(self.light)

    @property
    def dark_ink(self) -> str:
        """The same on dark ones."""
        return ink_on(self.dark)


def grades_of(names: Sequence[str], colours: Mapping[str, object]) -> list[Grade]:
    """The grades of these names; `colours` as their plan has them, whatever it holds."""
    signs, paths = signs_of(names), [shape_path(nth) for nth, _name in enumerate(names)]
    raw = [category_colour(colours.get(name), nth) for nth, name in enumerate(names)]
    told = zip(names, signs, told_apart(raw, LIGHT), told_apart(raw, DARK), paths, strict=True)
    return [Grade(*each) for each in told]


def grades_in(categories: Iterable[Mapping[str, object]], seats: Iterable[Mapping[str, Any]]) -> list[Grade]:
    """The grades that seats have: those of the map in its order, then any other."""
    colours = {str(each.get("name")): each.get("color") for each in categories}
    used = dict.fromkeys(seat["category"] for seat in seats)
    return grades_of([name for name in dict.fromkeys([*colours, *used]) if name in used], colours)


def signs_of(names: Iterable[str]) -> list[str]:
    """A sign for each grade, none twice: the first letter or digit of its name that is free, else a number."""
    found: list[str] = []
    for nth, name in enumerate(names, 1):
        free = (sign for sign in name.upper() if sign.isalnum() and sign not in found)
        found.append(next(free, "") or next(number for number in map(str, range(nth, 10_000)) if number not in found))
    return found


def shape_path(nth: int) -> str:
    corners = CORNERS[nth % len(CORNERS)]
    if not corners:
        return f"M0 -{RADIUS:g}a{RADIUS:g} {RADIUS:g} 0 1 1 -.01 0z"
    points = (
        f"{far * RADIUS * math.sin(2 * math.pi * turn):.1f} {-far * RADIUS * math.cos(2 * math.pi * turn):.1f}"
        for turn, far in corners
    )
    return f"M{'L'.join(points)}z"


def ink_on(colour: str) -> str:
    return max(BLACK, WHITE, key=lambda ink: contrast(ink, colour))
