"""An evening that is off: staff cancel a date that fans have paid for, and everybody hears of it."""

from playwright.sync_api import expect

from concert_site.tests.browser.journey import balance_of, buy, known
from concert_site.tests.browser.visitor import DESKTOP

REASON = "The singer is ill"


def ask_to_cancel(staff, show):
    """From the date's page to the one that says whom it touches."""
    staff.go(f"admin/reservations/concertschedule/{show['schedule']}/change/")
    staff.page.get_by_text("Close, refund, cancel, remove").click()
    staff.click("Cancel this date", role="link")
    staff.page.locator("[name=reason_en]").fill(REASON)
    staff.click("Look at what it changes")


def test_a_date_is_canceled_and_both_tickets_are_refunded(arrive, make_show, fan):
    show = make_show(seats=6, price=30_000)
    visitor = known(arrive, fan)
    booking = buy(visitor, fan, show, count=2)

    staff = arrive(DESKTOP)
    staff.be("staff@frontrow.example")
    ask_to_cancel(staff, show)
    facts = staff.page.locator("main dl, #content dl").first
    expect(facts).to_contain_text("Tickets: 2, fans: 1, paid: ₩60,000")
    expect(facts).to_contain_text(REASON)
    staff.is_content()
    visitor.go(booking)
    expect(visitor.page.get_by_text(REASON)).to_have_count(0)

    staff.click("Cancel the date and refund everybody")
    # By itself: the page isn't loaded again.
    staff.sees("Done: 2 tickets refunded, ₩60,000.")

    visitor.go(booking)
    visitor.sees(REASON)
    visitor.sees("canceled")
    visitor.is_content()
    assert balance_of(visitor) == "₩500,000"
