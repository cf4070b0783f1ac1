"""A hall as its pages list it."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from concert_site.lib.json import to_json
from reservations.models import ConcertSchedule
from reservations.queries.availability import availability_of
from reservations.queries.sales import fresh_sale_of, sale_of
from reservations.queries.seat_map import seat_map_from, seat_map_of
from reservations.tests.factories import LAYOUT, hold, make_schedule, make_seats


def plan(*seats, categories=()):
    """A hall of seats, each given as section, row, category and price."""
    facts = [
        {
            "id": 100 + nth,
            "section": section,
            "row": row,
            "seat_label": str(nth),
            "seat_price": price,
            "category": category,
            "accessible": False,
            "x": 0,
            "y": 0,
        }
        for nth, (section, row, category, price) in enumerate(seats)
    ]
    return seat_map_from(to_json({"layout": LAYOUT | {"categories": list(categories)}, "seats": facts}))


def test_sections_and_rows_come_in_the_order_of_their_first_seats():
    hall = plan(("B", "2", "R", 5), ("A", "1", "R", 7), ("B", "1", "R", 9), ("B", "2", "S", 3))

    rows = [[(row.name, [seat.id for seat in row.seats]) for row in portion] for portion in hall.sections["B"].portions]
    assert list(hall.sections) == ["B", "A"]
    assert rows == [[("2", [100, 103]), ("1", [102])]]
    assert (hall.sections["B"].lowest, hall.sections["B"].highest) == (3, 9)


def test_a_row_of_one_category_says_so_and_a_mixed_one_leaves_it_to_its_seats():
    hall = plan(("A", "1", "R", 5), ("A", "1", "R", 5), ("A", "2", "R", 5), ("A", "2", "S", 5))

    ((same, mixed),) = hall.sections["A"].portions
    assert (same.kind.category, mixed.kind) == ("R", None)


def test_a_row_longer_than_a_page_is_not_torn_apart():
    hall = plan(*[("A", "1", "R", 5)] * 900, ("A", "2", "R", 5))

    assert [[len(row.seats) for row in portion] for portion in hall.sections["A"].portions] == [[900], [1]]


@pytest.mark.parametrize("color", ["red;x", "#12", "#fff;x", 'url("x")', "", "#12345g", None, 7])
def test_what_is_no_colour_becomes_one_of_ours(color):
    hall = plan(("A", "1", "R", 5), categories=[{"name": "R", "color": color}])

    grade = hall.seats[100].grade
    assert hall.categories[0].grade is grade
    assert re.fullmatch("#[0-9a-f]{6}", grade.light)


def test_categories_come_in_the_order_of_the_map_and_without_those_that_no_seat_has():
    drawn = [{"name": "S", "color": "#111111"}, {"name": "None", "color": "#222222"}, {"name": "R", "color": "#a16207"}]

    hall = plan(("A", "1", "R", 5), ("A", "1", "S", 3), ("A", "1", "", 4), categories=drawn)

    assert [(each.nth, each.name, each.grade.letter, each.grade.light) for each in hall.categories][:2] == [
        (0, "S", "S", "#111111"),
        (1, "R", "R", "#a16207"),
    ]
    assert (hall.categories[2].name, hall.categories[2].grade.letter) == ("", "3")
    assert hall.categories[1].seats_left("AAT") == 1


@pytest.mark.django_db
def test_what_is_left_of_a_section_by_the_live_codes():
    schedule = make_schedule()
    first, *_ = make_seats(schedule, 3)
    make_seats(schedule, 2, section="B")
    hold(first)

    hall, codes = seat_map_of(sale_of(schedule.pk)), availability_of(schedule.pk).seats

    assert [section.seats_left(codes) for section in hall.sections.values()] == [2, 2]


@pytest.mark.django_db
def test_a_hall_is_read_once_and_again_when_it_has_changed():
    schedule = make_schedule()
    make_seats(schedule, 3)
    sale = sale_of(schedule.pk)
    seat_map_of(sale)

    with CaptureQueriesContext(connection) as queries:
        seat_map_of(sale)

    assert len(queries) == 0
    make_seats(schedule, 1, section="B")
    ConcertSchedule.objects.update(layout_version=2)
    assert list(seat_map_of(fresh_sale_of(schedule.pk)).sections) == ["A", "B"]
