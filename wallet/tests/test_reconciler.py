"""What is under way ends, though nobody comes back and no message arrives."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import OperationalError, connection

from concert_site.accounts.tests.concurrency import at_once
from concert_site.lib import heartbeats
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from wallet import tasks
from wallet.domain import claims, reconciler, top_ups
from wallet.models import TopUp
from wallet.providers.base import Outcome, ProviderAway, ProviderStatus
from wallet.tests import factories
from wallet.tests.factories import balance_of, entries_of, make_fan
from wallet.tests.signed_provider import Signed

NOW = datetime(2031, 3, 1, 3, 0, tzinfo=UTC)
start_top_up = partial(factories.start_top_up, now=NOW)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
FIRST = timedelta(seconds=top_ups.FIRST_LOOK)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("signed")]


def settle_due(now: datetime) -> int:
    return reconciler.settle_due(Signed.name, now=now)


def seen(row):
    row.refresh_from_db()
    return row


def look_until_it_ends(top_up: TopUp) -> list[float]:
    """Let time pass until nobody asks any more; the seconds between the looks."""
    pauses, at = [], NOW
    while seen(top_up).next_look_at:
        pauses.append((top_up.next_look_at - at).total_seconds())
        at = top_up.next_look_at
        settle_due(at)
    return pauses


def test_an_expired_top_up_is_not_told_as_canceled_by_the_fan(signed, monkeypatch):
    """Real providers say of what we have closed there that it was canceled, and not by whom."""
    top_up = start_top_up()
    monkeypatch.setattr(signed, "cancel", lambda *_: Outcome(status=ProviderStatus.FAILED, failure="canceled"))

    look_until_it_ends(top_up)

    assert (top_up.state, top_up.failure) == ("EXPIRED", "expired")


def test_what_a_card_was_declined_for_keeps_its_reason_when_time_ends_it(signed, monkeypatch):
    top_up = start_top_up()
    monkeypatch.setattr(
        signed, "cancel", lambda *_: Outcome(status=ProviderStatus.FAILED, failure="insufficient_funds")
    )

    look_until_it_ends(top_up)

    assert (top_up.state, top_up.failure) == ("FAILED", "insufficient_funds")


def test_what_was_paid_by_a_fan_who_never_came_back_is_credited(signed):
    fan = make_fan()
    top_up = start_top_up(fan)
    signed.pay(top_up)

    assert settle_due(NOW + FIRST - SECOND) == 0
    assert settle_due(NOW + FIRST) == 1
    assert settle_due(NOW + HOUR) == 0

    assert (seen(top_up).state, top_up.next_look_at, balance_of(fan)) == ("SUCCEEDED", None, 5_000)
    assert broken_invariants() == {}


def test_it_is_asked_about_ever_more_seldom_then_closed_at_the_provider_and_given_up(signed):
    top_up = start_top_up()
    signed.asked.clear()

    pauses = look_until_it_ends(top_up)

    assert pauses == [10, 20, 40, 80, 160, 320, 640, 1280]
    assert [what for what, _ in signed.asked] == ["look_up"] * 8 + ["cancel"]
    assert (top_up.state, top_up.failure) == ("EXPIRED", "expired")


def test_the_pauses_end_at_an_hour():
    assert [reconciler.interval_after(looks) for looks in (8, 9, 30_000)] == [2560 * SECOND, HOUR, HOUR]


def test_what_is_paid_while_it_is_closed_is_credited(signed):
    """The provider says open, then that it can't be canceled any more: it was paid in between."""
    fan = make_fan()
    top_up = start_top_up(fan)
    signed.before = lambda: signed.asked[-1][0] == "cancel" and signed.pay(top_up)

    look_until_it_ends(top_up)

    assert (top_up.state, balance_of(fan)) == ("SUCCEEDED", 5_000)


def test_what_the_provider_cant_close_is_asked_about_for_two_weeks(signed, caplog, monkeypatch):
    assert timedelta(days=14) == reconciler.OPEN_AT_MOST
    monkeypatch.setattr(reconciler, "OPEN_AT_MOST", timedelta(hours=12))
    top_up = start_top_up()
    signed.cancel = lambda order, reference: Outcome(status=ProviderStatus.OPEN)

    pauses = look_until_it_ends(top_up)

    assert timedelta(seconds=sum(pauses)) >= reconciler.OPEN_AT_MOST
    assert (top_up.state, top_up.failure) == ("EXPIRED", "never_ended")
    assert [record.levelname for record in caplog.records if "given up" in record.message] == ["ERROR"]


def test_what_the_provider_has_never_heard_of_is_given_up_after_an_hour(signed):
    """Our process died before it asked."""
    signed.fails_with = ProviderAway("connection refused")
    top_up = start_top_up()
    assert top_up.state == "CREATED"
    signed.fails_with = None

    pauses = look_until_it_ends(top_up)

    assert (top_up.state, top_up.failure) == ("EXPIRED", "expired")
    assert HOUR < timedelta(seconds=sum(pauses)) < 3 * HOUR


def test_a_start_whose_answer_was_lost_and_that_was_paid_is_credited(signed):
    fan = make_fan()
    signed.fails_with = ProviderAway("timeout")
    top_up = start_top_up(fan)
    signed.fails_with = None
    signed.pay(top_up)

    settle_due(NOW + FIRST)

    assert (seen(top_up).state, balance_of(fan)) == ("SUCCEEDED", 5_000)


def test_a_failed_top_up_is_over(signed):
    top_up = start_top_up()
    signed.payments[top_up.reference] = Outcome(status=ProviderStatus.FAILED, failure="card_declined")

    settle_due(NOW + FIRST)

    assert (seen(top_up).state, top_up.failure, top_up.next_look_at) == ("FAILED", "card_declined", None)


@pytest.mark.parametrize("differs", [{"amount": 4_999}, {"currency": "usd"}])
def test_what_differs_is_left_to_staff_and_asked_about_no_more(signed, differs):
    fan = make_fan()
    top_up = start_top_up(fan)
    signed.pay(top_up, **differs)

    assert look_until_it_ends(top_up) == [10]

    assert (top_up.state, top_up.failure, balance_of(fan)) == ("PENDING", "amount_differs", 0)


# --- Providers and workers that fail ---------------------------------------------------------------


def test_a_provider_that_is_away_is_asked_once_a_run_and_about_the_next_one_in_the_next(signed):
    both = [start_top_up(), start_top_up()]
    signed.asked.clear()
    signed.fails_with = ProviderAway("timeout")

    assert settle_due(NOW + FIRST) == 1
    assert settle_due(NOW + FIRST) == 1

    assert {reference for _, reference in signed.asked} == {each.reference for each in both}
    assert {seen(each).next_look_at for each in both} == {NOW + 3 * FIRST}


def test_one_that_makes_trouble_stands_in_nobodys_way(signed):
    fan = make_fan()
    bad, good = start_top_up(), start_top_up(fan)
    signed.pay(good)
    signed.payments[bad.reference] = None

    assert settle_due(NOW + FIRST) == 2

    assert (seen(bad).next_look_at, balance_of(fan)) == (NOW + 3 * FIRST, 5_000)


def test_while_postgresql_says_no_it_is_due_again_by_itself(signed):
    top_up = start_top_up()
    signed.fails_with = OperationalError("gone")

    with pytest.raises(OperationalError):
        settle_due(NOW + FIRST)

    assert (seen(top_up).state, top_up.next_look_at) == ("PENDING", NOW + FIRST + claims.LEASE)


def test_a_worker_that_dies_at_it_loses_nothing(signed):
    fan = make_fan()
    top_up = start_top_up(fan)
    signed.pay(top_up)
    at = NOW + FIRST
    assert reconciler.claim_next(Signed.name, at).pk == top_up.pk

    assert settle_due(at + claims.LEASE - SECOND) == 0
    assert settle_due(at + claims.LEASE) == 1

    assert balance_of(fan) == 5_000


def test_a_worker_whose_lease_is_over_writes_nothing(signed):
    top_up = start_top_up()
    late = reconciler.claim_next(Signed.name, NOW + FIRST)
    reconciler.claim_next(Signed.name, NOW + FIRST + claims.LEASE)

    reconciler.postpone(late, NOW)

    assert seen(top_up).next_look_at == NOW + FIRST + 2 * claims.LEASE


@committed
def test_workers_at_once_ask_about_each_once(signed):
    for _ in range(6):
        start_top_up()
    signed.asked.clear()

    taken = at_once([lambda: settle_due(NOW + FIRST)] * 3)

    assert sum(taken) == 6
    assert len(signed.asked) == len(set(signed.asked)) == 6


@committed
def test_control_without_the_claim_each_asks_about_all(signed, monkeypatch):
    top_up = start_top_up()
    signed.asked.clear()
    monkeypatch.setattr(claims, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(reconciler, "claim_next", lambda *_: TopUp.objects.get(pk=top_up.pk))

    at_once([lambda: settle_due(NOW + FIRST)] * 3)

    assert signed.asked == [("look_up", top_up.reference)] * 3


@committed
def test_reported_by_all_at_once_it_is_credited_once(signed):
    fan = make_fan()
    top_up = start_top_up(fan)
    signed.pay(top_up)

    def fan_comes_back() -> None:
        mine = TopUp.objects.get(pk=top_up.pk)
        top_ups.settle(mine, top_ups.look_up(mine))

    at_once([fan_comes_back, lambda: settle_due(NOW + FIRST)] * 3)

    assert entries_of(fan) == [("CHARGE", 5_000, 5_000)]
    assert broken_invariants() == {}


@committed
def test_no_transaction_is_open_while_the_provider_is_asked(signed):
    start_top_up()
    open_ones = []
    signed.before = lambda: open_ones.append(connection.in_atomic_block)

    settle_due(NOW + HOUR)

    assert open_ones == [False, False]


def test_a_run_has_its_bounds(signed, monkeypatch):
    monkeypatch.setattr(claims, "MOST_AT_ONCE", 2)
    for _ in range(3):
        start_top_up()

    assert [settle_due(NOW + FIRST) for _ in range(3)] == [2, 1, 0]
    monkeypatch.setattr(claims, "RUN_SECONDS", 0.0)
    assert settle_due(NOW + HOUR) == 0


def test_the_task_asks_each_provider_and_leaves_its_trace(signed):
    fan = make_fan()
    long_ago = NOW - 100_000 * HOUR
    lost, top_up = start_top_up(now=long_ago), start_top_up(fan, now=long_ago)
    TopUp.objects.filter(pk=lost.pk).update(provider="a.provider.that.is.Gone")
    signed.pay(top_up)

    tasks.settle_top_ups()

    assert balance_of(fan) == 5_000
    assert seen(lost).is_open
    assert heartbeats.ages("wallet.settle_top_ups")["wallet.settle_top_ups"] is not None
