"""A hall in columns: the seats come back out of them, the margins are gone, and grades have signs of their own."""

from itertools import accumulate
from pathlib import Path

import pytest

from concert_site.lib.json import to_json
from reservations.halls.columns import hall_columns
from reservations.halls.curved import curved_hall
from reservations.halls.grades import SHAPES_KNOWN, ink_on, shape_path, signs_of
from reservations.halls.hall import Hall, plain_hall
from reservations.halls.plans import read_plan


def content_of(hall: Hall, **layout):
    """What the API gives of a hall, its ids with gaps as in a table that others use, too."""
    seats = [
        {
            "id": 100 + 3 * nth,
            "section": seat.section,
            "row": seat.row,
            "seat_label": seat.label or str(seat.number),
            "seat_price": seat.category.price,
            "category": seat.category.name,
            "x": seat.x,
            "y": seat.y,
            "accessible": seat.is_accessible,
        }
        for nth, seat in enumerate(hall.seats)
    ]
    return {"layout_version": 3, "layout": hall.layout() | layout, "seats": seats}


def unrolled(runs):
    return [value for value, count in zip(runs[::2], runs[1::2], strict=True) for _ in range(count)]


def read_back(columns):
    """The seats, as static/js/seat_data.js reads them."""
    labels = [
        [str(label + nth) for nth in range(count)] if isinstance(label, int) else label
        for (_, _, count), label in zip(columns["rows"], columns["label"], strict=True)
    ]
    rows = [(columns["sections"][section], name) for section, name, count in columns["rows"] for _ in range(count)]
    categories = [columns["categories"][nth]["name"] for nth in unrolled(columns["category"])]
    places = zip(accumulate(columns["x"]), accumulate(columns["y"]), strict=True)
    return [
        (*facts[:4], facts[4][0] / 10, facts[4][1] / 10, *facts[5:])
        for facts in zip(
            accumulate(columns["ids"]),
            rows,
            [label for run in labels for label in run],
            categories,
            places,
            unrolled(columns["price"]),
            strict=True,
        )
    ]


def test_all_seats_come_back_out_of_the_columns():
    content = content_of(curved_hall())

    columns = hall_columns(content)

    assert read_back(columns) == [
        (
            seat["id"],
            (seat["section"], seat["row"]),
            seat["seat_label"],
            seat["category"],
            round(seat["x"], 1),
            round(seat["y"], 1),
            seat["seat_price"],
        )
        for seat in content["seats"]
    ]
    accessible = [nth for nth, seat in enumerate(content["seats"]) if seat["accessible"]]
    assert columns["accessible"] == accessible != []


def test_a_hall_of_twenty_thousand_is_a_fraction_of_what_the_api_gives():
    content = content_of(plain_hall(20_000, 5))

    assert len(to_json(hall_columns(content))) < len(to_json(content)) / 12


def test_labels_that_do_not_count_on_are_written_out():
    content = content_of(plain_hall(3, 5))
    for seat, label in zip(content["seats"], ("1", "1A", "2"), strict=True):
        seat["seat_label"] = label

    assert hall_columns(content)["label"] == [["1", "1A", "2"]]


def test_the_margins_of_a_plan_are_cut_and_what_lies_far_off_does_not_shrink_the_seats():
    far = {"shape": "rectangle", "x": 90_000, "y": 0, "width": 10, "height": 10, "color": "#000000"}
    hall = plain_hall(100, 5)

    left, top, width, height = hall_columns(content_of(hall, size={"width": 9_000, "height": 9_000}, areas=[far]))[
        "extent"
    ]

    xs, ys = [seat.x for seat in hall.seats], [seat.y for seat in hall.seats]
    assert left <= min(xs)
    assert top <= min(ys)
    # Half as much again as the seats reach, on the side of what lies far off.
    reach = max(xs) - min(xs)
    assert width < 1.7 * reach
    assert height < reach


def test_where_the_stage_is():
    assert hall_columns(content_of(curved_hall()))["stage"] == [pytest.approx(x) for x in stage_middle(curved_hall())]
    assert hall_columns(content_of(plain_hall(3, 5), areas=[], labels=[]))["stage"] is None


def stage_middle(hall):
    (stage,) = hall.areas
    return stage.x + stage.width / 2, stage.y + stage.height / 2


def test_a_plan_from_the_wild_is_drawn_within_its_frame():
    text = (Path(__file__).parent / "odeon.json").read_bytes()
    plan = read_plan(text)

    columns = hall_columns(content_of(plan.hall(dict.fromkeys(plan.categories, 5))))

    left, top, width, height = columns["extent"]
    for x, y in zip(accumulate(columns["x"]), accumulate(columns["y"]), strict=True):
        assert left < x / 10 < left + width
        assert top < y / 10 < top + height


@pytest.mark.parametrize(
    ("names", "signs"),
    [
        (["VIP", "R", "S", "A"], ["V", "R", "S", "A"]),
        (["Category I", "Category II", "C"], ["C", "A", "3"]),
        (["스탠딩", "지정석"], ["스", "지"]),
        (["", "?", "1"], ["1", "2", "3"]),
        (["ß", "SS"], ["S", "2"]),
    ],
)
def test_no_two_grades_have_one_sign(names, signs):
    assert signs_of(names) == signs


def test_the_map_and_the_legend_know_the_same_shapes():
    script = (Path(__file__).parents[3] / "static/js/seat_shapes.js").read_text()

    assert script.split("export const SHAPES = [")[1].split("]")[0].count('"') / 2 == SHAPES_KNOWN
    assert len({shape_path(nth) for nth in range(SHAPES_KNOWN)}) == SHAPES_KNOWN


def test_letters_can_be_read_upon_their_grade():
    assert (ink_on("#fcd34d"), ink_on("#701a75")) == ("#000000", "#ffffff")
