"""Every page: one heading, a title, labelled inputs, nothing wider than the narrowest phone, nothing in the console."""

import re

import pytest

from concert_site.tests.browser.journey import walk
from concert_site.tests.browser.visitor import DESKTOP, NARROWEST

PUBLIC = ["", "accounts/login/", "accounts/signup/", "accounts/password/reset/", "?search=nothing+like+this"]
PUBLIC += ["help/", "terms/", "privacy/", "refund-policy/"]
OWN = ["bookings/", "wallet/", "accounts/profile/", "accounts/password/change/"]
LOOKS = [
    pytest.param(NARROWEST, {"locale": "ko-KR", "color_scheme": "dark"}, id="narrow, Korean, dark"),
    pytest.param(DESKTOP, {}, id="desktop"),
]


@pytest.mark.parametrize(("size", "look"), LOOKS)
def test_pages_that_anybody_can_see_and_those_of_a_fan(arrive, size, look):
    visitor = arrive(size, **look)
    visitor.go("")
    concerts = visitor.page.locator("a[href*='/concerts/']").evaluate_all("links => links.map(link => link.pathname)")
    assert len(set(concerts)) >= 4
    public = walk(visitor, [*PUBLIC, *(path.lstrip("/") for path in sorted(set(concerts))[:4])])

    visitor.be("fan@frontrow.example")

    assert public + walk(visitor, OWN) == []


def test_a_reader_elsewhere_sees_their_own_time_beside_the_venues(arrive):
    """Half past seven in Seoul is half past five in the morning in New York, or an hour later in winter's time."""
    times = {}
    reader = arrive(DESKTOP)
    clock = reader.page.context.new_cdp_session(reader.page)
    reader.go("?search=Mahler")
    reader.page.locator("main a[href*='/concerts/']").first.click()
    for zone in ("Asia/Seoul", "America/New_York", "Pacific/Pago_Pago", "Asia/Tokyo"):
        clock.send("Emulation.setTimezoneOverride", {"timezoneId": zone})
        reader.page.reload()
        times[zone] = " ".join(reader.page.locator("article h3 time").first.inner_text().split())

    assert re.search(r"7:30 PM KST, [56]:30 AM where you are$", times["America/New_York"])
    # With the day, where it is another one.
    assert re.search(r"7:30 PM KST, \w{3}, \w{3} \d+, 11:30 PM where you are$", times["Pacific/Pago_Pago"])
    # Nothing where clocks read the same, whatever the zone is called.
    assert times["Asia/Seoul"] == times["Asia/Tokyo"]
    assert times["Asia/Seoul"].endswith("7:30 PM KST")


def test_an_address_that_is_not_there_says_so(arrive):
    stranger = arrive(NARROWEST)
    stranger.foreseen = {404}
    stranger.go("concerts/999999/")

    stranger.is_content()


def test_the_admin_runs_without_a_complaint(arrive):
    staff = arrive(DESKTOP)
    staff.be("staff@frontrow.example")
    staff.go("admin/")

    # Two lists, whose frame is every list's: test_role_addresses renders every page there is.
    for path in ("reservations/concert/", "wallet/balancehistory/"):
        staff.go(f"admin/{path}")
        assert staff.page.locator("h1").count() == 1, path

    assert staff.complaints == []


WRONG = """<!doctype html><html><head><title></title><style>p { width: 2000px }</style></head><body>
<h1>One</h1><h1>Two</h1><p id="a">wide</p><i id="a"></i><input><button></button><img src="data:,"></body></html>"""


def test_what_is_wrong_with_a_page_is_noticed(arrive):
    stranger = arrive(NARROWEST)
    stranger.page.set_content(WRONG)

    found = " ".join(stranger.faults())
    for fault in ("2 h1", "no title", "no language", "no label", "no name", "no alt", "twice: #a", "px too wide"):
        assert fault in found


def test_what_the_browser_complains_of_is_noticed(arrive):
    stranger = arrive(NARROWEST)
    stranger.go("")
    stranger.page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'let x'}))")
    # Seen before the page is left, with which its timers go.
    with stranger.page.expect_event("pageerror"):
        stranger.page.evaluate("setTimeout(() => { throw new Error('broken') })")
    stranger.page.goto(f"{stranger.address}nothing/")

    heard, stranger.complaints = " ".join(stranger.complaints), []
    for complaint in ("Content Security Policy", "script: broken", "404: "):
        assert complaint in heard
