"""A clerk helps a fan: from a piece of a reference to another seat and its ticket."""

import re

from playwright.sync_api import expect

from concert_site.tests.browser.journey import buy
from concert_site.tests.browser.visitor import DESKTOP


def test_an_exchange_from_the_search_to_the_new_ticket(arrive, make_show, fan):
    staff = arrive(DESKTOP)
    reference = buy(staff, fan, make_show(seats=6, price=30_000), count=1).split("/")[1]

    staff.be("staff@frontrow.example")
    staff.go("admin/")
    staff.page.keyboard.press("Control+k")
    staff.page.keyboard.type(f"{reference[:4]} {reference[4:].lower()}")
    staff.page.keyboard.press("Enter")
    expect(staff.page.get_by_role("heading", name=reference, exact=True)).to_be_visible()
    staff.page.get_by_role("link", name="Exchange").click()
    staff.page.get_by_role("link", name=re.compile("seat")).last.click()
    staff.page.locator("[name=note]").fill("Behind a pillar")
    staff.click("Exchange")
    staff.sees("Exchanged:")
    staff.click("View or print tickets", role="link")
    expect(staff.page.locator("img.desk-qr")).to_have_count(1)
    staff.is_content()
