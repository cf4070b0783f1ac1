"""The draw worked out again in the fan's own browser: of a real draw, and of a list that was tampered with."""

import re

from playwright.sync_api import expect

from concert_site.tests.browser.journey import LOBBY_SECONDS, known

LIST = re.compile(r"/api/v1/schedules/\d+/draw/$")


def in_the_line(arrive, fans, make_show):
    """A fan who was drawn by lot and waits, with others before or behind them."""
    waiting = [known(arrive, next(fans)) for _ in range(3)]
    show = make_show(name="A draw to be checked", seats=10, opens_in=LOBBY_SECONDS, max_active=1)
    for visitor in waiting:
        visitor.go(f"schedules/{show['schedule']}/queue/")
        visitor.page.get_by_role("button", name="Enter the waiting room").click()
        expect(visitor.page.get_by_role("heading", name="You’re in the waiting room")).to_be_visible()
    last = waiting[-1]
    number = last.page.locator("#line[data-number]")
    seats = last.page.get_by_role("heading", name="Choose your seats")
    expect(number.or_(seats)).to_be_visible(timeout=60_000)
    if seats.is_visible():
        # Of three who drew, this one came first: another waits.
        last = waiting[0]
        expect(last.page.locator("#line[data-number]")).to_be_visible(timeout=60_000)
    return last


def swapped(route):
    """The list with its first two numbers exchanged."""
    seed, first, second, *others = route.fetch().text().splitlines(keepends=True)
    first, second = f"1,{second.partition(',')[2]}", f"2,{first.partition(',')[2]}"
    route.fulfill(body="".join([seed, first, second, *others]), content_type="text/plain")


def check(page):
    page.get_by_role("button", name="Check my number").click()


def test_a_number_is_checked_against_what_was_promised_and_a_changed_list_is_found_out(arrive, fans, make_show):
    visitor = in_the_line(arrive, fans, make_show)
    visitor.page.locator("#check-summary").click()
    with visitor.page.context.expect_page() as opened:
        visitor.page.get_by_role("link", name="Check it in the browser").click()
    page = opened.value

    check(page)

    expect(page.get_by_role("heading", name="Your number is genuine")).to_be_visible()
    expect(page.get_by_text("whose fingerprint this device saw before the draw, on")).to_be_visible()
    assert page.locator("#draw-steps li:visible").count() == 5
    page.route(LIST, swapped)
    check(page)
    expect(page.get_by_role("heading", name="Something does not add up")).to_be_visible()
    expect(page.get_by_text("The list does not fit its fingerprint")).to_be_visible()
    expect(page.get_by_text("The numbers do not follow from the seed.")).to_be_visible()
    visitor.is_content()
