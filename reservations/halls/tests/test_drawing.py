"""The picture of a hall: small, safe, and legible on light and dark pages."""

import re
import time
from xml.etree import ElementTree as ET

import pytest

from reservations.halls.areas import Area, Label, Shape
from reservations.halls.curved import curved_hall
from reservations.halls.drawing import draw, draw_hall
from reservations.halls.hall import Category, Hall, SeatPlan, plain_hall
from reservations.halls.plans import read_plan
from reservations.halls.tests.planning import ODEON

SVG = "{http://www.w3.org/2000/svg}"
NASTY = '"><script>alert(1)</script><style>*{}</style>\u0000'
LAYOUT = {"size": {"width": 100, "height": 80}, "areas": [], "labels": [], "categories": []}


def parsed(svg):
    """The picture as XML: what is not well-formed fails here."""
    return ET.fromstring(svg)


def texts(svg):
    return [text.text for text in parsed(svg).iter(f"{SVG}text")]


def test_a_hall_is_one_picture_with_a_title():
    root = parsed(draw_hall(curved_hall(), "Odeon & friends"))

    assert root.get("viewBox") == "149.5 42 2061 1220.7"
    assert (root.get("role"), root.get("aria-label")) == ("img", "Odeon & friends")
    assert root.find(f"{SVG}title").text == "Odeon & friends"


def test_each_category_is_one_path_with_a_stroke_for_every_seat():
    hall = curved_hall()

    paths = list(parsed(draw_hall(hall, "Odeon")).iter(f"{SVG}path"))

    assert {path.get("stroke") for path in paths} == {kind.color for kind in hall.categories}
    assert sum(path.get("d").count("h0") for path in paths) == len(hall.seats)


def test_a_stroke_ends_up_where_the_seat_stands():
    hall = curved_hall()
    (first,) = (path for path in parsed(draw_hall(hall, "x")).iter(f"{SVG}path") if path.get("stroke") == "#b91c1c")

    x = y = 0.0
    places = []
    for dx, dy in re.findall(r"m(\S+) (\S+?)h0", first.get("d")):
        x, y = x + float(dx), y + float(dy)
        places.append((x, y))

    seats = [(seat.x, seat.y) for seat in hall.seats if seat.category.name == "VIP"]
    assert places == [pytest.approx(seat, abs=0.06) for seat in seats]


def test_20000_seats_stay_small_and_quick():
    hall = plain_hall(20_000, 1)
    begun = time.process_time()

    svg = draw_hall(hall, "Large")

    assert len(svg) < 250_000
    assert time.process_time() - begun < 2


def test_every_shape_is_drawn():
    hall = read_plan(ODEON.read_bytes()).hall({"Premium": 1, "Standard": 1, "Boxes": 1})

    root = parsed(draw_hall(hall, hall.areas[0].text))

    shapes = [element.tag.removeprefix(SVG) for group in root.iter(f"{SVG}g") for element in group]
    assert shapes == ["rect", "text", "ellipse", "ellipse", "polygon", "text"]
    assert texts(draw_hall(hall, "x")) == ["Main stage", "Foyer <b>", "1", "1"]
    assert [group.get("transform") for group in root.iter(f"{SVG}g")][2] == "translate(362.2 170.5) rotate(45)"


def test_nothing_that_was_typed_gets_out_as_markup():
    hall = Hall(
        width=100,
        height=100,
        categories=[Category(NASTY, NASTY, 1)],
        seats=[SeatPlan("A", "1", 1, Category(NASTY, NASTY, 1), 0, 5, 5)],
        areas=[Area(1, 1, 5, 5, NASTY, color=NASTY, border_color=NASTY)],
        labels=[Label(NASTY, 1, 1)],
    )

    svg = draw_hall(hall, NASTY)

    assert {element.tag.removeprefix(SVG) for element in parsed(svg).iter()} == {
        "svg",
        "title",
        "g",
        "rect",
        "text",
        "path",
    }
    assert "<script" not in svg
    assert "style=" not in svg
    assert "\0" not in svg


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"size": None, "areas": None, "labels": 5, "categories": "x"},
        {
            "size": {"width": "1", "height": float("nan")},
            "areas": [1, {}],
            "labels": [{}, None],
            "categories": [{}, []],
        },
        {"areas": [{"shape": shape, "x": 1, "y": 2, "points": 7, "text": 8, "color": []} for shape in Shape]},
        {
            "areas": [{"shape": {"a": 1}, "x": 1, "y": 2, "text_x": "a"}],
            "labels": [{"x": 1, "y": 1, "text": "a", "size": "b"}],
        },
    ],
)
def test_any_layout_is_drawn_as_far_as_it_makes_sense(layout):
    root = parsed(draw(layout, [(5.0, 5.0, "R"), (5.0, 5.0, "S")], "x"))

    assert len(list(root.iter(f"{SVG}path"))) == 2
    assert "nan" not in root.get("viewBox")


def test_a_schedule_without_seats_has_a_picture_too():
    assert parsed(draw(LAYOUT, [], "x")).get("viewBox") == "-18 -18 36.1 36.1"


def test_the_picture_is_cut_to_what_is_drawn():
    area = {"shape": "rectangle", "x": 50, "y": 50, "width": 40, "height": 10, "rotation": 90}

    box = parsed(draw({"size": {"width": 9_000, "height": 9_000}, "areas": [area]}, [(60.0, 70.0, "R")], "x"))

    # The area, turned, reaches from (40, 50) to (50, 90); around it there is room for a seat.
    assert box.get("viewBox") == "22 32 56.1 76.1"


def test_a_seat_at_the_edge_is_not_cut():
    left, top, width, height = map(
        float, parsed(draw(LAYOUT, [(0.0, 0.0, "R"), (100.0, 80.0, "R")], "x")).get("viewBox").split()
    )

    assert max(left, top) < -5
    assert left + width > 105
    assert top + height > 85


@pytest.mark.parametrize(("color", "strokes"), [("#ffffff", 2), ("#000000", 2), ("#2563eb", 1)])
def test_what_a_page_would_swallow_gets_an_outline(color, strokes):
    svg = draw(LAYOUT | {"categories": [{"name": "R", "color": color}]}, [(5.0, 5.0, "R")], "x")

    paths = list(parsed(svg).iter(f"{SVG}path"))
    assert [path.get("stroke") for path in paths] == ["#71717a", color][-strokes:]


@pytest.mark.parametrize(
    ("fill", "asked", "color"),
    [("#222222", "#ffffff", "#ffffff"), ("#222222", "#333333", "#ffffff"), ("#ffff00", "", "#18181b")],
)
def test_texts_on_areas_can_be_read(fill, asked, color):
    area = {
        "shape": "rectangle",
        "x": 0,
        "y": 0,
        "width": 50,
        "height": 20,
        "color": fill,
        "text": "A",
        "text_color": asked,
    }

    (text,) = parsed(draw(LAYOUT | {"areas": [area]}, [], "x")).iter(f"{SVG}text")

    assert text.get("fill") == color
