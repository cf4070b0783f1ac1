"""A fan books on a phone: from signing up to getting the money back, with JavaScript and without."""

import re

import pytest
from playwright.sync_api import expect

from concert_site.tests.browser.conftest import say
from concert_site.tests.browser.journey import (
    agree,
    at_the_checkout,
    at_the_seats,
    balance_of,
    by_card,
    come_in,
    hold,
    tick,
)
from concert_site.tests.browser.visitor import NARROWEST, PHONE

PRICE = 50_000
PHRASE = "correct-horse-7"


@pytest.fixture(scope="module")
def show(make_show):
    """A show with room for every test here."""
    return make_show(name="A night of songs", seats=120, price=PRICE)


def sign_up(visitor, up):
    """Make an account on the way to a booking. Here that takes a script's work: who has none has an account already."""
    visitor.click("Log in to book", role="link")
    if visitor.has_scripts:
        visitor.click("Create an account", role="link")
        visitor.page.locator("[name=email]").fill("songs@example.com")
        visitor.page.locator("[name=password1]").fill(PHRASE)
        visitor.is_content()
        visitor.page.get_by_role("button", name="Sign up").click()
    else:
        (fan,) = say(up, "make_fans", "1")
        visitor.page.locator("[name=login]").fill(fan["email"])
        visitor.page.locator("[name=password]").fill(fan["password"])
        visitor.is_content()
        visitor.click("Log in")
    expect(visitor.page.get_by_role("heading", name="A night of songs")).to_be_visible()


@pytest.mark.parametrize(
    ("size", "java_script"), [(PHONE, True), (NARROWEST, False)], ids=["JavaScript", "narrow, no JavaScript"]
)
def test_from_signing_up_to_the_refund(arrive, up, show, size, java_script):
    fan = arrive(size, java_script_enabled=java_script)
    fan.go("")
    fan.page.get_by_role("link", name="A night of songs").first.click()
    fan.is_content()
    sign_up(fan, up)
    fan.is_content()

    come_in(fan, show)
    at_the_seats(fan)
    fan.is_content()
    tick(fan, 2)
    fan.is_content()
    hold(fan)
    expect(fan.page.locator(".countdown").first).to_have_text(re.compile(r"^(4:\d\d|5:00)$"))
    fan.is_content()

    by_card(fan, "₩100,000")
    fan.is_content()
    fan.click("Pay ₩100,000")
    fan.sees("You’re going!")
    fan.is_content()

    fan.click("Show 2 tickets", role="link")
    expect(fan.page.locator("img.code")).to_have_count(2)
    for picture in fan.page.locator("img.code").all():
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    fan.is_content()

    fan.click("Booking", role="link")
    fan.page.get_by_role("link", name="Cancel, ₩50,000 back today").first.click()
    fan.is_content()
    fan.click("Cancel and get ₩50,000 back")
    fan.sees("Canceled. ₩50,000 went back to your wallet.")
    fan.is_content()
    assert balance_of(fan) == "₩50,000"
    fan.is_content()


def test_the_checkout_counts_down_gives_more_time_once_and_is_paid_once(arrive, fan, show):
    visitor = at_the_checkout(arrive, fan, show, count=2)
    clock = visitor.page.locator(".countdown").first
    expect(clock).not_to_have_text(clock.inner_text())

    visitor.page.get_by_role("button", name="Need more time?").click()

    visitor.sees("You’ve already had more time.")
    expect(clock).to_have_text(re.compile(r"^(9:\d\d|10:00)$"))
    visitor.is_content()

    agree(visitor)
    visitor.page.get_by_role("button", name="Pay ₩100,000").dblclick()
    visitor.sees("You’re going!")

    visitor.page.go_back()
    # A page out of the browser's memory may still have the button: it leads to what was paid.
    button = visitor.page.get_by_role("button", name="Pay ₩100,000")
    if button.is_visible():
        agree(visitor)
        button.click()
    visitor.sees("You’re going!")
    visitor.is_content()
    assert balance_of(visitor) == "₩400,000"
