"""What comes of a provider's message: always what the provider says when it is asked, never what the message says."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import OperationalError, connection

from concert_site.accounts.tests.concurrency import at_once
from concert_site.lib import heartbeats
from concert_site.lib.task_runs import single_run
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from wallet import tasks
from wallet.domain import claims, provider_events, top_ups
from wallet.domain.ledger import LARGEST_BALANCE
from wallet.models import ProviderEvent, TopUp
from wallet.providers.base import ProviderAway, WebhookMessage
from wallet.tests import factories
from wallet.tests.factories import balance_of, entries_of, make_fan
from wallet.tests.signed_provider import Signed

NOW = datetime(2031, 3, 1, 3, 0, tzinfo=UTC)
start_top_up = partial(factories.start_top_up, now=NOW)
HOUR = timedelta(hours=1)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("signed")]


def arrive(reference: str, event_id: str = "evt_1", now: datetime = NOW) -> ProviderEvent:
    said = WebhookMessage(event_id=event_id, kind="payment.changed", reference=reference)
    provider_events.record(Signed.name, said, b"{}", now=now)
    return ProviderEvent.objects.get(event_id=event_id)


def handle_due(now: datetime = NOW) -> int:
    return provider_events.handle_due(Signed.name, now=now)


def seen(row):
    row.refresh_from_db()
    return row


# --- Money -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("whose", ["ours", "the provider's"])
def test_what_was_paid_is_credited_by_either_reference(signed, whose):
    fan = make_fan()
    top_up = start_top_up(fan)
    signed.pay(top_up)
    event = arrive(top_up.reference if whose == "ours" else top_up.provider_reference)

    assert handle_due() == 1

    assert (seen(top_up).state, top_up.method, balance_of(fan)) == ("SUCCEEDED", "Visa 4242", 5_000)
    assert (seen(event).state, event.error, event.next_attempt_at, event.handled_at) == ("DONE", "", None, NOW)
    assert handle_due(NOW + HOUR) == 0
    assert broken_invariants() == {}


def test_messages_that_come_twice_late_and_in_any_order_credit_once(signed):
    fan = make_fan()
    top_up = start_top_up(fan)
    signed.pay(top_up)
    for nth, kind in enumerate(("succeeded", "created", "succeeded", "failed")):
        said = WebhookMessage(event_id=f"evt_{nth}", kind=kind, reference=top_up.reference)
        provider_events.record(Signed.name, said, b"{}", now=NOW)

    assert handle_due() == 4
    arrive(top_up.reference, "evt_late", now=NOW + 100 * HOUR)
    assert handle_due(NOW + 100 * HOUR) == 1

    assert set(ProviderEvent.objects.values_list("state", flat=True)) == {"DONE"}
    assert entries_of(fan) == [("CHARGE", 5_000, 5_000)]


def test_what_the_message_says_of_its_end_counts_for_nothing(signed):
    """It says paid; the provider says that it is still open."""
    fan = make_fan()
    top_up = start_top_up(fan)
    TopUp.objects.update(next_look_at=NOW + HOUR)
    event = arrive(top_up.reference)

    handle_due()

    assert (seen(top_up).state, seen(event).state, balance_of(fan)) == ("PENDING", "DONE", 0)
    # The provider's own book may be behind its messages.
    assert top_up.next_look_at == NOW + timedelta(seconds=top_ups.FIRST_LOOK)


def test_money_that_comes_after_it_was_given_up_is_credited(signed):
    fan = make_fan()
    top_up = start_top_up(fan)
    top_ups.end(top_up, "EXPIRED", failure="expired")
    signed.pay(top_up)
    arrive(top_up.reference)

    handle_due()

    assert (seen(top_up).state, balance_of(fan)) == ("SUCCEEDED", 5_000)


@pytest.mark.parametrize("differs", [{"amount": 4_999}, {"amount": 5_001}, {"currency": "usd"}])
def test_what_differs_from_the_order_is_credited_to_nobody_and_said(signed, differs):
    fan = make_fan()
    top_up = start_top_up(fan)
    signed.pay(top_up, **differs)
    event = arrive(top_up.reference)

    handle_due()

    assert (seen(top_up).failure, top_up.next_look_at, balance_of(fan)) == ("amount_differs", None, 0)
    assert (seen(event).state, event.error) == ("DONE", "amount_differs")


def test_a_wallet_without_room_is_left_to_staff(signed):
    fan = make_fan()
    top_up = start_top_up(fan)
    signed.pay(top_up)
    charged = top_ups.start(top_ups.TopUpRequest(user_id=fan.pk, amount=1_000)).top_up
    signed.pay(charged)
    with connection.cursor() as cursor:
        cursor.execute("update balance set amount = 0")
    top_ups.settle(charged, top_ups.look_up(charged))
    with connection.cursor() as cursor:
        cursor.execute("update balance set amount = %s", [LARGEST_BALANCE])
    event = arrive(top_up.reference)

    handle_due()

    assert (seen(top_up).failure, top_up.next_look_at) == ("balance_too_large", None)
    assert (seen(event).state, event.error) == ("DONE", "balance_too_large")


# --- Too early, and about nothing of ours ----------------------------------------------------------


def test_a_message_that_is_quicker_than_our_row_waits_for_it(signed):
    event = arrive("r" * 32)
    handle_due()
    assert (seen(event).state, event.error, event.attempts) == ("RECEIVED", "unknown_reference", 1)
    assert event.next_attempt_at == NOW + timedelta(seconds=2)
    fan = make_fan()
    top_up = start_top_up(fan)
    TopUp.objects.update(reference="r" * 32)
    signed.pay(seen(top_up))

    assert handle_due(NOW + timedelta(seconds=1)) == 0
    assert handle_due(NOW + timedelta(seconds=2)) == 1

    assert (seen(event).state, balance_of(fan)) == ("DONE", 5_000)


def test_it_waits_ever_longer_and_not_for_ever():
    event, at, pauses = arrive("nobody's"), NOW, []
    while seen(event).next_attempt_at:
        pauses.append((event.next_attempt_at - at).total_seconds())
        at = event.next_attempt_at
        handle_due(at)

    assert pauses == [0, *(2**nth for nth in range(1, 12))]
    assert (event.state, event.error) == ("IGNORED", "unknown_reference")


def test_what_is_about_no_payment_is_ignored_at_once(signed):
    event = arrive("")

    handle_due()

    assert (seen(event).state, event.attempts, signed.asked) == ("IGNORED", 1, [])


def test_a_top_up_of_another_provider_is_not_meant(signed):
    top_up = start_top_up()
    TopUp.objects.update(provider="stripe")
    event = arrive(top_up.reference)

    handle_due()

    assert seen(event).state == "RECEIVED"


# --- Failures --------------------------------------------------------------------------------------


def test_while_the_provider_is_away_it_is_tried_again_and_the_others_wait(signed):
    # Which of those that are due at the same moment is the first, nobody says.
    events = [arrive(start_top_up().reference, f"evt_{nth}", NOW - timedelta(seconds=3 - nth)) for nth in range(3)]
    signed.asked.clear()
    signed.fails_with = ProviderAway("timeout", "10 s")

    assert handle_due() == 1

    assert len(signed.asked) == 1
    assert (seen(events[0]).state, events[0].error) == ("RECEIVED", "ProviderAway: timeout: 10 s")
    signed.fails_with = None
    assert handle_due(NOW + timedelta(seconds=2)) == 3
    assert {seen(event).state for event in events} == {"DONE"}


@pytest.mark.parametrize("error", [ProviderAway("timeout"), RuntimeError("a mistake of ours")])
def test_what_fails_for_half_a_day_is_left_to_staff_with_its_error(signed, error):
    event, at = arrive(start_top_up().reference), NOW
    signed.fails_with = error
    while seen(event).next_attempt_at:
        at = event.next_attempt_at
        handle_due(at)

    assert (event.state, event.attempts) == ("FAILED", provider_events.MOST_ATTEMPTS)
    assert type(error).__name__ in event.error
    assert timedelta(hours=6) < at - NOW < timedelta(hours=24)


def test_while_postgresql_says_no_it_is_due_again_by_itself(signed):
    event = arrive(start_top_up().reference)
    signed.fails_with = OperationalError("deadlock")

    with pytest.raises(OperationalError):
        handle_due()

    assert (seen(event).state, event.next_attempt_at) == ("RECEIVED", NOW + claims.LEASE)


def test_a_message_that_staff_have_done_again_is(signed):
    fan = make_fan()
    top_up = start_top_up(fan)
    event = arrive(top_up.reference)
    handle_due()
    signed.pay(top_up)

    assert provider_events.replay(event.pk, now=NOW) is True
    assert provider_events.replay(event.pk, now=NOW) is False
    handle_due()

    assert (seen(event).state, event.attempts, balance_of(fan)) == ("DONE", 1, 5_000)


# --- Two at once, and those who die ----------------------------------------------------------------


@committed
def test_two_workers_share_the_messages_and_work_on_none_twice(signed):
    for nth in range(6):
        arrive(start_top_up().reference, f"evt_{nth}")
    signed.asked.clear()

    taken = at_once([handle_due] * 3)

    assert sum(taken) == 6
    assert len(signed.asked) == len({reference for _what, reference in signed.asked}) == 6


@committed
def test_control_without_the_claim_each_works_on_all(signed, monkeypatch):
    for nth in range(2):
        arrive(start_top_up().reference, f"evt_{nth}")
    signed.asked.clear()
    due = list(ProviderEvent.objects.order_by("pk"))
    monkeypatch.setattr(claims, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(provider_events, "claim_next", lambda *_: due[0])

    at_once([handle_due] * 3)

    assert [reference for _what, reference in signed.asked] == [due[0].reference] * 3


def test_a_worker_that_dies_at_it_loses_nothing(signed):
    fan = make_fan()
    top_up = start_top_up(fan)
    signed.pay(top_up)
    event = arrive(top_up.reference)
    assert provider_events.claim_next(Signed.name, NOW).pk == event.pk

    assert handle_due(NOW + claims.LEASE - timedelta(seconds=1)) == 0
    assert handle_due(NOW + claims.LEASE) == 1

    assert (seen(event).state, event.attempts, balance_of(fan)) == ("DONE", 2, 5_000)


def test_a_worker_whose_lease_is_over_writes_nothing(signed):
    event = arrive(start_top_up().reference)
    late = provider_events.claim_next(Signed.name, NOW)
    provider_events.claim_next(Signed.name, NOW + claims.LEASE)

    provider_events.wait(late, "too late", NOW)
    provider_events.end(late, "FAILED", "too late", NOW)

    assert (seen(event).state, event.error, event.attempts) == ("RECEIVED", "", 2)


@committed
def test_no_transaction_is_open_while_the_provider_is_asked(signed):
    arrive(start_top_up().reference)
    open_ones = []
    signed.before = lambda: open_ones.append(connection.in_atomic_block)

    handle_due()

    assert open_ones == [False]


# --- The task --------------------------------------------------------------------------------------


def test_the_task_works_on_what_is_due_and_the_trouble_of_one_provider_is_not_the_others(signed):
    long_ago = NOW - 100_000 * HOUR
    fan = make_fan()
    lost, top_up = start_top_up(), start_top_up(fan)
    signed.pay(top_up)
    # It is imported no more.
    TopUp.objects.filter(pk=lost.pk).update(provider="a.provider.that.is.Gone")
    said = WebhookMessage(event_id="evt", kind="", reference=lost.reference)
    provider_events.record("a.provider.that.is.Gone", said, b"", now=long_ago)
    arrive(top_up.reference, now=long_ago)

    tasks.handle_events()

    assert balance_of(fan) == 5_000
    assert ProviderEvent.objects.get(event_id="evt").error.startswith("ModuleNotFoundError")
    assert heartbeats.ages("wallet.handle_events")["wallet.handle_events"] is not None


def test_a_provider_that_is_still_at_it_is_passed_over(signed):
    event = arrive(start_top_up().reference, now=NOW - 100_000 * HOUR)

    with single_run(f"wallet.handle_events:{Signed.name}"):
        tasks.handle_events()
        assert seen(event).attempts == 0
    tasks.handle_events()

    assert seen(event).attempts == 1
