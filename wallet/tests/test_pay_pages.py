"""Our pages with a provider's fields, in a browser: what they say, what they may load, and that they take the money."""

import os
import re

import pytest
from django.test import Client
from playwright.sync_api import expect, sync_playwright

from concert_site.tests.browser.visitor import CHROMIUM, FAULTS, PHONE, QUIET
from wallet.domain import top_ups
from wallet.providers import provider_named
from wallet.tests import localstripe as emulator
from wallet.tests.factories import balance_of, make_fan

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM and not os.environ.get("CI"), reason="no Chromium"),
]


class Window:
    """A fan's phone; `wrong` is what went wrong in it."""

    def __init__(self, page):
        self.page = page
        self.wrong: list[str] = []
        page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))

    def button(self):
        return self.page.locator("[data-pay-button]")

    def faults(self):
        return self.page.evaluate(FAULTS)


@pytest.fixture
def fan():
    return make_fan()


@pytest.fixture(scope="module")
def browser():
    """One for all of these tests. Playwright has an event loop while it runs, and Django refuses its ORM to whoever has
    one, unless told that nobody else's work waits for it.
    """
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "on")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(live_server, settings, fan, browser):
    """Begin a top-up by a provider, and open its page on a phone; for use as long as the block."""
    settings.SITE_URL = live_server.url

    def begin(provider):
        settings.WALLET_PROVIDER = provider
        provider_named.cache_clear()
        return top_ups.start(top_ups.TopUpRequest(user_id=fan.pk, amount=66_000)).top_up

    yield lambda provider, **options: Opened(browser, live_server.url, fan, begin(provider), options)
    provider_named.cache_clear()


class Opened:
    """A window on the page of a top-up."""

    def __init__(self, browser, url, fan, top_up, options):
        self.browser, self.url, self.top_up, self.options = browser, url, top_up, options
        self.client = Client()
        self.client.force_login(fan)

    def __enter__(self):
        size = dict(zip(("width", "height"), PHONE, strict=True))
        self.context = self.browser.new_context(viewport=size, base_url=self.url, **self.options)
        self.context.add_cookies(
            [{"name": name, "value": each.value, "url": self.url} for name, each in self.client.cookies.items()]
        )
        window = Window(self.context.new_page())
        window.page.goto(f"/wallet/top-ups/{self.top_up.reference}/pay/")
        return window

    def __exit__(self, *raised):
        self.context.close()


@pytest.mark.parametrize(
    ("provider", "language", "scheme"),
    [
        ("stripe", "ko-KR", "dark"),
        ("toss", "en-GB", "light"),
    ],
)
def test_the_page_says_what_is_paid_until_when_and_by_whom(server, open_page, provider, language, scheme):
    with open_page(provider, locale=language, color_scheme=scheme) as window:
        expect(window.button()).to_be_enabled()
        said = window.page.locator("main").inner_text()
        faults = window.faults()
        if folder := os.environ.get("PICTURES"):
            window.page.screenshot(path=f"{folder}/{provider}-{language}-{scheme}.png", full_page=True)

    assert "66,000" in said
    assert re.search(r"\b(10:00|9:5\d)\b", said)
    assert {"stripe": "Stripe", "toss": "토스페이먼츠" if language == "ko-KR" else "Toss Payments"}[provider] in said
    assert (faults, window.wrong) == ([], [])


def test_stripes_fields_decline_a_card_and_take_another(server, open_page, fan):
    with open_page("stripe", color_scheme="dark") as window:
        number = window.page.get_by_label("Card number")
        assert number.get_attribute("data-theme") == "night"
        number.fill("4000000000000002")
        window.button().click()
        expect(window.page.get_by_role("alert")).to_have_text("Your card was declined.")
        expect(window.button()).to_have_text("Pay ₩66,000")

        number.fill("4242424242424242")
        window.button().click()
        window.page.wait_for_url("**/wallet/")

    assert (balance_of(fan), window.wrong) == (66_000, [])
    assert [line["amount"] for line in server.book()] == [66_000]


def test_tosss_widget_declines_a_card_and_takes_another(server, open_page, fan):
    with open_page("toss") as window:
        window.page.get_by_label("A card that fails").check()
        window.button().click()
        window.page.wait_for_url("**/pay/?code=*")
        expect(window.page.get_by_role("alert")).to_contain_text("That didn’t work")
        expect(window.button()).to_be_enabled()

        window.button().click()
        window.page.wait_for_url("**/wallet/")

    assert (balance_of(fan), window.wrong) == (66_000, [])
    assert [line["amount"] for line in server.book()] == [66_000]


def test_going_back_from_the_pay_page_cancels_the_payment(server, open_page, fan):
    opened = open_page("stripe")
    address = f"/wallet/top-ups/{opened.top_up.reference}/"
    assert f'action="{address}give-up/"' in opened.client.get(f"{address}pay/").content.decode()

    assert opened.client.post(f"{address}give-up/")["Location"] == "/wallet/"

    (intent,) = server.stripe.intents.values()
    server.stripe.pay(intent["id"])
    assert (intent["status"], balance_of(fan), server.book()) == ("canceled", 0, [])


def test_where_the_fields_cant_be_loaded_the_page_says_so(server, open_page, settings):
    settings.STRIPE_JS_URL = f"{server.url}/v1/nothing.js"
    with open_page("stripe") as window:
        expect(window.page.get_by_role("alert")).to_contain_text("didn’t load")
        expect(window.button()).to_be_hidden()


def test_with_localstripe_the_plain_card_field_pays(open_page, settings, fan):
    with emulator.localstripe() as running:
        for name, value in running.settings().items():
            setattr(settings, name, value)
        opened = open_page("stripe")
        # Its own script can confirm what a card was given to before, and only asks whether it is oneself.
        intent = opened.top_up.provider_reference
        running.pay(intent, emulator.ASKS_FIRST)
        with opened as window:
            window.page.get_by_placeholder("number").fill("4242424242424242")
            window.button().click()
            window.page.get_by_role("button", name="Complete authentication").click()
            window.page.wait_for_url("**/wallet/")

        assert (balance_of(fan), window.wrong) == (66_000, [])


@pytest.mark.parametrize("provider", ["stripe", "toss"])
def test_the_pay_page_alone_may_load_what_the_fields_need(server, open_page, settings, provider):
    opened = open_page(provider)
    page = opened.client.get(f"/wallet/top-ups/{opened.top_up.reference}/pay/")
    other = opened.client.get(f"/wallet/top-ups/{opened.top_up.reference}/")

    assert server.url in page["Content-Security-Policy"]
    assert "payment=*" in page["Permissions-Policy"]
    assert server.url not in other["Content-Security-Policy"]
    assert "payment=()" in other["Permissions-Policy"]
    for secret in (settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET, settings.TOSS_SECRET_KEY):
        assert secret not in page.content.decode()
