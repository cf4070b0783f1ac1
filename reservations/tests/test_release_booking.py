"""Giving a whole booking back at once: what is still held, and nothing else."""

from functools import partial

import pytest
from django.db import transaction

from concert_site.accounts.tests.concurrency import start_behind
from concert_site.lib.errors import NotFound
from concert_site.tests.audited import broken_invariants
from payments.tests.scenes import make_fan, pay
from reservations.domain import holds
from reservations.models import Reservation
from reservations.tests.scenes import LAPSED, NOW, hold, in_order, make_sale, statuses

pytestmark = pytest.mark.django_db


def live_of(fan):
    """The ids of a fan's live reservations."""
    return Reservation.objects.of(user_id=fan.pk).exclude(status="CANCELED").values_list("pk", flat=True)


def test_giving_back_leaves_what_is_paid():
    fan, sale = make_fan(balance=50_000), make_sale()
    booking = hold(fan, sale, 0, 1, 2)
    pay(fan, in_order(booking)[1])

    released = holds.release_booking(reference=booking.reference, user_id=fan.pk, now=NOW)

    assert (released, statuses(sale)) == (2, "ARAAAA")
    assert holds.release_booking(reference=booking.reference, user_id=fan.pk, now=NOW) == 0


def test_giving_back_after_somebody_took_the_lapsed_seat_over_leaves_it_to_them():
    fan, other, sale = make_fan(), make_fan(), make_sale()
    booking = hold(fan, sale, 0, 1)
    taken = hold(other, sale, 0, now=LAPSED)

    released = holds.release_booking(reference=booking.reference, user_id=fan.pk, now=LAPSED)

    assert (released, statuses(sale)) == (1, "TAAAAA")
    assert in_order(taken) == list(live_of(other))


def test_a_booking_of_another_fan_is_not_released():
    booking = hold(make_fan(), sale := make_sale(), 0)

    with pytest.raises(NotFound):
        holds.release_booking(reference=booking.reference, user_id=make_fan().pk)
    assert statuses(sale) == "TAAAAA"


@pytest.mark.django_db(transaction=True)
def test_a_seat_that_is_taken_over_at_this_moment_stays_with_who_took_it():
    """Tried without the lock on the seats: the seat is AVAILABLE then, under a live hold."""
    fan, other, sale = make_fan(), make_fan(), make_sale()
    booking = hold(fan, sale, 0)

    with transaction.atomic():
        taken = hold(other, sale, 0, now=LAPSED)
        later = start_behind(partial(holds.release_booking, reference=booking.reference, user_id=fan.pk, now=LAPSED))

    assert later.result(timeout=60) == 0
    assert statuses(sale)[0] == "T"
    assert in_order(taken) == list(live_of(other))
    assert broken_invariants() == {}
