"""Paying by card on the pages: one step, without JavaScript, and every way in which it can end."""

import re

import pytest

from concert_site.accounts.models import User
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_written
from payments.domain import card_refunds
from payments.models import Payment, RefundTo
from payments.tests.pages import at_the_screen, let_lapse, notices, text_of
from payments.tests.scenes import pay
from reservations.tests.scenes import hold, in_order, make_sale, statuses
from wallet.domain import top_ups, withdrawals
from wallet.models import SandboxPayment, TopUp
from wallet.providers import provider_named, sandbox
from wallet.providers.base import ProviderAway, Started
from wallet.tests.factories import balance_of, make_charge, make_fan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_limits")]


class Scene:
    """A fan at the checkout who has ₩20,500 and holds seats for ₩50,000 each."""

    def __init__(self, *nth, balance=20_500, **fields):
        self.fan, self.sale = make_fan(balance=balance, **fields), make_sale()
        self.booking = hold(self.fan, self.sale, *(nth or (0,)), now=None)
        self.browser = at_the_screen(self.fan)
        self.checkout = f"/bookings/{self.booking.reference}/checkout/"

    def by_card(self):
        """Press the button; where it leads."""
        seats = in_order(self.booking)
        return self.browser.post(self.checkout, {"seat": seats, "pay_with": "card", "agree": "yes"})

    def begin(self):
        """Press it, and come to the provider's page."""
        self.provider = self.by_card()["Location"]
        self.top_up = TopUp.objects.get(purpose="BOOKING", state="PENDING")
        self.page = f"/wallet/top-ups/{self.top_up.reference}/"
        return self

    def choose(self, choice):
        return self.browser.post(self.provider, {"choice": choice}, follow=True)


def go_away(monkeypatch, *steps):
    def away(*_args, **_words):
        raise ProviderAway("timeout")

    for step in steps:
        monkeypatch.setattr(provider_named("sandbox"), step, away, raising=False)


# --- The way -----------------------------------------------------------------------------------


def test_one_press_leads_to_the_provider_and_paying_there_to_the_booking():
    scene = Scene(0, 1).begin()

    response = scene.choose("pay")

    assert scene.provider == f"/sandbox/{scene.top_up.reference}/"
    assert response.redirect_chain[-1][0] == f"/bookings/{scene.booking.reference}/"
    assert "You’re going!" in text_of(response)
    assert (balance_of(scene.fan), statuses(scene.sale), scene.top_up.amount) == (0, "RRAAAA", 79_500)
    assert broken_invariants() == {}


def test_the_checkout_says_that_it_is_under_way_and_until_when_the_seats_are_held():
    scene = Scene().begin()

    page = text_of(scene.browser.get(scene.checkout))

    assert "A payment of ₩29,500 by card is under way for these seats." in page
    assert f'action="{scene.page}give-up/"' in page
    assert "Your seats are held until" in page
    assert f'href="{scene.page}"' in page
    # The time to pay has become longer.
    assert 580 <= int(re.search(r'data-seconds-left="(\d+)"', page).group(1)) <= 600


def test_pressing_again_leads_to_the_same_payment():
    scene = Scene().begin()

    assert scene.by_card()["Location"] == scene.provider
    assert SandboxPayment.objects.count() == 1


def test_a_house_that_takes_no_cards_says_so(settings):
    settings.WALLET_PROVIDER = ""
    scene = Scene()

    page, sent = text_of(scene.browser.get(scene.checkout)), scene.by_card()

    assert "Card payments aren’t available here" in page
    assert "by card</button>" not in page
    assert sent["Location"] == scene.checkout
    assert not TopUp.objects.filter(purpose="BOOKING").exists()


def test_topped_up_in_another_tab_it_is_paid_from_the_wallet_at_once():
    scene = Scene()
    make_charge(scene.fan, amount=30_000)

    assert scene.by_card()["Location"] == f"/bookings/{scene.booking.reference}/"
    assert balance_of(scene.fan) == 500


def test_paid_from_the_wallet_the_card_has_nothing_left_to_do():
    scene = Scene().begin()
    make_charge(scene.fan, amount=30_000)

    scene.browser.post(scene.checkout, {"seat": in_order(scene.booking), "pay_with": "wallet", "agree": "yes"})

    scene.top_up.refresh_from_db()
    assert (scene.top_up.state, statuses(scene.sale)[0]) == ("FAILED", "R")
    assert SandboxPayment.objects.get(reference=scene.top_up.reference).failed_at


def test_another_sites_page_is_never_where_a_form_leads(monkeypatch):
    """The policy's form-action counts a form's redirects, too: browsers would refuse it."""
    elsewhere = Started(provider_reference="x", next_url="https://pay.example.com/c/1")
    monkeypatch.setattr(provider_named("sandbox"), "start", lambda _order: elsewhere, raising=False)
    scene = Scene().begin()

    page = scene.browser.get(scene.provider)

    assert scene.provider == f"{scene.page}pay/"
    assert '<meta http-equiv="refresh" content="0; url=https://pay.example.com/c/1">' in text_of(page)


# --- How it ends -------------------------------------------------------------------------------


def test_declined_it_says_why_and_leads_back_to_the_seats():
    scene = Scene().begin()

    response = scene.choose("decline")

    page = text_of(response)
    assert "Nothing was paid" in page
    assert "The card was declined." in page
    assert f'href="{scene.checkout}"' in page
    assert "Pay ₩29,500 by card" in text_of(scene.browser.get(scene.checkout))
    assert (balance_of(scene.fan), statuses(scene.sale)[0]) == (20_500, "T")


def test_after_a_decline_another_try_pays():
    scene = Scene().begin()
    scene.choose("decline")

    assert "You’re going!" in text_of(scene.begin().choose("pay"))


def test_while_the_provider_takes_its_time_the_page_waits_and_then_leads_on():
    scene = Scene().begin()

    waiting = text_of(scene.choose("delay"))
    SandboxPayment.objects.update(succeeds_at=SandboxPayment.objects.get().created_at)
    done = scene.browser.get(scene.page, follow=True)

    assert "Your payment is in progress" in waiting
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in waiting
    assert "Your seats are held until" in waiting
    assert done.redirect_chain[-1][0] == f"/bookings/{scene.booking.reference}/"


def test_vanished_it_is_found_by_asking():
    scene = Scene().begin()
    scene.choose("vanish")
    assert statuses(scene.sale)[0] == "T"

    top_ups.settle(scene.top_up, top_ups.look_up(scene.top_up))

    assert statuses(scene.sale)[0] == "R"
    assert scene.browser.get(scene.page)["Location"] == scene.checkout


def test_not_paying_this_way_ends_it_at_the_provider_and_keeps_the_seats():
    scene = Scene().begin()

    response = scene.browser.post(f"{scene.page}give-up/", follow=True)

    assert response.redirect_chain == [(scene.checkout, 302)]
    assert notices(response) == ["Payment canceled. Nothing was taken."]
    assert SandboxPayment.objects.get().failed_at
    assert (statuses(scene.sale)[0], "is in progress" in text_of(response)) == ("T", False)


def test_not_paying_this_way_what_is_paid_already_has_paid():
    scene = Scene().begin()
    sandbox.pay(scene.top_up.reference)

    response = scene.browser.post(f"{scene.page}give-up/", follow=True)

    assert response.redirect_chain[-1][0] == f"/bookings/{scene.booking.reference}/"


def test_what_the_provider_is_taking_already_is_not_called_ended():
    scene = Scene().begin()
    scene.choose("delay")

    response = scene.browser.post(f"{scene.page}give-up/", follow=True)

    assert notices(response) == ["The provider is already taking the money, so this payment can no longer be canceled."]
    assert "Your payment is in progress" in text_of(response)
    assert TopUp.objects.get(pk=scene.top_up.pk).next_look_at


def test_a_read_of_ending_it_ends_nothing():
    scene = Scene().begin()

    with nothing_written():
        assert scene.browser.get(f"{scene.page}give-up/")["Location"] == scene.page


def test_while_the_provider_is_away_it_can_be_tried_again_and_nothing_is_lost(monkeypatch):
    go_away(monkeypatch, "start", "look_up", "cancel")
    scene = Scene()
    address = scene.by_card()["Location"]

    page = text_of(scene.browser.get(address))
    not_ended = scene.browser.post(f"{address}give-up/", follow=True)
    monkeypatch.undo()
    again = scene.browser.post(f"{address}pay/")

    assert "The provider isn’t responding" in page
    assert notices(not_ended) == ["The provider isn’t responding, so this payment can’t be canceled yet."]
    assert again["Location"].startswith("/sandbox/")


# --- Too late ----------------------------------------------------------------------------------


def test_money_that_came_too_late_is_told_with_what_can_still_be_had():
    scene = Scene(0, 1).begin()
    let_lapse(scene.booking)
    make_charge(scene.fan, amount=1_000)

    page = text_of(scene.choose("pay"))
    lost = text_of(scene.browser.get(scene.checkout))

    assert "Your money is in your wallet" in page
    assert "₩79,500 arrived, but your seats couldn’t be booked" in page
    assert "Your payment of ₩79,500 arrived too late for these seats." in lost
    assert "which now has ₩101,000" in lost
    assert lost.count("still available") == 2


def test_of_money_that_came_too_late_no_more_is_told_than_is_still_there():
    scene = Scene(0, 1).begin()
    let_lapse(scene.booking)
    scene.choose("pay")
    withdrawals.withdraw(user_id=scene.fan.pk, amount=70_000, idempotency_key="a")

    assert "Your payment of ₩9,500 arrived too late" in text_of(scene.browser.get(scene.checkout))

    withdrawals.withdraw(user_id=scene.fan.pk, amount=9_500, idempotency_key="b")

    assert "arrived too late" not in text_of(scene.browser.get(scene.checkout))


def test_a_seat_that_somebody_else_took_is_told():
    scene = Scene().begin()
    let_lapse(scene.booking)
    hold(make_fan(), scene.sale, 0, now=None)

    scene.choose("pay")

    assert "taken" in text_of(scene.browser.get(scene.checkout))


def test_a_tab_that_returns_late_is_led_to_what_came_of_it():
    scene = Scene().begin()
    scene.choose("pay")

    with nothing_written():
        assert scene.browser.get(scene.page)["Location"] == scene.checkout
        assert scene.browser.get(scene.provider).status_code == 200


# --- Who ---------------------------------------------------------------------------------------


def test_who_was_logged_out_meanwhile_has_paid_all_the_same_and_comes_back():
    scene = Scene(password="front-row-2026").begin()
    sandbox.pay(scene.top_up.reference)

    nobody = at_the_screen()
    page = text_of(nobody.get(scene.page))

    assert statuses(scene.sale)[0] == "R"
    assert "Your payment has arrived" in page
    assert "29,500" not in page
    log_in = f"/accounts/login/?next=/wallet/top-ups/{scene.top_up.reference}/"
    assert f'href="{log_in}"' in page
    back = nobody.post(log_in, {"login": scene.fan.email, "password": "front-row-2026"}, follow=True)
    assert back.redirect_chain[-1][0] == f"/bookings/{scene.booking.reference}/"


def test_it_is_the_fans_alone_and_ending_it_and_its_receipt_want_a_login():
    scene, other, nobody = Scene().begin(), at_the_screen(make_fan()), at_the_screen()

    for way in ("", "give-up/", "receipt/"):
        assert other.get(f"{scene.page}{way}").status_code == 404
    for way in ("give-up/", "receipt/"):
        assert nobody.post(f"{scene.page}{way}")["Location"].startswith("/accounts/login/")


def test_an_unknown_reference_is_a_page():
    browser = at_the_screen(make_fan())

    for way in ("", "pay/", "receipt/", "give-up/"):
        assert browser.get(f"/wallet/top-ups/nothere/{way}").status_code == 404


def test_the_wallet_lists_what_is_under_way_with_a_way_to_go_on():
    scene = Scene().begin()

    page = text_of(scene.browser.get("/wallet/"))

    assert "In progress" in page
    assert f'href="{scene.page}"' in page
    scene.choose("pay")
    assert "In progress" not in text_of(scene.browser.get("/wallet/"))


# --- Receipts ----------------------------------------------------------------------------------


def test_the_receipt_says_what_came_from_where_and_adds_up_after_a_refund():
    scene = Scene(0, 1).begin()
    scene.choose("pay")
    first = Payment.objects.order_by("reservation_id").first()
    scene.browser.post(f"/reservations/{first.reservation_id}/cancel/", {f"fee-{first.reservation_id}": "0"})

    page = text_of(scene.browser.get(f"/bookings/{scene.booking.reference}/receipt/"))

    assert "By card (Sandbox 4242)" in page
    for words in ("₩79,500", "₩20,500", "−₩50,000", 'Amount paid</span><span class="money">₩50,000'):
        assert words in page, words
    assert f'href="{scene.page}receipt/"' in page


def test_what_went_on_to_the_card_stands_on_the_receipt():
    scene = Scene(0, 1).begin()
    scene.choose("pay")
    first = Payment.objects.order_by("reservation_id").first()
    card_refunds.cancel(user_id=scene.fan.pk, reservation_id=first.reservation_id, agreed=0, refund_to=RefundTo.CARD)

    page = text_of(scene.browser.get(f"/bookings/{scene.booking.reference}/receipt/"))

    assert re.search(r"of which to the card</dt><dd [^>]*>₩29,500", page)
    assert 'Amount paid</span><span class="money">₩50,000' in page


def test_the_receipt_of_a_top_up_says_what_was_received_and_with_what():
    scene = Scene().begin()
    scene.choose("pay")

    page = text_of(scene.browser.get(f"{scene.page}receipt/"))

    for words in ("₩29,500", "Sandbox 4242", scene.top_up.reference, "a booking"):
        assert words in page
    wallet = text_of(scene.browser.get("/wallet/"))
    assert f'href="{scene.page}receipt/"' in wallet
    assert f'href="/bookings/{scene.booking.reference}/receipt/"' in text_of(
        scene.browser.get(f"/bookings/{scene.booking.reference}/")
    )


def test_receipts_are_issued_to_the_name_if_there_is_one():
    scene = Scene().begin()
    scene.choose("pay")
    receipts = (f"{scene.page}receipt/", f"/bookings/{scene.booking.reference}/receipt/")

    def issued_to():
        return {re.search("Issued to</dt><dd>([^<]+)", text_of(scene.browser.get(each)))[1] for each in receipts}

    assert issued_to() == {scene.fan.email}
    User.objects.update(name="Ada Byron")
    assert issued_to() == {"Ada Byron"}


def test_before_anything_is_paid_there_is_no_receipt():
    scene = Scene().begin()

    assert scene.browser.get(f"{scene.page}receipt/")["Location"] == scene.page
    unpaid = scene.browser.get(f"/bookings/{scene.booking.reference}/receipt/")
    assert unpaid["Location"] == f"/bookings/{scene.booking.reference}/"


def test_a_card_that_paid_two_bookings_is_shared_so_that_their_receipts_add_up():
    from payments.domain import card_checkout
    from payments.queries.receipts import receipt_of
    from reservations.queries.booking_summaries import booking_summary

    fan, sale = make_fan(balance=70_000), make_sale()
    bookings = [hold(fan, sale, nth, now=None) for nth in (0, 1, 2)]
    pay(fan, *in_order(bookings[2]), now=None)
    ids = [pk for booking in bookings for pk in in_order(booking)]
    top_up = card_checkout.pay(user_id=fan.pk, reservation_ids=ids)
    sandbox.pay(top_up.reference)
    top_ups.settle(top_up, top_ups.look_up(top_up))

    found = [receipt_of(booking_summary(each.reference, user_id=fan.pk), user_id=fan.pk) for each in bookings]

    assert [(sum(part.amount for part in each.by_card), each.from_wallet) for each in found] == [
        (30_000, 20_000),
        (50_000, 0),
        (0, 50_000),
    ]
    assert top_up.amount == 80_000
