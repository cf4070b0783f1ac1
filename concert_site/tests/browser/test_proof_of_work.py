"""A sign-up of a house that wants a proof of work."""

import pytest
from playwright.sync_api import expect

from concert_site.accounts.tests.headless import PASSWORD
from concert_site.tests.browser.visitor import PHONE


@pytest.mark.parametrize("is_hasty", [True, False])
def test_the_browser_works_while_the_form_is_filled_in(arrive, is_hasty):
    fan = arrive(PHONE)
    fan.go("accounts/signup/")
    if not is_hasty:
        expect(fan.page.locator("[data-say=done]")).to_be_visible(timeout=60_000)
    fan.page.locator("[name=email]").fill(f"fan-{is_hasty}@example.com")
    fan.page.locator("[name=password1]").fill(PASSWORD)
    fan.is_content()
    fan.page.get_by_role("button", name="Sign up").click()

    expect(fan.page.locator("header a[href='/bookings/']")).to_be_visible(timeout=60_000)


def test_a_form_that_comes_back_brings_another_sum(arrive):
    fan = arrive(PHONE)
    fan.go("accounts/signup/")
    fan.page.locator("[name=email]").fill("again@example.com")
    fan.page.locator("[name=password1]").fill("12345678")
    fan.page.get_by_role("button", name="Sign up").click()
    expect(fan.page.locator(".errorlist")).to_be_visible(timeout=60_000)
    fan.page.locator("[name=password1]").fill(PASSWORD)
    fan.page.get_by_role("button", name="Sign up").click()

    expect(fan.page.locator("header a[href='/bookings/']")).to_be_visible(timeout=60_000)


def test_without_scripts_the_page_says_what_to_do(arrive):
    fan = arrive(PHONE, java_script_enabled=False)
    fan.go("accounts/signup/")

    fan.sees("Signing up needs JavaScript right now")
    fan.is_content()
