"""Mails of money that came: once each, saying why it stays in the wallet; a booking's own says how it was paid."""

import pytest

from payments.domain import card_checkout, mail_sending
from payments.models import Payment
from payments.queries.mails import OwedReceipt, owed_receipts
from payments.tests.pages import let_lapse
from reservations.tests.scenes import hold, in_order, make_sale
from wallet.domain import top_ups
from wallet.models import TopUp
from wallet.providers import sandbox
from wallet.tests.factories import make_charge, make_fan

pytestmark = pytest.mark.django_db


def send():
    return mail_sending.send_owed()


def texts(letter):
    """The mail's text and its HTML."""
    return [letter.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("plain", "html")]


def paid_by_card(fan, booking):
    """The top-up of a booking that was paid at the provider."""
    top_up = card_checkout.pay(user_id=fan.pk, reservation_ids=in_order(booking))
    sandbox.pay(top_up.reference)
    return lambda: top_ups.settle(top_up, top_ups.look_up(top_up))


def test_a_top_up_is_mailed_once(mail_server):
    fan = make_fan(email="fan@example.com", name="Ada")
    make_charge(fan, amount=30_000)
    top_up = TopUp.objects.get()

    assert [send(), send()] == [1, 0]

    (letter,) = mail_server.accepted
    assert (letter["To"], letter["Subject"]) == ("fan@example.com", "Receipt: ₩30,000 for your wallet")
    assert letter["Message-ID"].startswith(f"<receipt.{top_up.reference}@")
    for body in texts(letter):
        for words in ("Hello Ada,", "₩30,000", "Sandbox 4242", f"/wallet/top-ups/{top_up.reference}/receipt/"):
            assert words in body


def test_money_that_was_kept_is_mailed_with_the_reason(mail_server):
    fan, sale = make_fan(balance=20_500), make_sale()
    booking = hold(fan, sale, 0, now=None)
    settle = paid_by_card(fan, booking)
    let_lapse(booking)
    settle()

    assert send() == 1

    (letter,) = mail_server.accepted
    assert letter["Subject"] == "Your payment of ₩29,500 is in your wallet"
    for body in texts(letter):
        assert "your seats couldn’t be booked" in body
        assert "Your money is safe in your wallet" in body
        assert "₩50,000" in body


def test_money_that_paid_a_booking_is_told_by_the_bookings_mail(mail_server):
    fan, sale = make_fan(balance=20_500), make_sale()
    paid_by_card(fan, hold(fan, sale, 0, 1, now=None))()

    assert list(owed_receipts()) == []
    assert send() == 1

    (letter,) = mail_server.accepted
    assert letter["Subject"].startswith("Your tickets: ")
    for body in texts(letter):
        assert "By card (Sandbox 4242)" in body
        for words in ("₩79,500", "From the wallet", "₩20,500", "₩100,000"):
            assert words in body


def test_from_the_wallet_alone_the_bookings_mail_says_so(mail_server):
    fan, sale = make_fan(balance=50_000), make_sale()
    card_checkout.pay(user_id=fan.pk, reservation_ids=in_order(hold(fan, sale, 0, now=None)))

    send()

    (letter,) = mail_server.accepted
    assert all("From the wallet" in body and "By card" not in body for body in texts(letter))


def test_it_comes_in_the_fans_language(mail_server):
    make_charge(make_fan(locale="ko"), amount=30_000)

    send()

    (letter,) = mail_server.accepted
    assert letter["Subject"] == "예치금 충전 영수증: 30,000원"
    assert "예치금" in texts(letter)[0]


def test_one_that_is_refused_waits_and_holds_up_nobody(mail_server):
    gone, other = make_fan(), make_fan()
    make_charge(gone)
    make_charge(other)
    mail_server.refusals[gone.email] = "550 no"

    assert send() == 1
    assert mail_server.addressees() == [other.email]
    assert list(owed_receipts()) == [OwedReceipt(TopUp.objects.get(user=gone).pk)]


def test_what_is_open_or_failed_owes_none(mail_server):
    fan, sale = make_fan(balance=20_500), make_sale()
    begun = card_checkout.pay(user_id=fan.pk, reservation_ids=in_order(hold(fan, sale, 0, now=None)))

    assert send() == 0
    top_ups.abandon(begun)
    assert (send(), Payment.objects.count()) == (0, 0)
