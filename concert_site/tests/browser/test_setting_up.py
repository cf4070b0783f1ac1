"""A run of twelve evenings is set up from nothing: a hall, a concert with a poster, its dates and prices."""

import json
import re
from datetime import timedelta
from io import BytesIO

from django.utils.timezone import localdate
from PIL import Image
from playwright.sync_api import expect

from concert_site.tests.browser.visitor import DESKTOP
from reservations.halls.tests.planning import plan, row, zone

CONCERT = "Twelve nights"


def poster():
    """A picture as a file to upload."""
    file = BytesIO()
    Image.new("RGB", (600, 800), "#284b63").save(file, "JPEG")
    return {"name": "poster.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}


def seating_plan():
    """Two rows of three seats, as a file to upload."""
    hall = plan(zone(rows=[row("1"), row("2", position={"x": 10.0, "y": 45.0})]))
    return {"name": "hall.json", "mimeType": "application/json", "buffer": json.dumps(hall).encode()}


def save(staff):
    """Save the form, and insist that it was taken."""
    staff.page.get_by_role("button", name="Save", exact=True).first.click()
    expect(staff.page.get_by_text("successfully").first).to_be_visible()


def add_hall(staff):
    """A venue with a hall in the library, imported once."""
    staff.go("admin/reservations/venue/add/")
    staff.page.locator("[name=name]").fill("Corner theatre")
    save(staff)
    staff.page.get_by_role("link", name="Corner theatre").first.click()
    venue = re.search(r"/venue/(\d+)/change/", staff.page.url)[1]
    staff.go(f"admin/reservations/venuehall/add/?venue={venue}")
    staff.page.locator("[name=name]").fill("Great hall")
    staff.page.locator("[name=plan]").set_input_files(seating_plan())
    staff.page.get_by_role("button", name="Save", exact=True).first.click()
    staff.sees("Version 1: 6 seats")
    expect(staff.page.locator("figure svg")).to_be_visible()


def add_dates(staff):
    """Two evenings a week for six weeks, in one form."""
    staff.click("Add dates", role="link")
    first = localdate() + timedelta(days=60)
    page = staff.page
    for weekday in ("Friday", "Saturday"):
        page.get_by_label(weekday, exact=True).check()
    page.locator("[name=times]").fill("19:30")
    page.locator("[name=first_day]").fill(first.isoformat())
    page.locator("[name=last_day]").fill((first + timedelta(days=41)).isoformat())
    page.locator("[name=opens_days_before]").fill("30")
    page.locator("[name=opens_hour]").fill("20:00")
    page.locator("[name=plan]").select_option(label="Corner theatre · Great hall (6)")
    staff.click("Preview")
    staff.sees("12 dates will be made")
    page.locator("[name=price_0]").fill("66000")
    staff.click("Make 12 dates")
    staff.sees("Added 12 dates in Great hall: R ₩66,000.")


def test_twelve_dates_are_set_up_from_nothing(arrive):
    staff = arrive(DESKTOP)
    staff.be("staff@frontrow.example")
    add_hall(staff)
    staff.go("admin/reservations/concert/add/")
    staff.page.locator("[name=name]").fill(CONCERT)
    staff.page.locator("[name=poster]").set_input_files(poster())
    save(staff)

    add_dates(staff)
    staff.click("Publish")
    staff.sees("is published")
    concert = re.search(r"/concert/(\d+)/change/", staff.page.url)[1]

    fan = arrive()
    fan.go(f"concerts/{concert}/")
    expect(fan.page.get_by_text("Corner theatre").first).to_be_visible()
    fan.go(f"?search={CONCERT.replace(' ', '+')}")
    picture = fan.page.get_by_role("main").locator("img.poster")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 480
