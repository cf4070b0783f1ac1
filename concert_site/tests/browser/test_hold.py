"""What is held follows its fan: through a lost session, in Korean, and as a ticket beyond the network."""

import pytest
from playwright.sync_api import expect

from concert_site.tests.browser.journey import agree, box, buy, chosen, hold, inside, known, reserve, tick, walk
from concert_site.tests.browser.visitor import NARROWEST, PHONE

KEPT = "caches.has('frontrow-tickets-1')"


@pytest.fixture(scope="module")
def show(make_show):
    """A show with room for every test here."""
    return make_show(name="An evening offline", seats=120, price=50_000)


def lose_the_network(visitor, *, is_lost=True):
    """Take the network from a window, or give it back. What it complains of meanwhile is what was wanted."""
    visitor.page.context.set_offline(is_lost)
    visitor.complaints[:] = [each for each in visitor.complaints if "ERR_INTERNET_DISCONNECTED" not in each]


def test_a_ticket_opens_without_a_network_and_is_forgotten_with_the_login(arrive, fan, make_show):
    visitor = known(arrive, fan)
    visitor.go(buy(visitor, fan, make_show(seats=1, price=50_000), count=1))
    # The booking has its tickets kept before anybody looks at them.
    visitor.sees("The tickets are kept on this device")
    tickets = visitor.page.get_by_role("link", name="Show the ticket").get_attribute("href").strip("/") + "/"

    lose_the_network(visitor)
    visitor.go(tickets)
    expect(visitor.page.locator("img.code")).to_have_count(1)
    visitor.sees("Kept on this device")
    visitor.go("wallet/")
    visitor.sees("There is no connection")
    visitor.page.locator("#kept-tickets a").click()
    expect(visitor.page.locator("img.code")).to_have_count(1)

    # The page for no network goes on by itself once there is one again.
    visitor.go("wallet/")
    visitor.sees("There is no connection")
    lose_the_network(visitor, is_lost=False)
    expect(visitor.page.locator(".balance")).to_be_visible()
    visitor.go("accounts/logout/")
    visitor.page.locator("main form button").first.click()
    visitor.page.wait_for_url(visitor.address)
    assert visitor.page.evaluate(KEPT) is False
    lose_the_network(visitor)
    visitor.go(tickets)
    visitor.sees("None. Tickets are kept here")
    lose_the_network(visitor, is_lost=False)


def test_who_loses_the_session_at_the_hold_finds_the_choice_again(arrive, fan, show):
    visitor = inside(arrive, fan, show)
    (seat,) = tick(visitor, 1)
    visitor.page.context.clear_cookies(name="sessionid")

    visitor.page.locator("#hold").click()

    visitor.sees("You were logged out, so nothing was done and no money moved.")
    visitor.page.locator("[name=login]").fill(fan["email"])
    visitor.page.locator("[name=password]").fill(fan["password"])
    visitor.page.locator("[name=password]").press("Enter")
    expect(box(visitor, seat)).to_be_checked()
    expect(chosen(visitor)).to_have_count(1)
    hold(visitor)


def sound_on_the_narrowest(visitor, *paths):
    """Insist that nothing is wrong with these pages on the narrowest phone; back on the wider one."""
    phone = visitor.page.viewport_size
    visitor.page.set_viewport_size(dict(zip(("width", "height"), NARROWEST, strict=True)))
    assert walk(visitor, paths) == []
    visitor.page.set_viewport_size(phone)


def test_in_korean_what_is_held_is_seen_and_paid_from_everywhere(arrive, fan, show):
    visitor = inside(arrive, fan, show, size=PHONE, locale="ko-KR")
    assert visitor.page.locator("html").get_attribute("lang") == "ko"
    sound_on_the_narrowest(visitor, f"schedules/{show['schedule']}/seats/")
    visitor.go(f"schedules/{show['schedule']}/seats/?view=list")
    visitor.page.locator(".section-link").first.click()
    visitor.page.locator("input[name=seats]").first.check()
    visitor.page.locator("#hold").click()
    expect(visitor.page.locator("#pay-form")).to_be_visible()
    checkout = visitor.page.url.removeprefix(visitor.address)
    sound_on_the_narrowest(visitor, checkout)
    visitor.go("")
    visitor.sees("1석 결제 대기")
    expect(visitor.page.locator(".countdown:visible")).to_have_count(1)
    visitor.is_content()

    visitor.page.locator("#hold-bar .button").click()
    # In reach without scrolling, on a phone.
    expect(visitor.page.locator("#pay-form button")).to_be_in_viewport()
    visitor.is_content()
    agree(visitor)
    visitor.page.locator("#pay-form button").click()
    visitor.page.wait_for_url("**/bookings/*/")
    visitor.is_content()
    booking = visitor.page.url.removeprefix(visitor.address).partition("?")[0]
    ways = (f"{booking}{way}" for way in ("", "tickets/", "cancel/"))
    sound_on_the_narrowest(visitor, "bookings/", "wallet/", *ways)


def test_the_programme_says_by_itself_when_the_last_seat_goes_and_comes_back(arrive, fan, make_show):
    small = make_show(name="One seat by the stage", seats=1, price=50_000)
    reader = arrive()
    reader.go("?search=One+seat+by+the+stage")
    badge = reader.page.locator(".tile-state .badge")
    expect(badge).to_have_text("On sale")

    reserve(reader, fan, small, small["seats"])

    expect(badge).to_have_text("No seat free right now", timeout=60_000)
    reader.is_content()
