"""Fair play: who holds and gives back the same date's seats again and again waits longer each time."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from concert_site.accounts.tests.factories import api_of
from concert_site.tests.audited import broken_invariants
from concert_site.tests.mutants import mutant
from concert_site.tests.unchanged import nothing_written
from payments.domain import refunds
from payments.tests.scenes import make_fan, pay
from queueing.models import WaitingToken
from reservations.domain import holds
from reservations.domain.errors import HoldCooldown, SeatUnavailable
from reservations.models import Reservation
from reservations.tests.scenes import (
    HOLD,
    NOW,
    held_by,
    hold,
    hold_with,
    in_order,
    let_in,
    make_sale,
    statuses,
    token_of,
)

FREE, FIRST = 5, 10
SECOND = timedelta(seconds=1)
STEPS = Path(holds.__file__).with_name("hold_steps.sql")

pytestmark = pytest.mark.django_db


def give_back(fan, booking, now=NOW):
    """Each seat of a booking, as an app does it."""
    for reservation in in_order(booking):
        refunds.cancel(user_id=fan.pk, reservation_id=reservation, now=now)


def idle(fan, sale, times, *nth, now=NOW):
    """Hold and give back so many times."""
    for _ in range(times):
        give_back(fan, hold(fan, sale, *nth, now=now), now=now)


def wait_of(fan, sale, *nth, now=NOW):
    """How many seconds a hold is refused for; 0 if it isn't."""
    try:
        give_back(fan, hold(fan, sale, *nth, now=now), now=now)
    except HoldCooldown as refused:
        return refused.retry_after_seconds
    return 0


# --- What it is about ------------------------------------------------------------------------------


def test_a_fan_who_holds_and_gives_back_forty_times_is_told_to_wait():
    fan, sale = make_fan(), make_sale()
    api, token = api_of(fan), let_in(fan, sale)
    answers = []
    for _ in range(40):
        body = {"schedule": sale.pk, "seats": sale.seats[:4]}
        answer = api.post("/api/v1/reservations/", body, format="json", headers={"X-Queue-Token": str(token)})
        answers.append(answer)
        for each in answer.json().get("reservations", ()):
            assert api.post(f"/api/v1/reservations/{each['id']}/cancel/").status_code == 200

    statuses_of = [answer.status_code for answer in answers]
    last = answers[-1]
    assert statuses_of == [201] * (FREE + 1) + [429] * (40 - FREE - 1)
    assert 1 <= int(last["Retry-After"]) <= FIRST
    assert [(error["code"], error["attr"]) for error in last.json()["errors"]] == [("throttled", None)]
    assert statuses(sale) == "AAAAAA"


def test_each_further_time_is_twice_the_wait():
    fan, sale, now = make_fan(), make_sale(), NOW
    let_in(fan, sale, expired_at=NOW + timedelta(days=1))
    idle(fan, sale, FREE + 1, 0, 1)
    waits = []
    for _ in range(12):
        waits.append(wait_of(fan, sale, 0, now=now))
        now += timedelta(seconds=waits[-1])
        give_back(fan, hold(fan, sale, 0, now=now), now=now)

    assert waits == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]


def test_who_waits_as_long_as_was_said_may_hold():
    fan, sale = make_fan(), make_sale()
    idle(fan, sale, FREE + 1, 0)

    with nothing_written(), pytest.raises(HoldCooldown):
        hold(fan, sale, 0, now=NOW + FIRST * SECOND - timedelta(microseconds=1))
    hold(fan, sale, 0, now=NOW + FIRST * SECOND)

    assert held_by(fan, sale) == [0]
    assert broken_invariants() == {}


def test_seats_given_back_one_by_one_are_one_change_of_mind():
    fan, sale = make_fan(), make_sale()
    idle(fan, sale, FREE, 0, 1, 2, 3)

    assert wait_of(fan, sale, 0) == 0


def test_the_cooldown_counts_anew_the_next_day():
    fan, sale = make_fan(), make_sale()
    let_in(fan, sale, expired_at=NOW + timedelta(days=2))
    idle(fan, sale, FREE + 1, 0)

    assert wait_of(fan, sale, 0, now=NOW) == FIRST
    assert wait_of(fan, sale, 0, now=NOW + timedelta(days=1)) == 0


# --- The ways round it -----------------------------------------------------------------------------


@pytest.mark.parametrize("is_tidied", [False, True])
def test_lapsed_holds_count_towards_the_cooldown(is_tidied):
    """One fan keeps seats for nothing, five minutes at a time."""
    fan, sale, now = make_fan(), make_sale(), NOW
    let_in(fan, sale, expired_at=NOW + timedelta(days=1))
    for _ in range(FREE + 1):
        hold(fan, sale, 0, 1, 2, 3, now=now)
        now += HOLD
        if is_tidied:
            # Beat may come late: the wait begins where the hold ended.
            holds.release_lapsed(now=now + SECOND)

    assert wait_of(fan, sale, 0, now=now) == FIRST
    assert wait_of(fan, sale, 4, now=now + 3 * SECOND) == FIRST - 3
    assert wait_of(fan, sale, 0, now=now + FIRST * SECOND) == 0


def test_a_lapsed_hold_that_another_takes_over_counts():
    fan, sale, now = make_fan(), make_sale(), NOW
    let_in(fan, sale, expired_at=NOW + timedelta(days=1))
    for _ in range(FREE + 1):
        hold(fan, sale, 0, now=now)
        now += HOLD
        other = make_fan()
        let_in(other, sale, now=now)
        idle(other, sale, 1, 0, now=now)

    assert wait_of(fan, sale, 1, now=now) == FIRST


def test_a_new_place_in_line_begins_no_new_count():
    fan, sale = make_fan(), make_sale()
    for _ in range(FREE + 1):
        idle(fan, sale, 1, 0)
        WaitingToken.objects.live().update(status="EXPIRED", expired_reason="LEFT")

    assert token_of(fan, sale) is None
    assert wait_of(fan, sale, 0) == FIRST


def test_paying_one_seat_and_refunding_it_hides_nothing():
    fan, sale = make_fan(balance=50_000), make_sale()
    for _ in range(FREE + 1):
        paid, *rest = in_order(hold(fan, sale, 0, 1, 2, 3))
        for each in rest:
            refunds.cancel(user_id=fan.pk, reservation_id=each, now=NOW)
        pay(fan, paid)
        refunds.cancel(user_id=fan.pk, reservation_id=paid, now=NOW)

    assert wait_of(fan, sale, 0) == FIRST


def test_another_seat_or_another_number_of_them_is_no_way_round_it():
    fan, sale = make_fan(), make_sale()
    for nth in range(FREE + 1):
        idle(fan, sale, 1, nth)

    assert wait_of(fan, sale, 2, 3) == FIRST


# --- Whom it leaves alone --------------------------------------------------------------------------


def test_another_date_and_another_fan_are_not_concerned():
    fan, sale, other = make_fan(), make_sale(), make_sale()
    idle(fan, sale, FREE + 1, 0)

    assert (wait_of(fan, sale, 0), wait_of(fan, other, 0), wait_of(make_fan(), sale, 0)) == (FIRST, 0, 0)


def test_who_pays_a_part_has_not_held_for_nothing():
    fan, sale = make_fan(balance=500_000), make_sale(seats=6, tickets_per_fan=10)
    for _ in range(FREE - 1):
        idle(fan, sale, 1, 5)
    for nth in range(4):
        paid, given_back = in_order(hold(fan, sale, nth, 4))
        pay(fan, paid)
        refunds.cancel(user_id=fan.pk, reservation_id=given_back, now=NOW)
    idle(fan, sale, 1, 5)

    assert wait_of(fan, sale, 5) == 0


def test_what_staff_release_is_not_held_against_the_fan():
    fan, sale = make_fan(), make_sale()
    for _ in range(FREE + 5):
        (reservation,) = in_order(hold(fan, sale, 0))
        assert holds.release_hold(reservation_id=reservation, now=NOW)

    assert wait_of(fan, sale, 0) == 0
    assert broken_invariants() == {}


def test_an_extended_hold_that_is_paid_counts_for_nothing():
    fan, sale = make_fan(balance=50_000), make_sale()
    idle(fan, sale, FREE, 0)
    (reservation,) = in_order(hold(fan, sale, 0))
    holds.extend_hold(user_id=fan.pk, reservation_id=reservation, now=NOW)
    pay(fan, reservation)

    assert wait_of(fan, sale, 1) == 0


def test_a_repeated_hold_is_never_refused_by_the_cooldown():
    fan, sale = make_fan(), make_sale()
    idle(fan, sale, FREE, 0)
    first = hold(fan, sale, 0, key="a")
    other = hold(fan, sale, 1)
    give_back(fan, other)

    by_key, by_seats = hold(fan, sale, 0, key="a"), hold(fan, sale, 0)

    assert (by_key.reference, by_seats.reference) == (first.reference, first.reference)
    assert wait_of(fan, sale, 1) == FIRST


def test_seat_unavailable_is_answered_before_the_cooldown():
    fan, sale = make_fan(), make_sale()
    idle(fan, sale, FREE + 1, 0)
    hold(make_fan(), sale, 0)

    with pytest.raises(SeatUnavailable):
        hold(fan, sale, 0)


def test_a_house_can_switch_it_off_or_be_stricter(settings):
    fan, sale = make_fan(), make_sale()
    settings.HOLD_COOLDOWN_SECONDS = 0
    idle(fan, sale, 20, 0)
    assert wait_of(fan, sale, 0) == 0

    settings.HOLD_COOLDOWN_SECONDS, settings.HOLD_COOLDOWN_FREE = 7, 30
    assert wait_of(fan, sale, 0) == 0
    settings.HOLD_COOLDOWN_FREE = 0
    assert wait_of(fan, sale, 0) == 3600
    assert wait_of(other := make_fan(), sale, 0) == 0
    assert wait_of(other, sale, 0) == 7


# --- What it costs ---------------------------------------------------------------------------------


def test_the_cooldown_takes_no_further_statement():
    fan, sale = make_fan(), make_sale()
    token = let_in(fan, sale)
    idle(fan, sale, FREE + 1, 0)

    with CaptureQueriesContext(connection) as asked, pytest.raises(HoldCooldown):
        hold_with(token, fan, sale, 0)

    assert len(asked) == 1


@pytest.mark.django_db(transaction=True)
def test_control_without_the_count_there_is_no_cooldown():
    fan, sale = make_fan(), make_sale()
    with mutant(STEPS, ("    if v_idle.n <= p_free then", "    if true then")):
        idle(fan, sale, FREE + 10, 0)

    assert wait_of(fan, sale, 0) == 3600
    assert Reservation.objects.filter(status="CANCELED").count() == FREE + 10
