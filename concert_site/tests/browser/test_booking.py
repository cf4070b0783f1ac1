"""A fan books on a phone: from signing up to getting the money back, with JavaScript and without."""

import re

import pytest
from playwright.sync_api import expect

from concert_site.tests.browser.journey import (
    agree,
    at_the_checkout,
    at_the_seats,
    balance_of,
    by_card,
    come_in,
    hold,
    pay,
    tick,
    walk,
)
from concert_site.tests.browser.visitor import NARROWEST, PHONE

PRICE = 50_000
PHRASE = "correct-horse-7"


@pytest.fixture(scope="module")
def show(make_show):
    """A show with room for every test here."""
    return make_show(name="A night of songs", seats=120, price=PRICE)


def sign_up(visitor, email):
    """Make an account on the way to a booking, and come back to the concert."""
    visitor.click("Log in to book", role="link")
    visitor.click("Create an account", role="link")
    visitor.page.locator("[name=email]").fill(email)
    visitor.page.locator("[name=password1]").fill(PHRASE)
    visitor.is_content()
    visitor.click("Sign up")
    expect(visitor.page.get_by_role("heading", name="A night of songs")).to_be_visible()


@pytest.mark.parametrize(
    ("size", "java_script"), [(PHONE, True), (NARROWEST, False)], ids=["JavaScript", "narrow, no JavaScript"]
)
def test_from_signing_up_to_the_refund(arrive, show, size, java_script):
    fan = arrive(size, java_script_enabled=java_script)
    fan.go("")
    fan.page.get_by_role("link", name="A night of songs").first.click()
    fan.is_content()
    sign_up(fan, f"songs-{java_script}@example.com")
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


def test_pages_of_a_booking_are_sound_in_korean_on_the_narrowest_phone(arrive, fan, show):
    visitor = at_the_checkout(arrive, fan, show, count=2)
    reference = visitor.page.url.split("/bookings/")[1].split("/")[0]
    korean = arrive(NARROWEST, locale="ko-KR", storage_state=visitor.page.context.storage_state())

    faults = walk(korean, [f"schedules/{show['schedule']}/seats/", f"bookings/{reference}/checkout/"])
    pay(visitor, "₩100,000")
    ways = ("", "tickets/", "cancel/")
    faults += walk(korean, ["bookings/", "wallet/", *(f"bookings/{reference}/{way}" for way in ways)])

    assert korean.page.locator("html").get_attribute("lang") == "ko"
    assert faults == []


def test_a_double_click_pays_once(arrive, fan, show):
    visitor = at_the_checkout(arrive, fan, show, count=2)

    agree(visitor)
    visitor.page.get_by_role("button", name="Pay ₩100,000").dblclick()

    visitor.sees("You’re going!")
    assert balance_of(visitor) == "₩400,000"


def test_back_after_paying_never_pays_again(arrive, fan, show):
    visitor = at_the_checkout(arrive, fan, show)
    pay(visitor, "₩50,000")

    visitor.page.go_back()
    # A page out of the browser's memory may still have the button: it leads to what was paid.
    button = visitor.page.get_by_role("button", name="Pay ₩50,000")
    if button.is_visible():
        agree(visitor)
        button.click()

    visitor.sees("You’re going!")
    visitor.is_content()
    assert balance_of(visitor) == "₩450,000"


def test_the_checkout_counts_down_and_more_time_is_given_once(arrive, fan, show):
    visitor = at_the_checkout(arrive, fan, show)
    clock = visitor.page.locator(".countdown").first
    expect(clock).not_to_have_text(clock.inner_text())

    visitor.page.get_by_role("button", name="Need more time?").click()

    visitor.sees("You’ve already had more time.")
    expect(clock).to_have_text(re.compile(r"^(9:\d\d|10:00)$"))
    visitor.is_content()
