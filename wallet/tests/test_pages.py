"""The wallet's page: topping up once, and the ledger in words."""

import pytest

from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.rate_limits import LIMITS
from concert_site.tests.unchanged import nothing_written
from payments.domain.card_refunds import refund_by_staff
from payments.tests.pages import at_the_screen, notices, text_of
from payments.tests.scenes import buy
from reservations.tests.scenes import make_sale
from wallet.domain import by_hand, ledger, top_ups
from wallet.models import LedgerKind, TopUp
from wallet.models.top_ups import AMOUNT_DIFFERS, BOOKED, GIVEN_BACK, GIVING_BACK
from wallet.tests.factories import balance_of, entries_of, make_fan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_limits")]


def top_up(fan, amount, *, key="key", **fields):
    """Send the form, and pay on the sandbox's page where that leads."""
    browser = at_the_screen(fan)
    sent = browser.post("/wallet/top-up/", {"amount": amount, "key": key, **fields}, follow=True)
    ends_at = sent.redirect_chain[-1][0] if sent.redirect_chain else ""
    return browser.post(ends_at, {"choice": "pay"}, follow=True) if ends_at.startswith("/sandbox/") else sent


def test_an_empty_wallet_says_so():
    page = text_of(at_the_screen(make_fan()).get("/wallet/"))

    assert "₩0" in page
    assert "No activity yet." in page


def test_topping_up_leads_to_the_wallet():
    fan = make_fan()

    response = top_up(fan, "100,000")

    assert response.redirect_chain[-1] == ("/wallet/", 302)
    assert notices(response) == ["₩100,000 was added to your wallet."]
    assert entries_of(fan) == [("CHARGE", 100_000, 100_000)]


def test_the_same_form_twice_credits_once():
    fan = make_fan()

    pages = [top_up(fan, "5000") for _ in range(2)]

    assert balance_of(fan) == 5_000
    assert [len(notices(page)) for page in pages] == [1, 0]


def test_another_amount_in_the_same_form_is_another_top_up():
    fan = make_fan()
    top_up(fan, "5000")

    top_up(fan, "7000")

    assert balance_of(fan) == 12_000


@pytest.mark.parametrize("key", ["", "a\0b"])
def test_any_text_will_do_as_a_key(key):
    fan = make_fan()

    assert top_up(fan, "5000", key=key).status_code == 200
    assert balance_of(fan) == 5_000


@pytest.mark.parametrize("typed", ["", "0", "100000001", "<b>", "5\0"])
def test_a_senseless_amount_is_refused_at_the_field(typed):
    fan = make_fan()

    with nothing_written():
        response = top_up(fan, typed)

    page = text_of(response)
    assert response.status_code == 400
    assert 'aria-invalid="true"' in page
    assert 'class="errorlist"' in page
    assert "<b>" not in page


def test_more_than_a_wallet_holds_is_said_at_the_field():
    fan = make_fan(balance=ledger.LARGEST_BALANCE - 5)

    response = top_up(fan, "6")

    assert response.status_code == 409
    assert "more than a wallet can hold" in text_of(response)


@pytest.mark.parametrize("wanted", ["//evil.example/", "evil"])
def test_top_up_redirects_to_no_other_site(wanted):
    assert top_up(make_fan(), "5", next=wanted).redirect_chain[-1] == ("/wallet/", 302)


def test_a_way_back_that_is_longer_than_any_of_ours_leads_to_the_wallet():
    assert top_up(make_fan(), "5", next="/" + "x" * 500).redirect_chain[-1] == ("/wallet/", 302)


def test_a_refused_amount_keeps_the_way_back():
    page = text_of(top_up(make_fan(), "x", next="/bookings/ABC/checkout/"))

    assert 'name="next" value="/bookings/ABC/checkout/"' in page
    assert 'value="x"' in page


def test_the_trial_says_that_no_real_money_moves():
    assert "no real money moves" in text_of(at_the_screen(make_fan()).get("/wallet/"))


def test_without_a_provider_there_is_no_form(settings):
    settings.WALLET_PROVIDER = ""
    fan = make_fan(balance=5)

    read, sent = at_the_screen(fan).get("/wallet/"), top_up(fan, "5")

    for response in (read, sent):
        assert "Top-ups aren’t available here" in text_of(response)
        assert 'name="amount"' not in text_of(response)
    assert balance_of(fan) == 5


def test_the_ledger_says_in_words_what_each_entry_was_for():
    fan, sale = make_fan(balance=80_000), make_sale()
    (payment,) = buy(fan, sale, 0)
    refund_by_staff(reservation_id=payment.reservation_id, actor_id=make_staff().pk, note="Rained off", fee=1_000)
    ledger.adjust(user_id=fan.pk, amount=-500, note="Cloakroom", actor_id=make_staff().pk, idempotency_key="k")

    page = text_of(at_the_screen(fan).get("/wallet/"))

    for words in ("+₩80,000", "−₩50,000", "+₩49,000", "−₩500", "Rained off", "Cloakroom", "₩78,500"):
        assert words in page
    for words in (
        "Top-up",
        "Payment",
        "Refund",
        "Adjustment",
        payment.reservation.concert_name,
        "A, row 1, seat A-1-1",
    ):
        assert words in page
    assert f'href="/bookings/{payment.reservation.booking_reference}/"' in page


def test_wallet_page_takes_the_same_queries_for_one_entry_and_for_many(django_assert_num_queries):
    for seats in ((0,), (0, 1, 2)):
        fan = make_fan(balance=200_000)
        buy(fan, make_sale(), *seats)
        browser = at_the_screen(fan)
        # The session, the user, the balance, the ledger, and what is under way.
        with django_assert_num_queries(8):  # what can be withdrawn takes two, and what is held one
            browser.get("/wallet/")


def test_a_long_ledger_has_pages():
    fan = make_fan()
    for _ in range(30):
        ledger.book(user_id=fan.pk, kind=LedgerKind.CHARGE, amount=1)

    first = at_the_screen(fan).get("/wallet/")
    second = at_the_screen(fan).get(f"/wallet/?before={first.context['older']}")

    assert [len(page.context["entries"]) for page in (first, second)] == [25, 5]
    assert second.context["older"] is None
    assert not {e.pk for e in first.context["entries"]} & {e.pk for e in second.context["entries"]}


def test_no_such_page_is_never_a_500():
    browser = at_the_screen(make_fan(balance=5))

    for before in ("x", "-1", "9" * 30, "", "²", "a\0"):
        assert browser.get("/wallet/", {"before": before}).status_code == 200


def test_a_wallet_is_the_fans_alone():
    make_fan(balance=77_777)

    assert at_the_screen().get("/wallet/")["Location"] == "/accounts/login/?next=/wallet/"
    assert "77,777" not in text_of(at_the_screen(make_fan()).get("/wallet/"))


def test_reading_the_address_of_the_form_leads_to_the_wallet():
    assert at_the_screen(make_fan()).get("/wallet/top-up/")["Location"] == "/wallet/"


def test_too_many_top_ups_are_slowed_down(settings, monkeypatch):
    settings.THROTTLE = True
    monkeypatch.setitem(LIMITS, "charge", 1)
    fan = make_fan()

    # Three within two windows of a minute, even if one ends meanwhile.
    statuses = [top_up(fan, "5", key=str(nth)).status_code for nth in range(3)]

    assert 429 in statuses


@pytest.mark.parametrize(
    ("step", "told"),
    [(BOOKED, "Your money is in your wallet"), (GIVEN_BACK, "It goes back the way it was paid.")],
)
def test_what_staff_did_with_a_payment_is_not_told_as_one_that_never_was(step, told):
    fan = make_fan()
    begun = top_ups.start(top_ups.TopUpRequest(user_id=fan.pk, amount=500)).top_up
    TopUp.objects.filter(pk=begun.pk).update(failure=AMOUNT_DIFFERS)
    by_hand.close(begun, {AMOUNT_DIFFERS}, step, None)

    for browser in (at_the_screen(fan), at_the_screen()):
        page = text_of(browser.get(f"/wallet/top-ups/{begun.reference}/"))

        assert "Nothing was paid" not in page
        assert "No money moved" not in page
    assert told in text_of(at_the_screen(fan).get(f"/wallet/top-ups/{begun.reference}/"))


def test_money_that_came_for_an_expired_top_up_and_differs_is_never_told_as_nothing_paid():
    fan = make_fan()
    begun = top_ups.start(top_ups.TopUpRequest(user_id=fan.pk, amount=500)).top_up
    TopUp.objects.filter(pk=begun.pk).update(state="EXPIRED", failure=AMOUNT_DIFFERS)

    for browser in (at_the_screen(fan), at_the_screen()):
        assert "We’re checking this payment" in text_of(browser.get(f"/wallet/top-ups/{begun.reference}/"))


def test_what_is_going_back_is_being_looked_into():
    fan = make_fan()
    begun = top_ups.start(top_ups.TopUpRequest(user_id=fan.pk, amount=500)).top_up
    TopUp.objects.filter(pk=begun.pk).update(failure=AMOUNT_DIFFERS)
    by_hand.close(begun, {AMOUNT_DIFFERS}, GIVING_BACK, None)

    assert "We’re checking this payment" in text_of(at_the_screen(fan).get(f"/wallet/top-ups/{begun.reference}/"))
