"""Two of staff have the same page open, and one of them saves first."""

from playwright.sync_api import expect

from concert_site.tests.browser.visitor import DESKTOP, PHONE


def test_who_saves_second_learns_what_changed_and_decides(arrive, make_show):
    show = make_show(name="Two at once", seats=4)
    page = f"admin/reservations/concert/{show['concert']}/change/"
    ann, ben = arrive(PHONE), arrive(DESKTOP)
    for clerk in (ann, ben):
        clerk.log_in("staff@frontrow.example")
        clerk.go(page)

    ben.page.locator("[name=host]").fill("Ben's choir")
    ben.page.get_by_role("button", name="Save", exact=True).first.click()
    expect(ben.page.get_by_text("successfully").first).to_be_visible()
    ann.page.locator("[name=host]").fill("Ann's choir")
    ann.page.locator("[name=description]").fill("An evening in the hall.")
    ann.page.get_by_role("button", name="Save", exact=True).first.click()

    expect(ann.page.get_by_text("Now: Ben's choir.")).to_be_visible()
    expect(ann.page.locator("[name=host]")).to_have_value("Ann's choir")
    ann.page.get_by_label("Leave it as it is now").check()
    ann.page.get_by_role("button", name="Save", exact=True).first.click()
    expect(ann.page.get_by_text("successfully").first).to_be_visible()

    ben.go(page)
    expect(ben.page.locator("[name=host]")).to_have_value("Ben's choir")
    expect(ben.page.locator("[name=description]")).to_have_value("An evening in the hall.")
