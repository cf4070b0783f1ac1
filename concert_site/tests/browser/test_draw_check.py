"""A place that was drawn by lot: it is exchanged under its reader, and worked out again in the fan's own browser."""

import re
import subprocess

from playwright.sync_api import expect

from concert_site.tests.browser.journey import LOBBY_SECONDS, join, known
from concert_site.tests.browser.test_waiting import give_up, is_next

LIST = re.compile(r"/api/v1/schedules/\d+/draw/$")


def in_the_line(arrive, fans, make_show):
    """Three fans who entered the waiting room and were drawn by lot, by their numbers."""
    drawn = [next(fans) for _ in range(3)]
    visitors = [known(arrive, fan) for fan in drawn]
    show = make_show(name="A draw to be checked", seats=10, opens_in=LOBBY_SECONDS, max_active=1)
    for fan, visitor in zip(drawn, visitors, strict=True):
        join(visitor, fan, show)
        visitor.go(f"schedules/{show['schedule']}/queue/")
        expect(visitor.page.get_by_role("heading", name="You’re in the waiting room")).to_be_visible()
    visitors[0].is_content()
    for visitor in visitors:
        expect(visitor.page.locator("#check, #hall")).to_have_count(1, timeout=60_000)
    return [
        next((each for each in visitors if each.page.locator(f"#line[data-number='{number}']").count()), None)
        for number in (1, 2, 3)
    ]


def printed_by_shell(visitor):
    """What the line of shell prints that the page shows."""
    shown = visitor.page.locator("#check-shell").inner_text()
    done = subprocess.run(["bash", "-c", shown], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout


def swapped(route):
    """The list with its first two numbers exchanged."""
    seed, first, second, *others = route.fetch().text().splitlines(keepends=True)
    first, second = f"1,{second.partition(',')[2]}", f"2,{first.partition(',')[2]}"
    route.fulfill(body="".join([seed, first, second, *others]), content_type="text/plain")


def check(page):
    page.get_by_role("button", name="Check my number").click()


def test_a_place_is_exchanged_under_its_reader_and_its_number_checked(arrive, fans, make_show):
    _, middle, last = in_the_line(arrive, fans, make_show)
    last.page.locator("#check-summary").click()
    last.is_content()
    assert printed_by_shell(last).startswith("3,")

    give_up(middle)

    # Focus and what is unfolded survive.
    is_next(last.page)
    expect(last.page.locator("#check")).to_have_attribute("open", "")
    assert last.page.evaluate("document.activeElement.id") == "check-summary"
    last.is_content()
    with last.page.context.expect_page() as opened:
        last.page.get_by_role("link", name="Check it in the browser").click()
    is_genuine_until_it_is_changed(opened.value)
    last.is_content()


def is_genuine_until_it_is_changed(page):
    """Insist that the number follows from what was promised, and that a changed list is found out."""
    check(page)
    expect(page.get_by_role("heading", name="Your number is genuine")).to_be_visible()
    expect(page.get_by_text("whose fingerprint this device saw before the draw, on")).to_be_visible()
    assert page.locator("#draw-steps li:visible").count() == 5
    page.route(LIST, swapped)
    check(page)
    expect(page.get_by_role("heading", name="Something does not add up")).to_be_visible()
    expect(page.get_by_text("The list does not fit its fingerprint")).to_be_visible()
    expect(page.get_by_text("The numbers do not follow from the seed.")).to_be_visible()
