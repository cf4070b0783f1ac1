"""Which seats adjoin, in rows as plans have them."""

import math

from reservations.halls.adjoining import Spot, places_of

STAGE = (100.0, 0.0)


def spots(*xs, numbers=None, row="1", y=100.0, section="A"):
    return [Spot(section, row, number, x, y) for number, x in zip(numbers or range(1, 99), xs, strict=False)]


def stretches(seats, stage=STAGE):
    """The numbers of the seats of each stretch, from the stage."""
    found = {}
    for seat, place in sorted(zip(seats, places_of(seats, stage), strict=True), key=lambda each: each[1].place):
        found.setdefault(place.stretch, []).append(seat.number)
    return [numbers for _stretch, numbers in sorted(found.items())]


def test_a_row_is_cut_at_an_aisle_and_where_a_seat_is_missing():
    row = spots(0, 20, 40, 60, 120, 140, 180, 200)

    assert sorted(map(sorted, stretches(row))) == [[1, 2, 3, 4], [5, 6], [7, 8]]


def test_uneven_steps_and_wheelchair_places_do_not_cut_a_row():
    assert len(stretches(spots(0, 20, 41, 60, 90, 120, 140, 159))) == 1


def test_odd_on_the_left_and_even_on_the_right_adjoin_as_they_lie():
    row = spots(80, 60, 40, 100, 120, 140, numbers=[1, 3, 5, 2, 4, 6])

    (found,) = stretches(row)

    assert found in ([5, 3, 1, 2, 4, 6], [6, 4, 2, 1, 3, 5])


def test_a_ring_is_followed_round_as_it_is_listed():
    ring = [
        Spot("A", "1", nth + 1, 500 + 100 * math.cos(nth * math.pi / 20), 500 + 100 * math.sin(nth * math.pi / 20))
        for nth in range(40)
    ]

    assert stretches(ring, (500.0, 500.0)) == [list(range(1, 41))]


def test_a_column_and_a_steep_row_are_rows():
    column = [Spot("A", "1", nth, 500.0, 20.0 * nth) for nth in range(1, 7)]

    assert stretches(column) == [[1, 2, 3, 4, 5, 6]]


def test_a_short_row_goes_by_the_steps_of_its_section():
    rows = spots(0, 20, 40, 60, 80, 100) + spots(0, 80, row="2", y=120.0)

    assert sorted(map(len, stretches(rows))) == [1, 1, 6]


def test_rows_count_from_the_stage_and_seats_from_the_middle():
    near, far = spots(60, 80, 100, 120), spots(60, 80, 100, 120, row="2", y=120.0)

    places = places_of(far + near, STAGE)

    assert [place.stretch for place in places] == [2, 2, 2, 2, 1, 1, 1, 1]
    assert [place.nearness for place in places[4:]] == [3, 1, 0, 2]
    assert min(place.nearness for place in places[:4]) == 4


def test_a_side_block_comes_behind_rows_in_the_middle_that_are_nearer():
    middle = [seat for row in range(5) for seat in spots(80, 100, 120, row=str(row), y=100.0 + 20 * row)]
    side = spots(600, 620, 640, section="B")

    places = places_of(middle + side, STAGE)

    assert min(place.stretch for place in places[15:]) == 6
