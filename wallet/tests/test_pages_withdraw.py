"""Withdrawing on a page: what can go where, a second look, and what became of it in words."""

import pytest

from concert_site.lib.rate_limits import LIMITS
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_written
from payments.tests.pages import at_the_screen, notices, text_of
from wallet.models import TopUp, Withdrawal
from wallet.providers import provider_named, sandbox
from wallet.providers.base import ProviderAway
from wallet.tests.card_provider import Card
from wallet.tests.factories import balance_of, entries_of, fan_with, make_fan

PAGE = "/wallet/withdraw/"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_limits")]


def send(fan, amount, key="key"):
    return at_the_screen(fan).post(PAGE, {"amount": amount, "key": key}, follow=True)


def test_the_withdrawal_page_says_how_much_can_go_to_which_card():
    page = text_of(at_the_screen(fan_with(10_000, 20_000, gift=5_000)).get(PAGE))

    for words in ("₩35,000", "₩30,000", "Sandbox 4242", "₩20,000", "₩10,000"):
        assert words in page


def test_the_wallet_leads_there_where_there_is_something():
    assert f'href="{PAGE}"' in text_of(at_the_screen(fan_with(1_000)).get("/wallet/"))
    assert f'href="{PAGE}"' not in text_of(at_the_screen(make_fan()).get("/wallet/"))


def test_the_wallet_does_not_lead_there_with_what_came_otherwise():
    assert f'href="{PAGE}"' not in text_of(at_the_screen(fan_with(gift=5_000)).get("/wallet/"))


def test_with_an_amount_it_asks_first_and_changes_nothing():
    fan = fan_with(10_000, 20_000)

    with nothing_written():
        response = at_the_screen(fan).get(PAGE, {"amount": "25,000"})

    page = text_of(response)
    assert "Withdraw ₩25,000?" in page
    assert [part for _top_up, part in response.context["ways"]] == [20_000, 5_000]
    assert 'name="amount" value="25000"' in page
    assert "₩5,000" in page


def test_it_is_sent_once_a_form_and_stands_in_list_and_ledger():
    fan = fan_with(10_000)

    first, again = send(fan, "4000"), send(fan, "4000")

    assert first.redirect_chain == [(PAGE, 302)]
    assert notices(first) == ["₩4,000 is on its way to your card."]
    assert entries_of(fan) == [("CHARGE", 10_000, 10_000), ("WITHDRAWAL", -4_000, 6_000)]
    assert "Sent to your card" in text_of(again)
    ledger = text_of(at_the_screen(fan).get("/wallet/"))
    assert "Withdrawal" in ledger
    assert "Sent to your card" in ledger
    assert broken_invariants() == {}


def test_another_amount_in_the_same_form_is_another_withdrawal():
    fan = fan_with(10_000)

    send(fan, "4000")
    send(fan, "3000")

    assert balance_of(fan) == 3_000


def test_a_closed_card_says_that_it_is_back():
    fan = fan_with(10_000)
    sandbox.close_card(TopUp.objects.get(user=fan).reference)

    response = send(fan, "4000")

    assert notices(response) == ["Your card is closed, so ₩4,000 went back to your wallet."]
    assert "Card closed: back in your wallet" in text_of(response)
    assert text_of(at_the_screen(fan).get("/wallet/")).count("Card closed: back in your wallet") == 2
    assert balance_of(fan) == 10_000


def test_while_the_provider_is_away_it_is_on_its_way(settings):
    settings.WALLET_PROVIDER = Card.name
    provider_named.cache_clear()
    fan = fan_with(10_000)
    provider_named(Card.name).fails_with = ProviderAway("timeout")

    assert "On its way to your card" in text_of(send(fan, "4000"))
    provider_named.cache_clear()


@pytest.mark.parametrize(
    ("method", "amount", "status", "words"),
    [
        ("get", "x", 400, "Enter an amount in digits"),
        ("post", "0", 400, "Enter an amount between"),
        ("get", "10001", 409, "You can withdraw ₩10,000"),
        ("post", "10001", 409, "You can withdraw ₩10,000"),
        ("post", "15001", 409, "That’s more than your wallet has."),
    ],
)
def test_a_withdrawal_that_is_refused_is_said_at_its_field(method, amount, status, words):
    fan = fan_with(10_000, gift=5_000)

    with nothing_written():
        response = getattr(at_the_screen(fan), method)(PAGE, {"amount": amount, "key": "k"})

    assert response.status_code == status
    assert words in text_of(response)


def test_a_gift_alone_can_go_nowhere():
    page = text_of(at_the_screen(make_fan(balance=5_000)).get(PAGE))

    assert "nothing can go back to one" in page
    assert 'name="amount"' not in page


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_a_provider_it_is_not_offered(settings, method):
    fan = fan_with(10_000)
    settings.WALLET_PROVIDER = ""

    with nothing_written():
        response = getattr(at_the_screen(fan), method)(PAGE, {"amount": "5", "key": "k"})

    assert response.status_code == 409
    assert f'href="{PAGE}"' not in text_of(at_the_screen(fan).get("/wallet/"))


def test_who_has_not_shown_their_address_is_led_to_do_so(settings):
    settings.VERIFY_ADDRESSES = True
    fan = fan_with(10_000)

    with nothing_written():
        response = at_the_screen(fan).post(PAGE, {"amount": "5", "key": "k"})

    assert response["Location"].startswith("/accounts/email/code/?next=")


def test_it_is_the_fans_alone():
    fan, other = fan_with(10_000), make_fan()
    send(fan, "4000")

    assert at_the_screen().get(PAGE)["Location"].startswith("/accounts/login/")
    assert "4,000" not in text_of(at_the_screen(other).get(PAGE))


def test_too_many_withdrawals_are_throttled(settings, monkeypatch):
    settings.THROTTLE = True
    monkeypatch.setitem(LIMITS, "withdraw", 1)
    fan = fan_with(10_000)

    assert 429 in [send(fan, "5", key=str(nth)).status_code for nth in range(3)]
    assert Withdrawal.objects.count() < 3


def test_a_card_is_closed_on_the_sandboxs_page():
    fan = fan_with(10_000)
    top_up = TopUp.objects.get(user=fan)
    browser = at_the_screen(fan)
    assert "Close the card" in text_of(browser.get(f"/sandbox/{top_up.reference}/"))

    response = browser.post(f"/sandbox/{top_up.reference}/", {"choice": "close_card"}, follow=True)

    assert "The card is closed" in text_of(response)
    assert "back in your wallet" in text_of(send(fan, "5"))
