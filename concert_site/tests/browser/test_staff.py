"""Staff set up a show in the admin, from an empty page to a fan in the seat."""

import json
import re
from datetime import timedelta
from io import BytesIO

from django.utils.timezone import localtime, now
from PIL import Image
from playwright.sync_api import expect

from concert_site.tests.browser.journey import hold, inside, pay, pick_by_keyboard
from concert_site.tests.browser.visitor import DESKTOP
from reservations.halls.tests.planning import plan, row, zone

NAME = "Songs of the north"


def poster():
    """A picture as a file to upload."""
    file = BytesIO()
    Image.new("RGB", (600, 800), "#284b63").save(file, "JPEG")
    return {"name": "poster.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}


def seating_plan():
    """Two rows of three seats, as a file to upload."""
    hall = plan(zone(rows=[row("1"), row("2", position={"x": 10.0, "y": 45.0})]))
    return {"name": "hall.json", "mimeType": "application/json", "buffer": json.dumps(hall).encode()}


def fill_in(staff, name, moment):
    """Type a date and a time into the two boxes of a field."""
    local = localtime(moment)
    staff.page.locator(f"[name={name}_0]").fill(f"{local:%Y-%m-%d}")
    staff.page.locator(f"[name={name}_1]").fill(f"{local:%H:%M}")


def save(staff):
    """Save the form, and insist that it was taken."""
    staff.page.get_by_role("button", name="Save", exact=True).first.click()
    expect(staff.page.get_by_text("successfully").first).to_be_visible()


def add_concert(staff):
    """A concert with a poster, not yet public; its id."""
    staff.go("admin/reservations/concert/add/")
    staff.page.locator("[name=name]").fill(NAME)
    staff.page.locator("[name=poster]").set_input_files(poster())
    save(staff)
    staff.page.get_by_role("link", name=re.compile(NAME)).first.click()
    return re.search(r"/concert/(\d+)/change/", staff.page.url)[1]


def add_date(staff, concert):
    """A date in a month whose sale is open."""
    staff.go(f"admin/reservations/concertschedule/add/?concert={concert}")
    fill_in(staff, "concert_at", now() + timedelta(days=30))
    fill_in(staff, "reservation_available_at", now() - timedelta(hours=1))
    fill_in(staff, "deadline_at", now() + timedelta(days=29))
    save(staff)


def import_plan(staff):
    """Its seats, from a seating plan."""
    staff.click("Import a seating plan", role="link")
    staff.page.locator("[name=plan]").set_input_files(seating_plan())
    staff.click("Check the plan")
    expect(staff.page.locator("main svg, #content svg, svg[role=img]").first).to_be_visible()
    staff.page.locator("[name=price_0]").fill("30000")
    staff.click("Add 6 seats")
    staff.sees("Imported the seating plan")


def publish(staff, concert):
    """Show it to the public."""
    staff.go(f"admin/reservations/concert/{concert}/change/")
    staff.page.locator("[name=status]").select_option("AVAILABLE")
    save(staff)


def test_staff_set_up_a_show_and_a_fan_books_it(arrive, fan):
    staff = arrive(DESKTOP)
    staff.log_in("staff@frontrow.example")
    concert = add_concert(staff)
    add_date(staff, concert)
    import_plan(staff)
    publish(staff, concert)

    visitor = inside(arrive, fan, {"concert": concert})
    pick_by_keyboard(visitor)
    hold(visitor)
    pay(visitor, "₩30,000")
    visitor.is_content()

    visitor.go(f"?search={NAME.replace(' ', '+')}")
    picture = visitor.page.get_by_role("main").locator("img.poster")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 480
