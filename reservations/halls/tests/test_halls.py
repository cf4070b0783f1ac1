"""Seat plans: what every hall must be, so that it can be sold and drawn."""

import math
from collections import Counter
from itertools import groupby

import pytest

from reservations.halls.curved import curved_hall
from reservations.halls.hall import Category, plain_hall, row_labels

HALLS = {"curved": curved_hall(), **{f"grid of {n}": plain_hall(n, 99_000) for n in (1, 20, 21, 400, 401, 5_000)}}


@pytest.fixture(params=HALLS.values(), ids=HALLS.keys())
def hall(request):
    return request.param


def test_every_place_and_guid_is_unique(hall):
    assert len({seat.guid for seat in hall.seats}) == len(hall.seats)
    assert len({(seat.section, seat.row, seat.number) for seat in hall.seats}) == len(hall.seats)


def test_seats_of_a_row_are_numbered_from_one_without_gaps(hall):
    for _, row in groupby(hall.seats, key=lambda seat: (seat.section, seat.row)):
        numbers = [seat.number for seat in row]
        assert numbers == list(range(1, len(numbers) + 1))


def test_no_two_seats_overlap_and_all_lie_on_the_map(hall):
    places = sorted((seat.x, seat.y) for seat in hall.seats)
    for nth, (x, y) in enumerate(places):
        assert 0 < x < hall.width
        assert 0 < y < hall.height
        for other in places[nth + 1 :]:
            if other[0] - x > 20:
                break
            assert math.dist((x, y), other) > 20


def test_no_seat_stands_on_the_stage(hall):
    (stage,) = hall.areas
    on_stage = [
        seat
        for seat in hall.seats
        if stage.x <= seat.x <= stage.x + stage.width and stage.y <= seat.y <= stage.y + stage.height
    ]
    assert on_stage == []


def test_the_layout_has_the_documented_shape(hall):
    layout = hall.layout()

    assert set(layout) == {"size", "areas", "labels", "categories"}
    assert layout["size"] == {"width": hall.width, "height": hall.height}
    assert {seat.category.name for seat in hall.seats} == {kind["name"] for kind in layout["categories"]}
    assert {label["text"] for label in layout["labels"]} == {seat.section for seat in hall.seats}


def test_the_curved_hall_has_about_2000_seats_in_sections_and_price_categories():
    hall = curved_hall()

    assert len(hall.seats) == 1_984
    assert Counter(seat.category.price for seat in hall.seats) == {
        165_000: 164,
        143_000: 872,
        110_000: 420,
        66_000: 528,
    }
    assert len({seat.section for seat in hall.seats}) == 16
    assert sum(seat.is_accessible for seat in hall.seats) == 16


def test_a_nearer_row_has_a_lower_index():
    stalls = [seat for seat in curved_hall().seats if seat.section.startswith("Stalls")]
    balcony = [seat for seat in curved_hall().seats if seat.section.startswith("Balcony")]

    assert max(seat.row_index for seat in stalls) < min(seat.row_index for seat in balcony)


def test_a_grid_has_as_many_seats_as_asked_for_at_that_price():
    hall = plain_hall(401, 50_000)

    assert len(hall.seats) == 401
    assert {seat.category for seat in hall.seats} == {Category("R", "#2563eb", 50_000)}
    assert [seat.guid for seat in hall.seats[:2]] == ["A-1-1", "A-1-2"]
    assert hall.seats[-1].guid == "B-1-1"


def test_letters_go_on_after_z():
    names = row_labels()

    assert [next(names) for _ in range(28)][-3:] == ["Z", "AA", "AB"]
