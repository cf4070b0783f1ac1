"""Choices by hand that would leave a seat alone: which are told, and what could be had instead."""

import pytest

from reservations.domain.errors import SeatUnavailable, SingleSeatLeft
from reservations.domain.single_seats import hold_by_rule, hold_unless_single_left
from reservations.models import ConcertSeat, Reservation
from reservations.tests.factories import make_fan
from reservations.tests.halls import hall_of, make_hall_sale
from reservations.tests.scenes import NOW, hold, let_in, token_of

pytestmark = pytest.mark.django_db


def ask(fan, sale, *nth, hold=hold_unless_single_left, token=None, **options):
    inside = token or (token_of(fan, sale).token if token_of(fan, sale) else let_in(fan, sale))
    seats = [sale.seats[each] for each in nth]
    return hold(user_id=fan.pk, schedule=sale.pk, seats=seats, queue_token=inside, now=NOW, **options)


@pytest.mark.parametrize(
    ("row", "chosen", "alone"),
    [
        ("RRRRRR", [1, 2], [0]),
        ("RRRRRR", [0, 2], [1]),
        ("RRRRRRR", [1, 4], [0]),
        ("RRR", [1], [0, 2]),
        ("RRRR RRRR", [1, 5, 6], [0, 4, 7]),
        # A place for a wheelchair is nobody's neighbour.
        ("wRRRRw", [2, 3], [1, 4]),
    ],
)
def test_a_seat_that_would_be_left_alone_is_told_with_a_better_choice(row, chosen, alone):
    sale = make_hall_sale(hall_of(row))

    with pytest.raises(SingleSeatLeft) as told:
        ask(make_fan(), sale, *chosen)

    assert [sale.seats.index(seat) for seat in told.value.lonely] == alone
    assert len(told.value.instead) == len(chosen)
    ask(make_fan(), sale, *[sale.seats.index(seat) for seat in told.value.instead])
    assert Reservation.objects.count() == len(chosen)


@pytest.mark.parametrize(
    ("row", "chosen"),
    [("RRRRRR", [0, 1]), ("RRRRRR", [2, 3]), ("RRR", [0, 1]), ("RR", [0]), ("RRR", [0, 2]), ("wRRw", [0]), ("R", [0])],
)
def test_a_choice_that_leaves_none_alone_or_can_not_but_do_so_is_fine(row, chosen):
    sale = make_hall_sale(hall_of(row))

    assert ask(make_fan(), sale, *chosen).is_new


def test_a_judged_hold_is_one_round_trip(django_assert_num_queries):
    sale, fan = make_hall_sale(hall_of("RRRR")), make_fan()
    token = let_in(fan, sale)

    with django_assert_num_queries(1):
        ask(fan, sale, 0, 1, token=token)


def test_who_clicks_twice_or_is_late_hears_what_holding_says():
    sale, fan = make_hall_sale(hall_of("RRRRRR")), make_fan()
    ConcertSeat.objects.filter(pk=sale.seats[5]).update(status="UNAVAILABLE")
    first = ask(fan, sale, 0, 1, 2, idempotency_key="a", request_hash="a")

    assert ask(fan, sale, 0, 1, 2).reference == first.reference
    assert ask(fan, sale, 0, 1, 2, idempotency_key="a", request_hash="a").reference == first.reference
    with pytest.raises(SeatUnavailable):
        ask(make_fan(), sale, 1, 4)


def test_the_house_demands_advises_or_does_not_care(settings):
    sale = make_hall_sale(hall_of("RRRRRRRR"))

    settings.SINGLE_SEATS = "demand"
    for substitutes in (False, True):
        with pytest.raises(SingleSeatLeft):
            ask(make_fan(), sale, 1, 2, hold=hold_by_rule, substitutes=substitutes)
    settings.SINGLE_SEATS = "advise"
    assert ask(make_fan(), sale, 1, 2, hold=hold_by_rule).is_new
    settings.SINGLE_SEATS = "off"
    assert ask(make_fan(), sale, 6, hold=hold_by_rule).is_new


def test_what_is_demanded_goes_with_substitutes(settings):
    settings.SINGLE_SEATS = "demand"
    sale = make_hall_sale(hall_of("RRRR", "RRRR"))
    hold(make_fan(), sale, 0, 1)

    booking = ask(make_fan(), sale, 0, 1, hold=hold_by_rule, substitutes=True)

    assert len(booking.substituted) == 2
