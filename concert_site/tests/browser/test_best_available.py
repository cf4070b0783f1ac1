"""Best available on a phone, and without scripts; a seat left alone is told."""

import re

from playwright.sync_api import expect

from concert_site.tests.browser.journey import at_the_seats, box, inside
from concert_site.tests.browser.visitor import NARROWEST


def test_two_taps_on_a_phone_hold_a_pair(arrive, fan, make_show):
    visitor = inside(arrive, fan, make_show(name="A pair", seats=40), NARROWEST)
    at_the_seats(visitor)

    visitor.page.locator(".best-quantity", has_text="2").click()
    visitor.page.locator(".best-grade").first.click()

    expect(visitor.page.get_by_role("heading", name="Checkout")).to_be_visible()
    visitor.is_content()


def test_without_scripts_a_seat_left_alone_is_told_and_the_fan_moves_over(arrive, fan, make_show):
    show = make_show(name="A seat alone", seats=40)
    visitor = inside(arrive, fan, show, NARROWEST, java_script_enabled=False)
    visitor.page.locator(".section-link").first.click()

    box(visitor, show["seats"][1]).check()
    visitor.page.locator("#hold").click()

    expect(visitor.page.get_by_role("heading", name="A seat would be left alone")).to_be_visible()
    visitor.page.get_by_role("button", name=re.compile("^Move over:")).click()
    expect(visitor.page.get_by_role("heading", name="Checkout")).to_be_visible()
    visitor.is_content()
