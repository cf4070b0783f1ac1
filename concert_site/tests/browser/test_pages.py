"""Every page: one heading, a title, labelled inputs, nothing wider than the narrowest phone, nothing in the console."""

import pytest

from concert_site.tests.browser.visitor import DESKTOP, NARROWEST

PUBLIC = ["", "accounts/login/", "accounts/signup/", "accounts/password/reset/", "?search=nothing+like+this"]
OWN = ["bookings/", "wallet/", "accounts/profile/", "accounts/password/change/"]
LOOKS = [
    pytest.param(NARROWEST, {}, id="narrow"),
    pytest.param(NARROWEST, {"locale": "ko-KR", "color_scheme": "dark"}, id="narrow, Korean, dark"),
    pytest.param(DESKTOP, {}, id="desktop"),
    pytest.param(NARROWEST, {"java_script_enabled": False}, id="without JavaScript"),
]


def walk(visitor, paths):
    """Go to each page; everything that is wrong with any."""
    faults = []
    for path in paths:
        visitor.go(path)
        faults += visitor.faults()
    return faults


@pytest.mark.parametrize(("size", "look"), LOOKS)
def test_pages_that_anybody_can_see(arrive, size, look):
    stranger = arrive(size, **look)
    stranger.go("")
    concerts = stranger.page.locator("a[href*='/concerts/']").evaluate_all("links => links.map(link => link.pathname)")
    assert len(set(concerts)) >= 4

    assert walk(stranger, [*PUBLIC, *(path.lstrip("/") for path in sorted(set(concerts))[:4])]) == []


@pytest.mark.parametrize(("size", "look"), LOOKS)
def test_pages_of_a_fan(arrive, size, look):
    fan = arrive(size, **look)
    fan.be("fan@frontrow.example")

    assert walk(fan, OWN) == []


def test_an_address_that_is_not_there_says_so(arrive):
    stranger = arrive(NARROWEST)
    stranger.foreseen = {404}
    stranger.go("concerts/999999/")

    stranger.is_content()
