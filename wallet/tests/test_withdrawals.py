"""Withdrawals: back to the card it came from, and in one place at any time, whatever the provider does."""

import pytest

from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.errors import Invalid
from concert_site.lib.idempotency import IdempotencyKeyReused
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_written
from wallet.domain import ledger, withdrawals
from wallet.domain.card_money import card_money_in
from wallet.domain.errors import InsufficientBalance, WithdrawalTooLarge
from wallet.models import TopUp, Withdrawal
from wallet.providers import TopUpUnavailable, sandbox
from wallet.providers.base import ProviderAway, ProviderRefused, ProviderStatus, RefundOutcome
from wallet.tests.factories import balance_of, entries_of, make_charge, make_fan

pytestmark = pytest.mark.django_db


def withdraw(fan, amount, key="w"):
    return withdrawals.withdraw(user_id=fan.pk, amount=amount, idempotency_key=key)


def adjust(fan, amount, key="a"):
    ledger.adjust(user_id=fan.pk, amount=amount, note="Cash", actor_id=make_staff().pk, idempotency_key=key)


def states_of(fan):
    """State and what has gone back of each top-up, oldest first."""
    return list(TopUp.objects.of(user_id=fan.pk).order_by("pk").values_list("state", "refunded"))


def made_of(fan):
    return list(Withdrawal.objects.of(user_id=fan.pk).order_by("pk").values_list("amount", "state", "failure"))


# --- What goes where ---------------------------------------------------------------------------


def test_a_part_goes_back_to_the_card():
    fan = make_fan()
    make_charge(fan, amount=50_000)

    done = withdraw(fan, 20_000)

    (made,) = done.withdrawals
    assert (done.is_new, made.amount, made.state, made.next_look_at) == (True, 20_000, "SUCCEEDED", None)
    assert entries_of(fan) == [("CHARGE", 50_000, 50_000), ("WITHDRAWAL", -20_000, 30_000)]
    assert states_of(fan) == [("PARTLY_REFUNDED", 20_000)]
    assert broken_invariants() == {}


def test_the_newest_top_up_is_taken_from_first():
    fan = make_fan()
    for amount in (10_000, 20_000, 30_000):
        make_charge(fan, amount=amount)

    withdraw(fan, 55_000)

    assert states_of(fan) == [("PARTLY_REFUNDED", 5_000), ("REFUNDED", 20_000), ("REFUNDED", 30_000)]
    assert [amount for amount, _, _ in made_of(fan)] == [30_000, 20_000, 5_000]
    assert balance_of(fan) == 5_000
    assert broken_invariants() == {}


def test_the_rest_of_a_top_up_is_withdrawn_later():
    fan = make_fan()
    make_charge(fan, amount=10_000)
    withdraw(fan, 4_000, key="a")

    withdraw(fan, 6_000, key="b")

    assert (states_of(fan), balance_of(fan)) == ([("REFUNDED", 10_000)], 0)
    with nothing_written(), pytest.raises(InsufficientBalance):
        withdraw(fan, 1, key="c")
    assert broken_invariants() == {}


@pytest.mark.parametrize("amount", [0, -1])
def test_a_withdrawal_of_nothing_is_refused(amount):
    fan = make_fan()
    make_charge(fan, amount=10)

    with nothing_written(), pytest.raises(Invalid):
        withdraw(fan, amount)


def test_more_than_the_wallet_has_is_refused():
    fan = make_fan()
    make_charge(fan, amount=10_000)

    with nothing_written(), pytest.raises(InsufficientBalance):
        withdraw(fan, 10_001)


def test_what_staff_gave_can_not_go_to_a_card_and_the_refusal_says_how_much_can():
    fan = make_fan()
    make_charge(fan, amount=10_000)
    adjust(fan, 5_000)

    with nothing_written(), pytest.raises(WithdrawalTooLarge, match="₩10,000"):
        withdraw(fan, 10_001)
    assert withdraw(fan, 10_000).withdrawals[0].state == "SUCCEEDED"


def test_what_staff_gave_after_the_card_money_was_spent_can_not_go_to_the_card():
    fan = make_fan()
    make_charge(fan, amount=10_000)
    adjust(fan, -10_000, key="out")
    adjust(fan, 10_000, key="in")

    with nothing_written(), pytest.raises(WithdrawalTooLarge, match="₩0"):
        withdraw(fan, 1)


def test_what_was_there_before_top_ups_were_on_record_can_not_go_anywhere():
    fan = make_fan(balance=10_000)

    with nothing_written(), pytest.raises(WithdrawalTooLarge):
        withdraw(fan, 1)


def test_a_house_without_a_provider_refuses_by_name(settings):
    fan = make_fan()
    make_charge(fan, amount=10_000)
    settings.WALLET_PROVIDER = ""

    with nothing_written(), pytest.raises(TopUpUnavailable):
        withdraw(fan, 1)


CARD, GIFT = "sandbox", "before"


@pytest.mark.parametrize(
    ("entries", "left"),
    [
        ([], 0),
        ([("CHARGE", 50, None, CARD)], 50),
        ([("CHARGE", 50, None, GIFT)], 0),
        # Of a mixed wallet the gift is spent first, in whichever order they came.
        ([("CHARGE", 50, None, CARD), ("ADJUSTMENT", 20, None, None), ("PAYMENT", -30, 1, None)], 40),
        ([("ADJUSTMENT", 20, None, None), ("CHARGE", 50, None, CARD), ("PAYMENT", -30, 1, None)], 40),
        # A gift that comes after the money is spent makes none of it come back.
        ([("CHARGE", 50, None, CARD), ("PAYMENT", -50, 1, None), ("ADJUSTMENT", 50, None, None)], 0),
        # Card money that comes after a gift is spent is all there.
        ([("ADJUSTMENT", 50, None, None), ("PAYMENT", -50, 1, None), ("CHARGE", 50, None, CARD)], 50),
        # A refund gives back to each what the payment took of it; the fee is kept of the gift.
        (
            [
                ("ADJUSTMENT", 20, None, None),
                ("CHARGE", 30, None, CARD),
                ("PAYMENT", -50, 1, None),
                ("REFUND", 45, 1, None),
            ],
            30,
        ),
        ([("CHARGE", 50, None, CARD), ("PAYMENT", -50, 1, None), ("REFUND", 40, 1, None)], 40),
        ([("ADJUSTMENT", 50, None, None), ("PAYMENT", -50, 1, None), ("REFUND", 50, 1, None)], 0),
        ([("CHARGE", 50, None, CARD), ("WITHDRAWAL", -20, None, None)], 30),
        ([("CHARGE", 50, None, CARD), ("WITHDRAWAL", -20, None, None), ("WITHDRAWAL", 20, None, None)], 50),
        # Cash that staff pay out.
        ([("CHARGE", 50, None, CARD), ("ADJUSTMENT", -50, None, None)], 0),
    ],
)
def test_what_of_a_ledger_came_by_card(entries, left):
    assert card_money_in(entries) == left


# --- Again -------------------------------------------------------------------------------------


def test_the_same_key_again_withdraws_once():
    fan = make_fan()
    make_charge(fan, amount=50_000)
    first = withdraw(fan, 50_000)

    with nothing_written():
        again = withdraw(fan, 50_000)

    assert (again.is_new, [each.pk for each in again.withdrawals]) == (False, [each.pk for each in first.withdrawals])


def test_the_same_key_with_another_amount_is_refused():
    fan = make_fan()
    make_charge(fan, amount=50_000)
    withdraw(fan, 1_000)

    with nothing_written(), pytest.raises(IdempotencyKeyReused):
        withdraw(fan, 1_001)


def test_two_fans_may_have_the_same_key():
    for fan in (make_fan(), make_fan()):
        make_charge(fan, amount=1_000)
        assert withdraw(fan, 1_000).is_new


# --- A provider that fails ---------------------------------------------------------------------


def test_a_closed_card_brings_it_back_to_the_wallet():
    fan = make_fan()
    make_charge(fan, amount=50_000)
    sandbox.close_card(TopUp.objects.get(user=fan).reference)

    (made,) = withdraw(fan, 20_000).withdrawals

    assert (made.state, made.failure) == ("FAILED", "card_closed")
    assert made.return_entry.amount == 20_000
    assert entries_of(fan)[1:] == [("WITHDRAWAL", -20_000, 30_000), ("WITHDRAWAL", 20_000, 50_000)]
    assert states_of(fan) == [("SUCCEEDED", 0)]
    assert broken_invariants() == {}


def test_what_the_provider_refuses_comes_back_as_well(card):
    fan = make_fan()
    make_charge(fan, amount=1_000)
    card.fails_with = ProviderRefused("charge_disputed")

    withdraw(fan, 1_000)

    assert (made_of(fan), balance_of(fan)) == ([(1_000, "FAILED", "charge_disputed")], 1_000)
    assert broken_invariants() == {}


def test_one_closed_card_of_two_brings_back_its_part(card):
    fan = make_fan()
    make_charge(fan, amount=1_000)
    make_charge(fan, amount=2_000)
    last = TopUp.objects.of(user_id=fan.pk).latest("pk")
    made = withdrawals.take_once(fan.pk, 3_000, withdrawals.WithdrawalReason(key="w", hash="h"), None).withdrawals
    card.is_closed = True
    withdrawals.ask_for(made[:1])
    card.is_closed = False

    withdrawals.ask_for(made[1:])

    assert made[0].top_up == last
    assert made_of(fan) == [(2_000, "FAILED", "card_closed"), (1_000, "SUCCEEDED", "")]
    assert (states_of(fan), balance_of(fan)) == ([("REFUNDED", 1_000), ("SUCCEEDED", 0)], 2_000)
    assert broken_invariants() == {}


def test_while_the_provider_is_away_it_is_pending_and_off_the_wallet(card):
    fan = make_fan()
    make_charge(fan, amount=1_000)
    card.fails_with = ProviderAway("timeout")

    (made,) = withdraw(fan, 1_000).withdrawals

    assert (made.state, made.next_look_at is not None, balance_of(fan)) == ("PENDING", True, 0)
    assert broken_invariants() == {}
    card.fails_with = None
    withdrawals.settle(made, withdrawals.look_up(made))
    assert (made.state, card.given_back) == ("SUCCEEDED", 1_000)


def test_after_an_answer_was_lost_it_is_found_and_not_paid_out_twice(card):
    fan = make_fan()
    make_charge(fan, amount=1_000)
    card.loses_answer = ProviderAway("timeout")
    (made,) = withdraw(fan, 1_000).withdrawals
    assert made.state == "PENDING"

    withdrawals.settle(made, withdrawals.look_up(made))

    assert (made.state, made.provider_reference) == ("SUCCEEDED", f"re-{made.reference}")
    assert card.asked == {made.reference: 1}
    assert broken_invariants() == {}


def test_killed_between_the_wallet_and_the_provider_it_is_found_and_finished(card, monkeypatch):
    fan = make_fan()
    make_charge(fan, amount=1_000)

    def die(_withdrawal):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(withdrawals, "refund", die)
        with pytest.raises(SystemExit):
            withdraw(fan, 1_000)
    found = Withdrawal.objects.filter(next_look_at__isnull=False).get()
    assert (found.state, balance_of(fan), card.given_back) == ("PENDING", 0, 0)

    withdrawals.settle(found, withdrawals.look_up(found))

    assert (found.state, card.given_back) == ("SUCCEEDED", 1_000)
    assert broken_invariants() == {}


def test_the_same_request_after_a_death_finishes_it_too(card):
    fan = make_fan()
    make_charge(fan, amount=1_000)
    card.fails_with = ProviderAway("timeout")
    withdraw(fan, 1_000)
    card.fails_with = None

    again = withdraw(fan, 1_000)

    assert ([each.state for each in again.withdrawals], again.is_new) == (["SUCCEEDED"], False)
    assert card.given_back == 1_000


def test_what_takes_days_is_pending_with_the_providers_reference(card):
    fan = make_fan()
    make_charge(fan, amount=1_000)
    card.says = ProviderStatus.OPEN

    (made,) = withdraw(fan, 1_000).withdrawals

    assert (made.state, made.provider_reference) == ("PENDING", f"re-{made.reference}")
    card.says = ProviderStatus.SUCCEEDED
    assert withdrawals.settle(made, withdrawals.look_up(made)).state == "SUCCEEDED"


def test_what_the_bank_sends_back_days_later_is_in_the_wallet_again_and_told_again(card):
    fan = make_fan()
    make_charge(fan, amount=1_000)
    (made,) = withdraw(fan, 1_000).withdrawals
    Withdrawal.objects.update(outcome_mail_at=made.created_at)
    card.says = ProviderStatus.FAILED

    withdrawals.settle(made, withdrawals.look_up(made))

    made.refresh_from_db()
    assert (made.state, made.failure, made.outcome_mail_at) == ("FAILED", "returned_by_bank", None)
    assert (balance_of(fan), states_of(fan)) == (1_000, [("SUCCEEDED", 0)])
    assert broken_invariants() == {}


@pytest.mark.parametrize("outcome", [ProviderStatus.SUCCEEDED, ProviderStatus.FAILED])
def test_an_ending_that_is_reported_again_changes_nothing(card, outcome):
    fan = make_fan()
    make_charge(fan, amount=1_000)
    card.says = outcome
    (made,) = withdraw(fan, 1_000).withdrawals

    with nothing_written():
        withdrawals.settle(made, withdrawals.look_up(made))

    assert balance_of(fan) == (0 if outcome == ProviderStatus.SUCCEEDED else 1_000)


def test_what_was_paid_out_after_it_had_come_back_is_shown_to_staff(card, caplog):
    fan = make_fan()
    make_charge(fan, amount=1_000)
    card.is_closed = True
    (made,) = withdraw(fan, 1_000).withdrawals

    withdrawals.settle(made, RefundOutcome(status=ProviderStatus.SUCCEEDED))

    assert (made.state, made.failure, balance_of(fan)) == ("FAILED", "paid_out_after_return", 1_000)
    assert "paid out after it had come back" in caplog.text


def test_what_is_back_in_the_wallet_is_not_asked_for_by_whoever_read_it_before(card):
    fan = make_fan()
    make_charge(fan, amount=1_000)
    card.says = ProviderStatus.OPEN
    (made,) = withdraw(fan, 1_000).withdrawals
    read_before = Withdrawal.objects.select_related("top_up").get(pk=made.pk)
    withdrawals.settle(made, RefundOutcome(status=ProviderStatus.FAILED, failure="card_closed"))
    card.refunds.clear()
    card.says = ProviderStatus.SUCCEEDED

    assert withdrawals.look_up(read_before).status == ProviderStatus.UNKNOWN
    assert card.refunds == {}


def test_what_comes_back_to_a_full_wallet_stays_under_way_for_staff(card):
    fan = make_fan()
    make_charge(fan, amount=1_000)
    card.says = ProviderStatus.OPEN
    (made,) = withdraw(fan, 1_000).withdrawals
    ledger.book(user_id=fan.pk, kind="CHARGE", amount=ledger.LARGEST_BALANCE)

    withdrawals.settle(made, RefundOutcome(status=ProviderStatus.FAILED, failure="card_closed"))

    assert (made.state, made.failure, made.next_look_at) == ("PENDING", "balance_too_large", None)


def test_a_provider_that_is_gone_leaves_it_under_way(card):
    fan = make_fan()
    make_charge(fan, amount=1_000)
    card.says = ProviderStatus.OPEN
    (made,) = withdraw(fan, 1_000).withdrawals
    TopUp.objects.update(provider="no.such.Provider")
    made.top_up.refresh_from_db()

    with pytest.raises(ProviderAway, match="provider_gone"):
        withdrawals.look_up(made)
