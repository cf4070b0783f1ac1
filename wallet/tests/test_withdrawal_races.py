"""Withdrawals at the same moment as each other and as everything else that moves money; each guard with a control."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from concert_site.accounts.tests.concurrency import at_once, start_behind
from concert_site.tests.audited import broken_invariants
from concert_site.tests.mutants import mutant
from wallet.domain import ledger, withdrawals
from wallet.domain.errors import InsufficientBalance
from wallet.models import LedgerKind, TopUp, Withdrawal
from wallet.providers.base import ProviderAway, ProviderStatus, RefundOutcome
from wallet.tests.factories import balance_of, fan_with, make_charge

SQL = Path(withdrawals.__file__).with_name("withdraw.sql")
AGAIN = ("if v_withdrawal.state in (p_state, 'FAILED') then", "if false then")
FAILED = RefundOutcome(status=ProviderStatus.FAILED, failure="card_closed")

pytestmark = pytest.mark.django_db(transaction=True)


def withdraw(fan, amount, key="w"):
    return withdrawals.withdraw(user_id=fan.pk, amount=amount, idempotency_key=key)


def under_way(fan, card, amount):
    card.fails_with = ProviderAway("timeout")
    (made,) = withdraw(fan, amount).withdrawals
    card.fails_with = None
    return made


def names(answers):
    return Counter(type(answer).__name__ for answer in answers)


def test_the_same_money_goes_back_once(card):
    fan = fan_with(600, 400)

    answers = at_once([partial(withdraw, fan, 1_000, key=str(nth)) for nth in range(6)])

    assert names(answers) == {"Withdrawn": 1, "InsufficientBalance": 5}
    assert (card.given_back, balance_of(fan)) == (1_000, 0)
    assert broken_invariants() == {}


def test_concurrent_withdrawals_take_no_more_than_there_is(card):
    fan = fan_with(500, 500)

    answers = at_once([partial(withdraw, fan, 300, key=str(nth)) for nth in range(6)])

    assert names(answers) == {"Withdrawn": 3, "InsufficientBalance": 3}
    assert (card.given_back, balance_of(fan)) == (900, 100)
    assert broken_invariants() == {}


def test_one_key_at_once_withdraws_once_and_all_answer_the_same(card):
    fan = fan_with(500, 500)

    answers = at_once([partial(withdraw, fan, 700)] * 6)

    assert Counter(answer.is_new for answer in answers) == {True: 1, False: 5}
    assert len({tuple(each.pk for each in answer.withdrawals) for answer in answers}) == 1
    assert (card.given_back, balance_of(fan)) == (700, 300)
    assert broken_invariants() == {}


def test_control_a_key_that_is_looked_for_before_the_locks_alone_withdraws_again(monkeypatch):
    fan = fan_with(1_000)
    look = withdrawals.withdrawn_before
    monkeypatch.setattr(withdrawals, "withdrawn_before", lambda *_key: [])

    for _ in range(2):
        withdraw(fan, 300)

    monkeypatch.setattr(withdrawals, "withdrawn_before", look)
    assert balance_of(fan) == 400


def test_what_is_spent_meanwhile_can_not_be_withdrawn():
    fan = fan_with(1_000)
    with transaction.atomic():
        ledger.book(user_id=fan.pk, kind=LedgerKind.ADJUSTMENT, amount=-900, note="Cash", actor_id=fan.pk)
        later = start_behind(partial(withdraw, fan, 1_000))

    assert isinstance(later.exception(timeout=60), InsufficientBalance)
    assert (balance_of(fan), Withdrawal.objects.count()) == (100, 0)


def test_what_is_withdrawn_meanwhile_can_not_be_spent(card):
    fan = fan_with(1_000)
    with transaction.atomic():
        withdrawals.take(1_000, withdrawals.lock_top_ups(fan.pk), withdrawals.WithdrawalReason(), None)
        spend = partial(
            ledger.adjust, user_id=fan.pk, amount=-900, note="Cash", actor_id=fan.pk, idempotency_key="cash"
        )
        later = start_behind(spend)

    assert isinstance(later.exception(timeout=60), InsufficientBalance)
    assert balance_of(fan) == 0


def test_control_what_a_top_up_was_before_its_lock_sends_back_more_than_came():
    """The money is safe by the CHECK on the top-up, but the fan would be told of a mistake of ours."""
    fan = fan_with(1_000)
    ledger.adjust(user_id=fan.pk, amount=5_000, note="Gift", actor_id=fan.pk, idempotency_key="gift")
    seen = TopUp.objects.get(user=fan)
    withdraw(fan, 800)

    with pytest.raises(IntegrityError, match="top_up_refunded_of_its_state"), transaction.atomic():
        withdrawals.take(800, [seen], withdrawals.WithdrawalReason(), None)

    assert balance_of(fan) == 5_200


def test_control_without_the_locks_of_top_ups_the_second_takes_from_what_is_gone(monkeypatch):
    fan = fan_with(500, 500)
    monkeypatch.setattr(withdrawals, "lock_top_ups", lambda user_id: list(withdrawals.with_money(user_id)))
    with transaction.atomic():
        withdrawals.take(
            500, withdrawals.newest_first(withdrawals.lock_top_ups(fan.pk)), withdrawals.WithdrawalReason(), None
        )
        later = start_behind(partial(withdraw, fan, 500))

    assert "top_up_refunded_of_its_state" in str(later.exception(timeout=60))


def test_a_failure_that_eight_report_at_once_comes_back_once(card):
    fan = fan_with(1_000)
    made = under_way(fan, card, 600)

    at_once([partial(withdrawals.settle, Withdrawal.objects.get(pk=made.pk), FAILED) for _ in range(8)])

    assert balance_of(fan) == 1_000
    assert broken_invariants() == {}


def test_success_and_failure_at_once_end_in_one_of_the_two(card):
    fan = fan_with(1_000)
    made = under_way(fan, card, 600)
    outcomes = [FAILED, RefundOutcome(status=ProviderStatus.SUCCEEDED)] * 4

    at_once([partial(withdrawals.settle, Withdrawal.objects.get(pk=made.pk), outcome) for outcome in outcomes])

    made.refresh_from_db()
    # What was paid out may fail afterwards; never the other way round.
    assert (made.state, balance_of(fan)) == ("FAILED", 1_000)
    assert broken_invariants() == {}


def test_control_without_a_look_behind_the_lock_it_comes_back_again(card):
    fan = fan_with(1_000)
    made = under_way(fan, card, 300)
    withdraw(fan, 400, key="other")

    with mutant(SQL, AGAIN):
        for _ in range(2):
            withdrawals.settle(made, FAILED)

    assert balance_of(fan) == 900
    assert {10, 11} <= broken_invariants().keys()


def test_top_ups_and_withdrawals_at_once(card):
    fan = fan_with(1_000, 1_000)
    steps = [partial(withdraw, fan, 500, key=str(nth)) for nth in range(4)]
    steps += [partial(make_charge, fan, amount=50) for _ in range(4)]

    answers = at_once(steps)

    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert (balance_of(fan), card.given_back) == (200, 2_000)
    assert broken_invariants() == {}
