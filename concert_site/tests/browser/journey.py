"""The steps of a booking, and the ways through the site, as fans take them."""

from playwright.sync_api import expect

from concert_site.tests.browser.visitor import DESKTOP, PHONE

# Time for three who are logged in to open the page of a waiting room, on a busy machine; a test waits for its end.
LOBBY_SECONDS = 8


def come_in(visitor, show):
    """From the concert's page to the seats, or into the line."""
    visitor.go(f"concerts/{show['concert']}/")
    visitor.page.locator(".schedule-card .actions").locator("a, button").first.click()


def at_the_seats(visitor):
    """Insist that the seats can be chosen."""
    expect(visitor.page.get_by_role("heading", name="Choose your seats")).to_be_visible()


def tick(visitor, count):
    """Choose the first free seats of a list, which needs no scripts; their ids."""
    if visitor.has_scripts:
        # The map, which a script draws, stands before the list.
        visitor.click("List view", role="link")
    visitor.page.locator(".section-link").first.click()
    boxes = visitor.page.locator("input[name=seats]")
    expect(boxes.first).to_be_visible()
    chosen = [boxes.nth(nth).get_attribute("value") for nth in range(count)]
    for seat in chosen:
        box(visitor, seat).check()
    return chosen


def chosen(visitor):
    """The seats in the bar at the foot of the page."""
    return visitor.page.locator("#chosen li")


def box(visitor, seat):
    """The box of one seat in a list."""
    return visitor.page.locator(f"#choice input[name=seats][value='{seat}']")


def hold(visitor):
    """Hold what is chosen, and come to the checkout."""
    visitor.page.locator("#hold").click()
    expect(visitor.page.get_by_role("heading", name="Checkout")).to_be_visible()


def known(arrive, fan, size=PHONE, **options):
    """A fan who is logged in, and hasn't opened a page."""
    visitor = arrive(size, **options)
    visitor.be(fan["email"], fan["password"])
    return visitor


def ask(visitor, fan, path, body=None, method="POST", **headers):
    """What the API answers to a fan, out of anybody's window: no page is opened."""
    answer = visitor.page.request.fetch(
        f"{visitor.address}api/v1/{path}",
        method=method,
        data=body or {},
        headers={"Authorization": f"Bearer {fan['access_token']}"} | headers,
    )
    assert answer.ok, answer.text()
    return answer.json()


def join(visitor, fan, show):
    """Join a line through the API; the place."""
    return ask(visitor, fan, f"schedules/{show['schedule']}/queue-tokens/")


def reserve(visitor, fan, show, seats):
    """Hold these seats through the API; the booking."""
    place = join(visitor, fan, show)
    wanted = {"schedule": show["schedule"], "seats": seats}
    return ask(visitor, fan, "reservations/", wanted, **{"X-Queue-Token": place["token"]})


def settle(visitor, fan, booking):
    """Pay a booking through the API."""
    ask(visitor, fan, "payments/", {"reservations": [each["id"] for each in booking["reservations"]]})


def buy(visitor, fan, show, count):
    """Buy the first seats of a show through the API; the address of the booking."""
    booking = reserve(visitor, fan, show, show["seats"][:count])
    settle(visitor, fan, booking)
    return f"bookings/{booking['booking_reference']}/"


def inside(arrive, fan, show, size=DESKTOP, **options):
    """A fan who stands before the seats, or in the line."""
    visitor = known(arrive, fan, size, **options)
    place = join(visitor, fan, show)
    visitor.go(f"schedules/{show['schedule']}/{'seats' if place['status'] == 'ACTIVE' else 'queue'}/")
    return visitor


def at_the_checkout(arrive, fan, show, count=1, **options):
    """A fan who holds so many seats."""
    visitor = inside(arrive, fan, show, **options)
    tick(visitor, count)
    hold(visitor)
    return visitor


def agree(visitor):
    """Agree to the rules of canceling, as one must before paying."""
    visitor.page.locator("#agree").check()


def by_card(visitor, amount):
    """Pay what the wallet lacks by card: as far as the provider's page, the sandbox's."""
    agree(visitor)
    visitor.click(f"Pay {amount} by card")
    expect(visitor.page.get_by_role("heading", name="The sandbox’s payment page")).to_be_visible()


def walk(visitor, paths):
    """Go to each page; everything that is wrong with any."""
    faults = []
    for path in paths:
        visitor.go(path)
        faults += visitor.faults()
    return faults


def balance_of(visitor):
    """What the wallet's page says."""
    visitor.go("wallet/")
    return visitor.page.locator(".balance .money").inner_text()
