"""Staff watch a sale and run it, from a phone; fans join and buy meanwhile."""

import re

from playwright.sync_api import expect

from concert_site.tests.browser.journey import join, reserve, settle
from concert_site.tests.browser.visitor import DESKTOP, PHONE

STAFF = "staff@frontrow.example"
# A step is seen on the page that took it within this; figures that others move within a refresh more.
AT_ONCE_MS, SOON_MS = 2_000, 6_000


def at_the_cockpit(arrive, show, size=PHONE, **options):
    """A member of staff who watches a sale."""
    staff = arrive(size, **options)
    staff.be(STAFF)
    staff.go(f"admin/sales/{show['schedule']}/")
    return staff


def figure(staff, name):
    """A figure of the page."""
    return staff.page.locator(f"[data-figure={name}] strong")


def test_staff_pause_from_a_phone_and_fans_wait(arrive, fan, make_show):
    show = make_show(seats=20, max_active=5)
    staff = at_the_cockpit(arrive, show)
    page = staff.page
    pause = page.locator(".cockpit-controls summary", has_text="Pause")
    expect(pause).to_be_in_viewport()

    pause.tap() if page.evaluate("'ontouchstart' in window") else pause.click()
    page.get_by_role("button", name="Pause now").click()

    expect(page.locator(".cockpit-badge")).to_have_text("On sale, paused", timeout=AT_ONCE_MS)
    expect(page.locator("#cockpit-said")).to_contain_text("Paused: nobody is let in.")
    expect(page.get_by_role("button", name="Resume")).to_be_in_viewport()
    assert join(staff, fan, show)["status"] == "WAITING"
    expect(figure(staff, "waiting")).to_have_text("1", timeout=SOON_MS)

    page.get_by_role("button", name="Resume").click()

    expect(page.locator(".cockpit-badge")).to_have_text("On sale", timeout=AT_ONCE_MS)
    expect(figure(staff, "waiting")).to_have_text("0", timeout=2 * SOON_MS)
    page.reload()
    expect(page.locator(".cockpit-log")).to_contain_text("waiting room paused: yes → no")
    staff.is_content()


def test_figures_move_while_a_fan_buys_and_say_how_old_they_are_once_the_connection_is_lost(arrive, fan, make_show):
    show = make_show(seats=20, price=30_000)
    staff = at_the_cockpit(arrive, show, DESKTOP)
    for name in ("sold", "held", "inside"):
        expect(figure(staff, name)).to_have_text("0")
    expect(staff.page.locator(".cockpit-hall")).to_be_visible()

    join(staff, fan, show)
    expect(figure(staff, "inside")).to_have_text("1", timeout=SOON_MS)
    booking = reserve(staff, fan, show, show["seats"][:1])
    expect(figure(staff, "held")).to_have_text("1", timeout=SOON_MS)
    settle(staff, fan, booking)

    expect(figure(staff, "sold")).to_have_text("1", timeout=SOON_MS)
    expect(figure(staff, "revenue")).to_have_text("₩30,000")
    expect(staff.page.locator("[data-text=share]")).to_have_text("1 of 20 sold (5.0 %)")
    staff.is_content()

    stale = staff.page.locator("[data-stale]")
    expect(stale).to_be_hidden()
    staff.page.context.set_offline(True)
    expect(stale).to_have_text(re.compile(r"Connection lost\. These figures are \d+ s old"))
    expect(staff.page.locator("#cockpit")).to_have_class(re.compile("cockpit-old"))
    staff.page.context.set_offline(False)
    expect(stale).to_be_hidden()
    staff.complaints.clear()


def test_two_clerks_at_one_control(arrive, make_show):
    show = make_show(seats=20, max_active=5)
    first, second = at_the_cockpit(arrive, show), at_the_cockpit(arrive, show, DESKTOP)

    def set_cap(staff, number):
        staff.page.locator("[name=most_inside]").fill(str(number))
        staff.page.get_by_role("button", name="Set", exact=True).click()

    for staff in (first, second):
        staff.page.locator(".cockpit-controls summary", has_text="Inside at once").click()
    set_cap(first, 7)
    expect(first.page.locator("#cockpit-said")).to_contain_text("5 → 7")
    set_cap(second, 9)

    expect(second.page.locator("#cockpit-said")).to_contain_text("It is now: fans inside at once: 7")
    # What is there now was shown, so the next press goes by it.
    set_cap(second, 9)
    expect(second.page.locator("#cockpit-said")).to_contain_text("7 → 9")
    expect(first.page.locator("summary [data-text=cap]")).to_have_text("9", timeout=SOON_MS)
