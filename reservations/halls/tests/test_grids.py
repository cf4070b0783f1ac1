"""Halls out of a few numbers."""

import math
from dataclasses import replace

import pytest

from concert_site.lib.errors import Invalid
from reservations.halls.grids import GridSection, Numbering, grid_hall
from reservations.halls.hall import Category

R = Category("R", "#2563eb", 143_000)
S = Category("S", "#15803d", 110_000)
LEFT = GridSection(name="Left", rows=3, seats_per_row=4, category=R)


def numbers_from_the_left(hall):
    return [seat.number for seat in sorted(hall.seats, key=lambda seat: (seat.y, seat.x)) if seat.row == "A"]


def test_sections_stand_three_across_in_front_of_the_stage():
    hall = grid_hall([replace(LEFT, name=name) for name in "ABCD"])

    firsts = {seat.section: seat for seat in reversed(hall.seats)}
    assert firsts["A"].x < firsts["B"].x < firsts["C"].x
    assert firsts["A"].y == firsts["B"].y == firsts["C"].y < firsts["D"].y
    assert firsts["B"].x + 1.5 * 22 == pytest.approx(hall.width / 2)
    assert firsts["D"].x + 1.5 * 22 == pytest.approx(hall.width / 2)
    (stage,) = hall.areas
    assert stage.y + stage.height < firsts["A"].y
    assert [label.text for label in hall.labels] == list("ABCD")


def test_no_two_seats_overlap_and_all_lie_on_the_map():
    sections = [replace(LEFT, name=str(n), rows=n, seats_per_row=9 - n) for n in range(1, 9)]

    hall = grid_hall(sections)

    places = [(seat.x, seat.y) for seat in hall.seats]
    assert len(places) == sum(n * (9 - n) for n in range(1, 9))
    assert all(0 < x < hall.width and 0 < y < hall.height for x, y in places)
    assert min(math.dist(one, other) for n, one in enumerate(places) for other in places[:n]) > 20


@pytest.mark.parametrize(
    ("numbering", "numbers"),
    [
        (Numbering.FROM_LEFT, [1, 2, 3, 4]),
        (Numbering.FROM_RIGHT, [4, 3, 2, 1]),
        (Numbering.ODD, [1, 3, 5, 7]),
        (Numbering.ODD_FROM_RIGHT, [7, 5, 3, 1]),
        (Numbering.EVEN, [2, 4, 6, 8]),
        (Numbering.EVEN_FROM_RIGHT, [8, 6, 4, 2]),
    ],
)
def test_seats_are_numbered_as_the_house_does(numbering, numbers):
    assert numbers_from_the_left(grid_hall([replace(LEFT, numbering=numbering)])) == numbers


@pytest.mark.parametrize(
    ("first", "names"),
    [("A", "A B C"), ("y", "Y Z AA"), ("1", "1 2 3"), ("12", "12 13 14"), ("AZ", "AZ BA BB"), ("007", "7 8 9")],
)
def test_rows_go_on_from_the_first_name(first, names):
    hall = grid_hall([replace(LEFT, seats_per_row=1, first_row_name=first)])

    assert [seat.row for seat in hall.seats] == names.split()


def test_a_row_behind_another_band_is_farther_from_the_stage():
    hall = grid_hall([replace(LEFT, name=name) for name in "ABCD"])

    assert next(seat.row_index for seat in hall.seats if seat.section == "D") == 3
    assert {seat.row_index for seat in hall.seats if seat.section in "ABC"} == {0, 1, 2}


def test_sections_share_a_category():
    hall = grid_hall([LEFT, replace(LEFT, name="Right"), replace(LEFT, name="Back", category=S)])

    assert hall.categories == [R, S]
    assert len({(seat.section, seat.row, seat.number) for seat in hall.seats}) == len(hall.seats) == 36


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": " "}, "name of at most 50"),
        ({"name": "x" * 51}, "name of at most 50"),
        ({"rows": 0}, "between 1 and 500 rows"),
        ({"rows": 501}, "between 1 and 500 rows"),
        ({"seats_per_row": 0}, "between 1 and 500 seats"),
        ({"first_row_name": ""}, "Name the first row"),
        ({"first_row_name": "A1"}, "Name the first row"),
        ({"first_row_name": "가"}, "Name the first row"),
        ({"first_row_name": "٣"}, "Name the first row"),
        ({"first_row_name": "ABCD"}, "Name the first row"),
        ({"category": replace(R, name="")}, "Give the category a name"),
        ({"category": replace(R, color="red;}")}, "Give the category a colour"),
        ({"category": replace(R, price=0)}, "price of at least 1"),
        ({"name": "Left"}, "another section of this name"),
        ({"category": replace(R, price=1)}, "another price or colour"),
    ],
)
def test_a_section_that_makes_no_sense_is_named(changes, message):
    with pytest.raises(Invalid, match=message) as refused:
        grid_hall([LEFT, replace(LEFT, **{"name": "Right"} | changes)])

    assert (refused.value.attr, refused.value.items) == ("sections", [1])


@pytest.mark.parametrize("sections", [[], [replace(LEFT, name=str(n)) for n in range(201)]])
def test_a_hall_has_between_1_and_200_sections(sections):
    with pytest.raises(Invalid, match="between 1 and 200"):
        grid_hall(sections)


def test_a_hall_of_too_many_seats_is_refused():
    large = replace(LEFT, rows=500, seats_per_row=200)

    with pytest.raises(Invalid, match="100,000 seats"):
        grid_hall([large, replace(LEFT, name="Right")])
