"""Grades are told apart by every kind of eye, on light pages and on dark ones."""

import re
from itertools import combinations
from pathlib import Path

import pytest
from django.conf import settings

from reservations.halls.colour_vision import (
    APART,
    DARK,
    GROUNDS,
    LIGHT,
    PALETTES,
    SEEN,
    VISIONS,
    contrast,
    distance,
    least_distance,
    seen_as,
    seen_on,
    told_apart,
)
from reservations.halls.colours import PALETTE
from reservations.halls.curved import VIP, A, R, S

DEMO = [category.color for category in (VIP, R, S, A)]
# Red and green of one brightness, which one man in twelve takes for one colour, and two greys.
ALIKE = ["#b91c1c", "#4d7c0f", "#808080", "#7f7f7f"]


def test_the_grounds_are_those_of_the_pages():
    css = (Path(settings.BASE_DIR) / "static/css/frontrow.css").read_text()

    assert re.findall(r"--card: (#\w{6})", css)[:2] == [LIGHT, DARK]


@pytest.mark.parametrize("ground", GROUNDS)
def test_any_two_of_the_palette_are_told_apart_by_all_eyes(ground):
    for one, other in combinations(PALETTES[ground], 2):
        assert distance(one, other) >= 19, (one, other)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("colours", [DEMO, ALIKE, list(PALETTE), ["#ffffff"] * 3, ["#000000", "#111111"]])
def test_grades_can_be_seen_and_told_apart(colours, ground):
    shown = told_apart(colours, ground)

    assert all(contrast(colour, ground) >= SEEN for colour in shown)
    assert least_distance(shown) >= APART


def test_colours_that_differ_stay_as_the_plan_has_them():
    colours = ["#0c4a6e", "#d97706"]

    assert told_apart(colours, LIGHT) == [seen_on(colour, LIGHT) for colour in colours]


def test_red_and_green_of_one_brightness_are_one_to_some_eyes():
    """The control: what is asked of the palette is more than a plain distance."""
    one, other = ALIKE[:2]

    assert distance(one, other) < APART < max(_distance_to(one, other, vision) for vision in VISIONS)


def _distance_to(one, other, vision):
    return sum((a - b) ** 2 for a, b in zip(seen_as(one, vision), seen_as(other, vision), strict=True)) ** 0.5
