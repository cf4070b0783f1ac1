"""Money on its way to a card gets there, or back into the wallet, though nobody comes back and no message arrives."""

from datetime import timedelta

import pytest
from django.utils import timezone

from concert_site.accounts.tests.concurrency import at_once
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from wallet import tasks
from wallet.domain import claims, provider_events, reconciler, settlements, top_ups, withdrawals
from wallet.models import ProviderEvent, TopUp, Withdrawal
from wallet.providers.base import BookLine, ProviderAway, ProviderStatus, RefundOutcome, WebhookMessage
from wallet.tests.factories import balance_of, make_fan
from wallet.tests.signed_provider import Signed

SECOND = timedelta(seconds=1)
FIRST = timedelta(seconds=top_ups.FIRST_LOOK)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("signed")]


@pytest.fixture
def start_withdrawal(signed):
    """A withdrawal of 5,000 that its provider was asked for and didn't answer, or was never asked for."""

    def make() -> Withdrawal:
        fan = make_fan()
        top_up = top_ups.start(top_ups.TopUpRequest(user_id=fan.pk, amount=5_000)).top_up
        signed.pay(top_up)
        top_ups.settle(top_up, top_ups.look_up(top_up))
        signed.fails_with = ProviderAway("timeout")
        (made,) = withdrawals.withdraw(user_id=fan.pk, amount=5_000, idempotency_key="a").withdrawals
        signed.fails_with = None
        signed.asked.clear()
        return made

    return make


def seen(row):
    row.refresh_from_db()
    return row


def settle_due(after: timedelta = FIRST) -> int:
    return reconciler.settle_due_withdrawals(Signed.name, now=timezone.now() + after)


def test_a_withdrawal_never_sent_is_sent_by_the_reconciler(start_withdrawal, signed):
    withdrawal = start_withdrawal()

    assert settle_due(timedelta(0)) == 0
    assert settle_due() == 1
    assert settle_due(10 * claims.LEASE) == 0

    assert (seen(withdrawal).state, signed.refunds) == ("SUCCEEDED", {withdrawal.reference: 5_000})
    assert broken_invariants() == {}


def test_an_answer_that_was_lost_is_asked_for_and_nothing_is_paid_out_twice(start_withdrawal, signed):
    withdrawal = start_withdrawal()
    signed.refunds[withdrawal.reference] = 5_000

    settle_due()

    assert (seen(withdrawal).state, [what for what, _ in signed.asked]) == ("SUCCEEDED", ["look_up_refund"])


def test_a_failed_withdrawal_comes_back_to_the_wallet(start_withdrawal, signed):
    withdrawal = start_withdrawal()
    signed.refund = lambda order: RefundOutcome(status=ProviderStatus.FAILED, failure="card_closed")

    settle_due()

    assert (seen(withdrawal).state, balance_of(withdrawal.user)) == ("FAILED", 5_000)
    assert broken_invariants() == {}


def test_while_it_is_open_or_the_provider_away_it_is_asked_about_ever_more_seldom(start_withdrawal, signed):
    withdrawal = start_withdrawal()
    signed.look_up_refund = lambda order, reference: RefundOutcome(status=ProviderStatus.OPEN)
    at = withdrawal.next_look_at
    pauses = []
    for _ in range(3):
        reconciler.settle_due_withdrawals(Signed.name, now=at)
        pauses.append((seen(withdrawal).next_look_at - at).total_seconds())
        at = withdrawal.next_look_at
    del signed.look_up_refund
    signed.fails_with = ProviderAway("timeout")
    reconciler.settle_due_withdrawals(Signed.name, now=at)

    assert pauses == [20, 40, 80]
    assert (seen(withdrawal).state, withdrawal.next_look_at - at) == ("PENDING", timedelta(seconds=160))


@committed
def test_workers_at_once_ask_about_each_once(start_withdrawal, signed):
    for _ in range(4):
        start_withdrawal()
    signed.asked.clear()

    taken = at_once([settle_due] * 3)

    assert sum(taken) == 4
    assert len(signed.asked) == len(set(signed.asked)) == 8


def test_a_worker_that_dies_at_it_loses_nothing(start_withdrawal, signed):
    withdrawal, at = start_withdrawal(), timezone.now() + FIRST
    assert reconciler.claim_next_withdrawal(Signed.name, at).pk == withdrawal.pk

    assert reconciler.settle_due_withdrawals(Signed.name, now=at + claims.LEASE - SECOND) == 0
    assert reconciler.settle_due_withdrawals(Signed.name, now=at + claims.LEASE) == 1

    assert seen(withdrawal).state == "SUCCEEDED"


@pytest.mark.parametrize("names", ["ours", "the provider's", "the payment"])
def test_a_message_about_it_settles_it_by_whichever_reference(start_withdrawal, signed, names):
    withdrawal = start_withdrawal()
    Withdrawal.objects.update(provider_reference="re_1")
    signed.refunds[withdrawal.reference] = 5_000
    reference = {"ours": withdrawal.reference, "the provider's": "re_1", "the payment": withdrawal.top_up.reference}
    said = WebhookMessage(event_id="evt_1", kind="refund.updated", reference=reference[names])
    provider_events.record(Signed.name, said, b"{}")

    provider_events.handle_due(Signed.name)

    assert (seen(withdrawal).state, ProviderEvent.objects.get().state) == ("SUCCEEDED", "DONE")


def test_the_task_reconciles_withdrawals(start_withdrawal):
    withdrawal = start_withdrawal()
    Withdrawal.objects.update(next_look_at=timezone.now() - SECOND)

    tasks.settle_withdrawals()

    assert seen(withdrawal).state == "SUCCEEDED"


@pytest.mark.parametrize("names", ["ours", "the payment"])
def test_a_refund_in_the_book_is_settled_and_counts_against_the_day(start_withdrawal, signed, names):
    withdrawal, today = start_withdrawal(), timezone.localdate()
    signed.refunds[withdrawal.reference] = 5_000
    top_up = TopUp.objects.get()
    reference = withdrawal.reference if names == "ours" else top_up.reference
    signed.lines[today] = [
        BookLine(reference=name, provider_reference="", amount=amount, currency="KRW", at=timezone.now())
        for name, amount in ((top_up.reference, 5_000), (reference, -5_000))
    ]

    settled = settlements.settle_day(Signed.name, today)

    assert seen(withdrawal).state == "SUCCEEDED"
    assert (settled.provider_sum, settled.ledger_sum, settled.provider_lines, settled.ledger_lines) == (0, 0, 2, 2)
    assert settled.differences == []
