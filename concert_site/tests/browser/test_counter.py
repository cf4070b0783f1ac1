"""A counter sale: seats chosen on the staff's map, sold for cash, printed; and a named hold made on a phone."""

import re

from playwright.sync_api import expect

from concert_site.tests.browser.visitor import DESKTOP


def open_hall(staff, show):
    """The hall of a date, once its map is there."""
    staff.go(f"admin/reservations/concertschedule/{show['schedule']}/hall/")
    expect(staff.page.locator(".hall-modes")).to_be_visible()


def choose_by_keyboard(staff, count):
    """The first seats of the first row, one after the other."""
    cursor = staff.page.locator(".hall-cursor").first
    expect(cursor).to_be_enabled()
    cursor.focus()
    for _seat in range(count):
        staff.page.keyboard.press("Enter")
        staff.page.keyboard.press("ArrowRight")


def choose_by_pointer(staff):
    """A rectangle, then a lasso: each chooses what it covers."""
    staff.page.get_by_role("button", name="Choose none").click()
    staff.page.get_by_label("Rectangle").check()
    box = staff.page.locator(".hall-lasso").bounding_box()
    # Inside of the frame's round corners.
    staff.page.mouse.move(box["x"] + 14, box["y"] + 14)
    staff.page.mouse.down()
    staff.page.mouse.move(box["x"] + box["width"] - 14, box["y"] + box["height"] - 14)
    staff.page.mouse.up()

    expect(staff.page.locator(".hall-count")).to_contain_text(re.compile("^40 seats"))

    # The triangle above the diagonal has the last ones of both rows.
    staff.page.get_by_role("button", name="Choose none").click()
    staff.page.get_by_label("Lasso").check()
    box = staff.page.locator(".hall-lasso").bounding_box()
    left, top, right, bottom = box["x"] + 14, box["y"] + 14, box["x"] + box["width"] - 14, box["y"] + box["height"] - 14
    staff.page.mouse.move(left, top)
    staff.page.mouse.down()
    for x, y in ((right, top), (right, bottom)):
        staff.page.mouse.move(x, y, steps=9)
    staff.page.mouse.up()
    expect(staff.page.locator(".hall-count")).to_contain_text(re.compile("^6 seats"))


def test_a_clerk_sells_seats_on_the_map_for_cash_prints_and_chooses_many_by_pointer(arrive, make_show):
    show = make_show(seats=40, price=30_000)
    staff = arrive(DESKTOP)
    staff.be("staff@frontrow.example")

    open_hall(staff, show)
    choose_by_keyboard(staff, 2)
    expect(staff.page.locator(".hall-count")).to_contain_text("2 seats: free 2")
    staff.click("Sell at the counter…")
    staff.page.locator("[name=name]").fill("Kim")
    staff.page.locator("[name=tendered]").fill("100000")
    expect(staff.page.locator("[data-change-due]")).to_have_text("40,000")
    staff.click("Sell")
    staff.sees("₩40,000")
    staff.click("Print 2 tickets", role="link")
    expect(staff.page.locator(".ticket")).to_have_count(2)

    open_hall(staff, show)
    choose_by_keyboard(staff, 1)
    expect(staff.page.locator(".hall-count")).to_contain_text("sold 1")
    expect(staff.page.locator(".hall-who")).to_contain_text("Kim")
    choose_by_pointer(staff)


def test_a_row_is_kept_by_name_on_a_phone_and_seen_by_a_colleague(arrive, make_show):
    show = make_show(seats=40)
    staff, colleague = arrive(), arrive(DESKTOP)
    for each in (staff, colleague):
        each.be("staff@frontrow.example")
        open_hall(each, show)

    staff.page.get_by_label("Row", exact=True).check()
    choose_by_keyboard(staff, 1)
    staff.click("Named hold…")
    for name, text in {"name": "Press", "owner": "Kim", "reason": "Reviews"}.items():
        staff.page.locator(f"[name={name}]").fill(text)
    staff.click("Named hold")
    staff.sees("Named hold: ")

    choose_by_keyboard(colleague, 1)
    expect(colleague.page.locator(".hall-count")).to_contain_text("named hold 1")
