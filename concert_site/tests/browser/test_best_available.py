"""Best available on a phone."""

from playwright.sync_api import expect

from concert_site.tests.browser.journey import at_the_seats, inside
from concert_site.tests.browser.visitor import NARROWEST


def test_two_taps_on_a_phone_hold_a_pair(arrive, fan, make_show):
    visitor = inside(arrive, fan, make_show(name="A pair", seats=40), NARROWEST)
    at_the_seats(visitor)

    visitor.page.locator(".best-quantity", has_text="2").click()
    visitor.page.locator(".best-grade").first.click()

    expect(visitor.page.get_by_role("heading", name="Checkout")).to_be_visible()
    visitor.is_content()
