"""Mails of withdrawals: that the money is on its way to the card, and that it came back; each once."""

import pytest

from payments.domain import card_refunds, mail_sending
from payments.models import RefundTo
from payments.queries.mails import OwedOutcome, owed_outcomes
from payments.tests.scenes import buy
from payments.tests.test_receipt_mails import texts
from reservations.tests.scenes import NOW, make_sale
from wallet.domain import withdrawals
from wallet.models import TopUp, Withdrawal
from wallet.providers import sandbox
from wallet.providers.base import ProviderStatus, RefundOutcome
from wallet.tests.factories import fan_with

pytestmark = pytest.mark.django_db


def told_fan_with(*amounts, **fields):
    """A fan who has topped up so, and was told."""
    fan = fan_with(*amounts, **fields)
    TopUp.objects.update(receipt_mail_at=NOW)
    return fan


def withdraw(fan, amount, key="w"):
    return withdrawals.withdraw(user_id=fan.pk, amount=amount, idempotency_key=key).withdrawals


def send():
    return mail_sending.send_owed()


def test_what_went_to_cards_is_one_mail_and_comes_once(mail_server):
    fan = told_fan_with(1_000, 2_000, email="fan@example.com", name="Ada")
    made = withdraw(fan, 3_000)

    assert [send(), send()] == [1, 0]

    (letter,) = mail_server.accepted
    assert (letter["To"], letter["Subject"]) == ("fan@example.com", "₩3,000 is on its way to your card")
    assert letter["Message-ID"].startswith(f"<withdrawn.{made[0].pk}-{made[1].pk}@")
    for body in texts(letter):
        for words in ("Hello Ada,", "Sandbox 4242", "₩1,000", "₩2,000", "₩3,000", "working days", "/wallet/"):
            assert words in body


def test_the_mail_of_a_returned_withdrawal_says_that_nothing_is_lost(mail_server):
    fan = told_fan_with(1_000)
    sandbox.close_card(TopUp.objects.get(user=fan).reference)
    withdraw(fan, 600)

    send()

    (letter,) = mail_server.accepted
    assert letter["Subject"] == "₩600 came back to your wallet"
    assert all("Your money is safe" in body and "Together" not in body for body in texts(letter))


def test_a_withdrawal_returned_after_its_mail_is_mailed_again(mail_server):
    fan = told_fan_with(1_000)
    (made,) = withdraw(fan, 600)
    send()

    withdrawals.settle(made, RefundOutcome(status=ProviderStatus.FAILED, failure="returned_by_bank"))

    assert [send(), send()] == [1, 0]
    assert [letter["Subject"] for letter in mail_server.accepted] == [
        "₩600 is on its way to your card",
        "₩600 came back to your wallet",
    ]


def test_a_withdrawal_returned_while_its_mail_is_sent_owes_another():
    fan = told_fan_with(1_000)
    (made,) = withdraw(fan, 600)
    told = Withdrawal.objects.get()
    withdrawals.settle(made, RefundOutcome(status=ProviderStatus.FAILED))

    withdrawals.note_outcome_mailed([told])

    assert list(owed_outcomes()) == [OwedOutcome(fan.pk, "FAILED")]


def test_a_withdrawal_under_way_owes_no_mail(mail_server):
    withdrawals.take_once(told_fan_with(1_000).pk, 600, withdrawals.WithdrawalReason(key="w", hash="h"), None)

    assert send() == 0


def test_each_fan_and_each_ending_has_a_mail_of_its_own(mail_server):
    one, other = told_fan_with(1_000), told_fan_with(1_000)
    withdraw(one, 100)
    sandbox.close_card(TopUp.objects.get(user=one).reference)
    withdraw(one, 200, key="back")
    withdraw(other, 300)

    assert send() == 3
    assert sorted(mail_server.addressees()) == sorted([one.email, one.email, other.email])


def test_it_comes_in_the_fans_language(mail_server):
    withdraw(told_fan_with(1_000, locale="ko"), 600)

    send()

    (letter,) = mail_server.accepted
    assert letter["Subject"] == "카드로 600원 출금이 진행됩니다"


def test_the_mail_of_a_canceled_seat_says_what_goes_to_the_card(mail_server):
    fan = told_fan_with(50_000)
    (payment,) = buy(fan, make_sale(seats=1), 0)
    card_refunds.cancel(user_id=fan.pk, reservation_id=payment.reservation_id, refund_to=RefundTo.CARD, now=NOW)

    assert send() == 2

    canceled, withdrawn = mail_server.accepted
    assert canceled["Subject"].startswith("Canceled")
    assert all("of it on its way to your card" in body for body in texts(canceled))
    assert withdrawn["Subject"] == "₩50,000 is on its way to your card"


def test_one_that_is_refused_waits_and_holds_up_nobody(mail_server):
    gone, other = told_fan_with(1_000), told_fan_with(1_000)
    withdraw(gone, 100)
    withdraw(other, 100)
    mail_server.refusals[gone.email] = "550 no"

    assert send() == 1
    assert list(owed_outcomes()) == [OwedOutcome(gone.pk, "SUCCEEDED")]
