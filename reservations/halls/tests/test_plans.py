"""Seating plans that can be used, and the halls they become."""

import json
import random

import pytest

from concert_site.lib.errors import Invalid
from reservations.halls.plans import read_plan
from reservations.halls.tests.planning import ODEON, file, plan, row, seat, zone

PRICES = {"Premium": 90_000, "Standard": 60_000, "Boxes": 120_000}


def hall_of(found, **options):
    """The hall of a plan whose category R costs 50,000."""
    return read_plan(file(found)).hall({"R": 50_000}, **options)


def places(hall):
    """What a ticket says of every seat."""
    return [(seat.section, seat.row, seat.label) for seat in hall.seats]


@pytest.fixture
def odeon():
    return read_plan(ODEON.read_bytes())


# --- Places ----------------------------------------------------------------------------------------


def test_a_seat_stands_where_zone_row_and_seat_together_put_it():
    (first, second, _) = hall_of(plan()).seats

    assert (first.x, first.y) == (110, 70)
    assert (second.x, second.y) == (130, 70)


def test_zones_and_rows_without_a_position_begin_where_they_are():
    hall = hall_of(plan({"name": "Z", "rows": [{"row_number": "1", "seats": [seat(x=0.125, y=7)]}]}))

    assert (hall.seats[0].x, hall.seats[0].y) == (0.125, 7)
    assert (hall.width, hall.height) == (500, 400)


def test_a_map_grows_until_all_of_it_shows():
    hall = hall_of(plan(zone(position={"x": -200, "y": 900}, rows=[row()])))

    assert all(0 < seat.x < hall.width and 0 < seat.y < hall.height for seat in hall.seats)
    assert hall.seats[1].x - hall.seats[0].x == 20
    assert hall.width == 500


@pytest.mark.parametrize("size", [None, {}, {"width": "wide", "height": -5}, {"width": 1e300, "height": 0}, 7])
def test_a_size_that_makes_no_sense_is_worked_out(size):
    hall = hall_of(plan(size=size))

    assert (hall.width, hall.height) == (170, 90)


# --- Names -----------------------------------------------------------------------------------------


def test_numbers_are_the_printed_ones_where_they_are_numbers():
    hall = hall_of(plan(zone(rows=[row(seats=[seat("7"), seat("5"), seat("003")])])))

    assert [(seat.number, seat.label) for seat in hall.seats] == [(7, "7"), (5, "5"), (3, "003")]


@pytest.mark.parametrize(
    "printed", [["1", "1A", "2"], ["", "", ""], ["1", "2", "²"], ["-1", "0", "1"], ["1", "01", "2"]]
)
def test_numbers_are_positions_in_the_row_where_one_is_not_a_number_of_its_own(printed):
    hall = hall_of(plan(zone(rows=[row(seats=[seat(text) for text in printed])])))

    assert [seat.number for seat in hall.seats] == [1, 2, 3]
    assert [seat.label for seat in hall.seats] == [text or str(nth + 1) for nth, text in enumerate(printed)]


def test_numbers_may_be_written_as_numbers():
    hall = hall_of(plan(zone(rows=[row(4, seats=[seat(12), seat(13.0)])])))

    assert places(hall) == [("Parkett", "4", "12"), ("Parkett", "4", "13")]


def test_words_for_rows_and_seats_are_kept():
    words = {"row_label": "Table %s", "seat_label": "Chair %s"}

    hall = hall_of(plan(zone(rows=[row("4", **words)])))

    assert places(hall)[0] == ("Parkett", "Table 4", "Chair 1")
    assert hall.seats[0].number == 1


def test_the_other_half_of_a_row_joins_it():
    halves = [row("A", [seat("1"), seat("2")]), row("B"), row("A", [seat("3", 90), seat("4", 110)])]

    hall = hall_of(plan(zone(rows=halves)))

    assert [(seat.row, seat.number) for seat in hall.seats if seat.row == "A"] == [("A", n) for n in (1, 2, 3, 4)]
    assert "told apart" not in "".join(read_plan(file(plan(zone(rows=halves)))).notices)


def test_a_row_whose_seats_are_taken_becomes_one_of_its_own():
    found = read_plan(file(plan(zone(rows=[row("A"), row("A"), row("A (2)"), row("A")]))))

    assert [row.name for row in found.rows] == ["A", "A (2)", "A (2) (2)", "A (3)"]
    assert found.notices[0] == (
        "3 rows have name and seats of another one in their zone and are told apart by a number, as A (2) is."
    )


def test_zones_of_one_name_are_one_section_unless_their_seats_collide():
    zones = [zone("Box"), zone("Box", [row("2")]), zone("Box")]

    assert [row.section for row in read_plan(file(plan(*zones))).rows] == ["Box", "Box", "Box (2)"]


def test_a_number_that_repeats_in_a_row_is_told_apart():
    hall = hall_of(plan(zone(rows=[row(seats=[seat("12"), seat("12"), seat("12 (2)")])])))

    assert [seat.label for seat in hall.seats] == ["12", "12 (2)", "12 (2) (2)"]
    assert [seat.number for seat in hall.seats] == [1, 2, 3]


def test_what_has_no_name_is_called_by_its_position():
    found = read_plan(file(plan(zone(None, [row("")]), zone("", [row(None), row(" ")], zone_id="left"))))

    assert [(row.section, row.name) for row in found.rows] == [("A", "1"), ("left", "1"), ("left", "2")]
    assert found.notices[-1] == "4 zones or rows have no name and are called by their position."


def test_rows_without_seats_are_left_out_and_counted():
    # Some editors keep the seats of a row elsewhere; then nothing of it would be sold.
    found = read_plan(file(plan(zone(rows=[row("1"), row("2", []), {"row_number": "3", "segments": [{"seats": []}]}]))))

    assert [planned.name for planned in found.rows] == ["1"]
    assert found.notices == ["2 rows have no seats and are left out."]


def test_names_are_made_fit_for_pages_and_the_database():
    hall = hall_of(plan(zone(" Par\u0000kett\n\t\u202elinks \ud800", [row("가")])))

    assert places(hall)[0][:2] == ("Parkett links", "가")


def test_suffixes_stay_within_the_column():
    found = read_plan(file(plan(zone(rows=[row("x" * 20) for _ in range(12)]))))

    assert {len(row.name) for row in found.rows} == {20}
    assert len({row.name for row in found.rows}) == 12


def test_seats_upon_others_are_counted():
    upper = zone("Balcony", position={"x": 101.0, "y": 51.0})

    assert read_plan(file(plan(zone(), upper))).notices == [
        "3 seats lie upon others: on the map only one of two can be chosen."
    ]


def test_any_names_end_up_in_places_of_their_own():
    chance = random.Random(7)
    names = ["A", "A (2)", "1", "01", "", "A (2) (2)", "b"]

    def any_row():
        return row(chance.choice(names), [seat(chance.choice(names)) for _ in range(4)])

    for _ in range(60):
        hall = hall_of(plan(*(zone(chance.choice(names), [any_row() for _ in range(5)]) for _ in range(4))))

        assert len(hall.seats) == 80
        assert len({(seat.section, seat.row, seat.number) for seat in hall.seats}) == 80
        assert len(set(places(hall))) == 80


# --- Categories and prices -------------------------------------------------------------------------


def test_prices_are_the_categories_own(odeon):
    hall = odeon.hall(PRICES)

    assert {seat.guid: seat.category.price for seat in hall.seats if seat.guid in {"S-1-1", "S-2-1", "B-A-1"}} == {
        "S-1-1": 90_000,
        "S-2-1": 60_000,
        "B-A-1": 120_000,
    }
    assert [kind.name for kind in hall.categories] == ["Premium", "Standard", "Boxes"]


@pytest.mark.parametrize("price", [None, 0, -1, 10**13])
def test_a_category_without_a_price_is_named(odeon, price):
    prices = PRICES | {"Standard": price} if price is not None else {"Premium": 1, "Boxes": 1}

    with pytest.raises(Invalid, match="'Standard' needs a price") as refused:
        odeon.hall(prices)

    assert refused.value.attr == "prices"


def test_seats_are_accessible_by_themselves_or_by_their_category(odeon):
    assert [seat.guid for seat in odeon.hall(PRICES).seats if seat.is_accessible] == ["S-2-2"]

    hall = odeon.hall(PRICES, accessible={"Boxes"})

    assert [seat.guid for seat in hall.seats if seat.is_accessible] == ["S-2-2", "B-A-1", "B-A-2", "B-B-1"]


# --- The whole -------------------------------------------------------------------------------------


def test_a_plan_like_those_in_the_wild(odeon):
    hall = odeon.hall(PRICES)

    assert (odeon.name, odeon.seat_count) == ("Odeon", 11)
    assert {seat.section for seat in hall.seats} == {"Stalls", "Boxes", "Boxes (2)"}
    assert [seat.number for seat in hall.seats if seat.row == "1"] == [1, 3, 5, 2, 4]
    assert all(0 < seat.x < hall.width and 0 < seat.y < hall.height for seat in hall.seats)
    assert len(odeon.notices) == 2


def test_rows_are_counted_from_the_stage(odeon):
    stalls = {
        row.name: index for row, index in zip(odeon.rows, odeon.row_indexes, strict=True) if row.section == "Stalls"
    }
    assert stalls["1"] < stalls["2"]

    stage = {"shape": "text", "position": {"x": 0, "y": 300}, "text": {"text": "무대", "position": {"x": 0, "y": 0}}}
    rows = [row("far", position={"x": 0, "y": 0}), row("near", position={"x": 0, "y": 200})]
    found = read_plan(file(plan(zone(rows=rows, areas=[stage]))))

    assert list(found.row_indexes) == [1, 0]


def test_without_a_stage_rows_are_counted_from_the_upper_edge():
    found = read_plan(file(plan(zone(rows=[row("2", position={"x": 0, "y": 50}), row("1")]))))

    assert list(found.row_indexes) == [1, 0]


def test_row_names_stand_where_the_plan_shows_them(odeon):
    assert [label.text for label in odeon.labels] == ["1", "1"]
    left, right = odeon.labels
    first, *_, last = odeon.rows[0].seats[:3]
    assert left.x < first.x + odeon.shift[0] < last.x + odeon.shift[0] < right.x


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_files_of_every_unicode_are_read(encoding):
    text = json.dumps(plan(zone("무대 앞")), ensure_ascii=False)

    assert read_plan(text.encode(encoding)).rows[0].section == "무대 앞"


def test_a_companions_seat_is_one_by_its_own_and_no_wheelchair_place_is():
    seats = [seat("1", wheelchair=True, companion=True), seat("2", 20.0, companion=True), seat("3", 40.0)]

    hall = hall_of(plan(zone(rows=[row("1", seats)])))

    assert [(each.is_accessible, each.is_companion) for each in hall.seats] == [
        (True, False),
        (False, True),
        (False,) * 2,
    ]
