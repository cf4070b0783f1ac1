"""What is drawn around the seats of a plan: read leniently, and safe to hand on."""

import json

import pytest

from reservations.halls.colours import colour_of
from reservations.halls.plans import read_plan
from reservations.halls.tests.planning import ODEON, file, plan, row, seat, zone

STAGE = {"shape": "rectangle", "position": {"x": 5, "y": 6}, "rectangle": {"width": 70, "height": 30}}


def areas_of(*areas, **keys):
    """The areas in the layout of a plan that has these."""
    found = read_plan(file(plan(zone(areas=list(areas)), **keys)))
    return found, found.hall({"R": 1}).layout()["areas"]


def test_every_shape_is_kept_in_its_own_words():
    layout = read_plan(ODEON.read_bytes()).hall({"Premium": 1, "Standard": 1, "Boxes": 1}).layout()

    stage, circle, ellipse, polygon, text = layout["areas"]
    assert stage == {
        "shape": "rectangle",
        "x": 112.25,
        "y": 20.5,
        "width": 180.0,
        "height": 40.0,
        "rotation": 0.0,
        "color": "#222222",
        "border_color": "#ffffff",
        "text": "Main stage",
        "text_x": 90.0,
        "text_y": 20.0,
        "text_size": 18.0,
        "text_color": "#ffffff",
    }
    assert (circle["radius"], circle["color"]) == (12.0, "#ffd700")
    assert (ellipse["radius_x"], ellipse["radius_y"], ellipse["rotation"]) == (30.0, 10.0, 45.0)
    assert polygon["points"] == [{"x": 0.0, "y": 0.0}, {"x": 40.0, "y": 0.0}, {"x": 20.0, "y": 30.0}]
    assert polygon["color"] == "#d4d4d8"
    assert (text["shape"], text["text"]) == ("text", "Foyer <b>")
    assert json.loads(json.dumps(layout)) == layout


@pytest.mark.parametrize(
    "area",
    [
        {},
        {"shape": "star", "position": {"x": 0, "y": 0}},
        {"shape": ["rectangle"]},
        {"shape": "text", "text": {"text": " "}},
        {"shape": "circle", "circle": {"radius": -1}},
        {"shape": "circle", "circle": {"radius": "12"}},
        {"shape": "ellipse", "ellipse": {"radius": 4}},
        {"shape": "polygon", "polygon": {"points": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}},
        {"shape": "polygon", "polygon": {"points": [1, 2, 3]}},
        STAGE | {"position": {"x": 1e9, "y": 0}},
        STAGE | {"rectangle": {"width": 1e9, "height": 1}},
    ],
)
def test_what_cant_be_drawn_is_left_out_and_said(area):
    found, areas = areas_of(area, STAGE)

    assert len(areas) == 1
    assert found.notices == ["1 area can't be drawn and is left out."]


def test_an_area_of_the_formats_first_version_is_a_rectangle_with_its_text_in_the_middle():
    found, (area,) = areas_of({"width": 70, "height": 30, "position": {"x": 5, "y": 6}, "text": "STAGE"})

    assert (area["shape"], area["width"], area["height"]) == ("rectangle", 70.0, 30.0)
    assert (area["text"], area["text_x"], area["text_y"]) == ("STAGE", 35.0, 15.0)
    assert found.notices == []


def test_the_names_of_rows_are_as_small_as_the_seats_of_a_plan_in_metres():
    seats = [seat(str(n), n / 2, position={"x": n / 2 - 3, "y": 0}) for n in range(1, 9)]
    rows = [row("1", seats, row_number_position="both")]

    found = read_plan(file(plan(zone(rows=rows, position={"x": 0, "y": 0}), size={"width": 6, "height": 3})))

    assert [label.size for label in found.labels] == [0.2273, 0.2273]
    assert (found.width, found.height) == (12, 21)


def test_a_map_has_only_so_many_areas():
    found, areas = areas_of(*[STAGE] * 2_010)

    assert len(areas) == 2_000
    assert found.notices == ["10 areas can't be drawn and are left out."]


def test_a_turned_area_fits_on_the_map():
    found, (area,) = areas_of(STAGE | {"rotation": 450, "rectangle": {"width": 600, "height": 30}})

    assert area["rotation"] == 90
    assert found.height >= area["y"] + 600


@pytest.mark.parametrize(
    ("written", "colour"),
    [
        ("#F44336", "#f44336"),
        ("f44336", "#f44336"),
        (" #abc ", "#aabbcc"),
        ("#11223344", "#11223344"),
        ("RebeccaPurple", "#663399"),
        ("rgb(1, 2, 300)", "#0102ff"),
        ("rgba(1, 2, 3, 0.5)", "#01020380"),
        ("none", "transparent"),
        ("", ""),
        (None, ""),
        (0xFF, ""),
        ("url(#x)", ""),
        ('red" onload="alert(1)', ""),
        ("red;background:url(//x)", ""),
        ("var(--x)", ""),
        ("#ＦＦＦ", ""),
        ("#" + "f" * 1_000_000, ""),
    ],
)
def test_only_colours_get_out(written, colour):
    assert colour_of(written) == colour


def test_a_category_without_a_colour_gets_one_that_shows():
    kinds = [{"name": "R"}, {"name": "S", "color": "transparent"}, {"name": "T", "color": "expression(1)"}]

    found = read_plan(file(plan(categories=kinds)))

    assert found.categories == {"R": "#b91c1c"}
