"""What staff change about seats, and whom it leaves alone."""

from datetime import timedelta

import pytest

from concert_site.lib.errors import Invalid
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_changed, nothing_written
from reservations.domain import seats
from reservations.domain.seats import ChangedSeats
from reservations.halls.hall import Category
from reservations.models import ConcertSeat
from reservations.tests.factories import make_fan
from reservations.tests.scenes import LAPSED, NOW, hold, make_sale, statuses

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
VIP = Category("VIP", "#ff0000", 99_000)


def categories(sale):
    return list(ConcertSeat.objects.of_schedule(sale.pk).values_list("category", "seat_price"))


def test_free_seats_are_taken_off_sale_and_held_ones_skipped():
    sale = make_sale(seats=3)
    hold(make_fan(), sale, 0)

    assert seats.take_off_sale(seat_ids=sale.seats, now=NOW) == ChangedSeats(changed=2, skipped=1)
    assert statuses(sale) == "TUU"
    assert broken_invariants() == {}


def test_a_lapsed_hold_is_free():
    sale = make_sale(seats=2)
    hold(make_fan(), sale, 0)
    to_vip = {"schedule_id": sale.pk, "category": VIP}

    assert seats.change_category(seat_ids=sale.seats[:1], now=LAPSED, **to_vip) == ChangedSeats(changed=1, skipped=0)
    assert statuses(sale) == "AA"
    hold(make_fan(), sale, 0)
    assert seats.take_off_sale(seat_ids=sale.seats, now=LAPSED) == ChangedSeats(changed=2, skipped=0)
    assert statuses(sale) == "UU"
    assert broken_invariants() == {}


def test_a_seat_comes_back_on_sale_once():
    sale = make_sale(seats=2)
    seats.take_off_sale(seat_ids=sale.seats[:1], now=NOW)

    assert seats.put_on_sale(seat_ids=sale.seats) == ChangedSeats(changed=1, skipped=1)
    assert statuses(sale) == "AA"


def test_a_category_reaches_free_seats_and_the_map():
    sale = make_sale(seats=3)
    hold(make_fan(), sale, 0)
    seats.take_off_sale(seat_ids=sale.seats[1:2], now=NOW)

    done = seats.change_category(schedule_id=sale.pk, seat_ids=sale.seats, category=VIP)

    sale.schedule.refresh_from_db()
    assert done == ChangedSeats(changed=2, skipped=1)
    assert categories(sale) == [("R", 50_000), ("VIP", 99_000), ("VIP", 99_000)]
    assert sale.schedule.layout_version == 2
    assert sale.schedule.layout["categories"] == [{"name": "VIP", "color": "#ff0000"}]


def test_a_category_that_the_map_knows_keeps_its_colour():
    sale = make_sale(seats=2, layout={"categories": [{"name": "VIP", "color": "#00ff00"}]})

    seats.change_category(schedule_id=sale.pk, seat_ids=sale.seats, category=VIP)

    sale.schedule.refresh_from_db()
    assert sale.schedule.layout["categories"] == [{"name": "VIP", "color": "#00ff00"}]


def test_a_category_of_held_seats_alone_changes_nothing():
    sale = make_sale(seats=1)
    hold(make_fan(), sale, 0)

    with nothing_written():
        assert seats.change_category(schedule_id=sale.pk, seat_ids=sale.seats, category=VIP) == ChangedSeats(0, 1)


def test_seats_of_another_date_are_skipped():
    sale, other = make_sale(seats=1), make_sale(seats=1)

    assert seats.change_category(schedule_id=sale.pk, seat_ids=other.seats, category=VIP) == ChangedSeats(0, 1)
    assert categories(other) == [("R", 50_000)]


@pytest.mark.parametrize(
    ("category", "attr"),
    [
        (Category("VIP", "#2563eb", 0), "price"),
        (Category("VIP", "#2563eb", 10**13), "price"),
        (Category(" ", "#2563eb", 1), "category"),
    ],
)
def test_a_category_that_makes_no_sense_is_refused(category, attr):
    sale = make_sale(seats=1)

    with pytest.raises(Invalid, check=lambda error: error.attr == attr), nothing_changed():
        seats.change_category(schedule_id=sale.pk, seat_ids=sale.seats, category=category)


def test_accessibility_is_the_places_whoever_has_it():
    sale = make_sale(seats=2)
    hold(make_fan(), sale, 0)

    assert seats.mark(seat_ids=sale.seats, accessible=True) == ChangedSeats(2, 0)
    assert seats.mark(seat_ids=sale.seats, accessible=True) == ChangedSeats(0, 2)

    sale.schedule.refresh_from_db()
    assert sale.schedule.layout_version == 2
    assert not ConcertSeat.objects.filter(accessible=False).exists()
