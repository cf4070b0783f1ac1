"""Seats that are gone, replaced by the nearest ones at the same price: all of a choice, or none of it."""

from functools import partial
from pathlib import Path

import pytest
from django.db import transaction

from concert_site.accounts.tests.concurrency import at_once
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from concert_site.tests.mutants import mutant
from reservations.domain import best_available
from reservations.domain.best_available import hold_or_substitute
from reservations.domain.errors import SeatUnavailable, SeatUnknown
from reservations.models import Reservation
from reservations.tests.factories import make_fan
from reservations.tests.halls import hall_of, make_hall_sale
from reservations.tests.scenes import NOW, hold, let_in, statuses, token_of

PICK = Path(best_available.__file__).with_name("pick_substitutes.sql")


def ask(fan, sale, *nth, token=None, key=None, now=NOW):
    """Hold the nth seats of a sale, or the nearest equal ones."""
    inside = token or (token_of(fan, sale).token if token_of(fan, sale) else let_in(fan, sale))
    return hold_or_substitute(
        user_id=fan.pk,
        schedule=sale.pk,
        seats=[sale.seats[each] for each in nth],
        queue_token=inside,
        idempotency_key=key,
        request_hash=key,
        now=now,
    )


def replaced(booking, sale):
    """Which of a sale's seats stand for which, by their index."""
    return [(sale.seats.index(each.seat), sale.seats.index(each.by)) for each in booking.substituted]


def held(booking, sale):
    return sorted(sale.seats.index(row["seat"]) for row in booking.rows)


@pytest.mark.django_db
class TestSubstitutes:
    def test_free_seats_are_not_substituted(self, django_assert_num_queries):
        sale, fan = make_hall_sale(hall_of("RRRR")), make_fan()
        token = let_in(fan, sale)

        with django_assert_num_queries(1):
            booking = ask(fan, sale, 1, 2, token=token)

        assert (held(booking, sale), booking.substituted) == ([1, 2], [])

    def test_a_seat_that_is_gone_is_replaced_beside_the_one_that_is_kept(self):
        sale = make_hall_sale(hall_of("RRRRRR", "RRRRRR"))
        hold(make_fan(), sale, 3)

        booking = ask(make_fan(), sale, 2, 3)

        assert held(booking, sale) == [1, 2]
        assert replaced(booking, sale) == [(3, 1)]
        assert broken_invariants() == {}

    def test_a_pair_that_is_gone_is_replaced_by_a_pair(self):
        sale = make_hall_sale(hall_of("RRRR", "RRRR"))
        hold(make_fan(), sale, 1, 2)

        booking = ask(make_fan(), sale, 1, 2)

        assert held(booking, sale) == [5, 6]
        assert replaced(booking, sale) == [(1, 5), (2, 6)]

    def test_the_price_stays_and_a_wheelchair_place_is_replaced_by_one(self):
        sale = make_hall_sale(hall_of("RRSS", "wRSw"))
        hold(make_fan(), sale, 1)
        hold(make_fan(), sale, 4)

        assert replaced(ask(make_fan(), sale, 1), sale) == [(1, 0)]
        assert replaced(ask(make_fan(), sale, 4), sale) == [(4, 7)]

    def test_without_equal_ones_it_is_all_or_nothing(self):
        sale = make_hall_sale(hall_of("RRSS"))
        hold(make_fan(), sale, 0)

        with pytest.raises(SeatUnavailable) as refused:
            ask(make_fan(), sale, 1, 0)

        assert refused.value.items == [1]
        assert statuses(sale) == "TAAA"

    def test_the_fans_own_seats_are_not_replaced(self):
        sale, fan = make_hall_sale(hall_of("RRRR")), make_fan()
        first = hold(fan, sale, 0, 1)

        assert ask(fan, sale, 0, 1).reference == first.reference
        with pytest.raises(SeatUnavailable):
            ask(fan, sale, 1, 2)
        assert statuses(sale) == "TTAA"

    def test_the_same_key_answers_the_same_substitutes(self, django_assert_num_queries):
        sale, fan = make_hall_sale(hall_of("RRRR", "RRRR")), make_fan()
        hold(make_fan(), sale, 1, 2)
        token = let_in(fan, sale)
        with django_assert_num_queries(1):
            first = ask(fan, sale, 2, 1, token=token, key="a")

        again = ask(fan, sale, 2, 1, token=token, key="a")

        assert (again.is_new, again.reference, again.substituted) == (False, first.reference, first.substituted)
        assert Reservation.objects.of(user_id=fan.pk).count() == 2

    def test_a_seat_of_another_date_is_unknown(self):
        sale, other = make_hall_sale(hall_of("RR")), make_hall_sale(hall_of("RR"))

        with pytest.raises(SeatUnknown):
            hold_or_substitute(
                user_id=(fan := make_fan()).pk,
                schedule=sale.pk,
                seats=[sale.seats[0], other.seats[0]],
                queue_token=let_in(fan, sale),
                now=NOW,
            )


class TestRaces:
    pytestmark = committed

    def test_ten_fans_on_one_pair_all_get_a_pair(self):
        sale = make_hall_sale(hall_of(*["RRRRRRRRRR"] * 4))
        fans = [make_fan() for _ in range(10)]
        steps = [partial(ask, fan, sale, 4, 5, token=let_in(fan, sale)) for fan in fans]

        answers = at_once(steps)

        assert [type(answer).__name__ for answer in answers] == ["Booking"] * 10
        assert statuses(sale).count("T") == 20
        assert broken_invariants() == {}

    def in_flight(self):
        """What a fan gets whose seat, and the one nearest to it, others are just getting."""
        sale, fan = make_hall_sale(hall_of("RRRR")), make_fan()
        step = partial(ask, fan, sale, 1, token=let_in(fan, sale))
        with transaction.atomic():
            hold(make_fan(), sale, 1, 2)
            (answer,) = at_once([step])
        return sale, answer

    def test_a_seat_that_somebody_is_getting_is_replaced_and_is_no_substitute(self):
        sale, answer = self.in_flight()

        assert replaced(answer, sale) == [(1, 0)]

    def test_control_without_skip_locked_a_seat_that_somebody_gets_is_chosen(self):
        with mutant(PICK, ("         limit 1\n           for no key update of s skip locked;", "         limit 1;")):
            _sale, answer = self.in_flight()

        assert isinstance(answer, SeatUnavailable)
