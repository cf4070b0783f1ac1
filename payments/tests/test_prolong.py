"""Prolonging holds while their fan pays by card: never shorter, bounded, and seat and reservation agree."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from concert_site.accounts.tests.concurrency import start_behind
from concert_site.tests.audited import broken_invariants
from concert_site.tests.mutants import mutant
from concert_site.tests.unchanged import nothing_changed, nothing_written
from payments.domain import card_checkout
from payments.tests.scenes import pay
from reservations.domain import holds
from reservations.domain.errors import HoldExpired
from reservations.models import ConcertSeat, Reservation
from reservations.tests.scenes import HOLD, LAPSED, NOW, hold, in_order, make_sale
from wallet.tests.factories import make_fan

PROLONG = Path(holds.__file__).with_name("prolong_holds.sql")
AT_THE_PROVIDER, MOST = timedelta(seconds=600), timedelta(seconds=1800)
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.django_db


def prolong(fan, *reservations, now=NOW):
    return card_checkout.prolong(user_id=fan.pk, reservation_ids=list(reservations), now=now)


def ends() -> set[object]:
    """When what is held ends, by reservations and by seats."""
    seats = ConcertSeat.objects.filter(status="TEMPORARY").values_list("expired_at", flat=True)
    return {*Reservation.objects.filter(status="RESERVING").values_list("expired_at", flat=True), *seats}


def test_seats_and_reservations_are_held_for_as_long_as_the_provider_may_take():
    fan, sale = make_fan(), make_sale()
    held = in_order(hold(fan, sale, 0, 1))

    bill = prolong(fan, *held, now=NOW + 100 * SECOND)

    assert ends() == {NOW + 100 * SECOND + AT_THE_PROVIDER} == {bill.held_until}
    assert (bill.reservations, bill.to_pay) == (tuple(held), 100_000)
    assert broken_invariants() == {}


def test_it_takes_one_round_trip():
    fan, sale = make_fan(), make_sale()
    held = in_order(hold(fan, sale, 0, 1))

    with CaptureQueriesContext(connection) as asked:
        prolong(fan, *held)

    assert len(asked) == 1


def test_prolonging_ends_at_the_limit_of_the_setting():
    fan, sale = make_fan(), make_sale()
    (held,) = in_order(hold(fan, sale, 0))

    for minutes in range(0, 30, 4):
        prolong(fan, held, now=NOW + timedelta(minutes=minutes))

    assert ends() == {NOW + MOST}
    with nothing_changed(), pytest.raises(HoldExpired):
        prolong(fan, held, now=NOW + MOST)


@pytest.mark.django_db(transaction=True)
def test_control_without_the_bound_seats_are_kept_for_ever():
    fan, sale = make_fan(), make_sale()
    (held,) = in_order(hold(fan, sale, 0))
    bound = "r.created_at + make_interval(secs => p_most_seconds))\n            "

    with mutant(PROLONG, (f"{bound} where", "'infinity') where"), (f"{bound}returning", "'infinity') returning")):
        for minutes in range(0, 60, 4):
            prolong(fan, held, now=NOW + timedelta(minutes=minutes))

    assert ends() == {NOW + timedelta(minutes=56) + AT_THE_PROVIDER}


def test_prolonging_never_shortens_a_hold(settings):
    fan, sale = make_fan(), make_sale()
    (held,) = in_order(hold(fan, sale, 0))
    settings.TOP_UP_SECONDS = 10

    with nothing_written():
        bill = prolong(fan, held)

    assert ends() == {LAPSED} == {bill.held_until}


def test_what_was_extended_is_bounded_all_the_same(settings):
    fan, sale = make_fan(), make_sale()
    (held,) = in_order(hold(fan, sale, 0))
    holds.extend_hold(user_id=fan.pk, reservation_id=held, now=NOW)
    settings.CARD_HOLD_SECONDS = 60

    prolong(fan, held)

    assert ends() == {LAPSED + HOLD}


def test_a_released_hold_is_not_prolonged():
    fan, sale = make_fan(), make_sale()
    one, two = in_order(hold(fan, sale, 0, 1))
    holds.release_hold(reservation_id=two, user_id=fan.pk, now=NOW)

    with nothing_changed(), pytest.raises(HoldExpired) as refused:
        prolong(fan, one, two)

    assert (refused.value.attr, refused.value.items) == ("reservations", [1])


def test_a_paid_reservation_is_not_prolonged():
    fan, sale = make_fan(balance=50_000), make_sale()
    one, two = in_order(hold(fan, sale, 0, 1))
    pay(fan, one)

    bill = prolong(fan, one, two)

    assert (bill.reservations, bill.to_pay) == ((two,), 50_000)
    assert Reservation.objects.get(pk=one).expired_at is None
    assert broken_invariants() == {}


def prolong_while_the_seat_is_given_back():
    fan, sale = make_fan(), make_sale()
    (held,) = in_order(hold(fan, sale, 0))
    with transaction.atomic():
        holds.release_hold(reservation_id=held, user_id=fan.pk, now=NOW)
        later = start_behind(lambda: prolong(fan, held))
    return later.exception(timeout=60)


@pytest.mark.django_db(transaction=True)
def test_a_seat_that_is_given_back_meanwhile_is_not_held_again():
    assert isinstance(prolong_while_the_seat_is_given_back(), HoldExpired)
    assert broken_invariants() == {}


@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_a_constraint_alone_keeps_a_free_seat_from_an_end():
    guard = "        continue when not lock_held(p_fan, v_bill.held, v_bill.seats, v_at);\n"
    with mutant(PROLONG, (guard, "")):
        assert isinstance(prolong_while_the_seat_is_given_back(), IntegrityError)
