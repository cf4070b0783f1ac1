"""A fan closes the account: not with money in the wallet, and then for good."""

from playwright.sync_api import expect

from concert_site.tests.browser.conftest import say
from concert_site.tests.browser.visitor import NARROWEST, PHONE


def test_fan_with_money_is_told_where_it_is(arrive, fan):
    visitor = arrive(PHONE)
    visitor.be(fan["email"], fan["password"])
    visitor.go("accounts/profile/")
    visitor.click("Your data, and closing the account", role="link")
    visitor.click("Close the account", role="link")
    visitor.sees("Not possible yet")
    expect(visitor.page.get_by_role("button", name="Close the account for good")).to_have_count(0)
    visitor.is_content()
    visitor.click("Wallet", role="link")
    assert visitor.is_at("wallet/")


def test_account_is_closed_once_however_often_it_is_pressed(arrive, up):
    (fan,) = say(up, "make_fans", "1")
    visitor = arrive(NARROWEST)
    visitor.be(fan["email"], fan["password"])
    visitor.go("accounts/close/")
    password = visitor.page.get_by_label("Your password")
    visitor.page.get_by_label("Yes, close my account for good.").check()
    password.fill("not that")
    with visitor.page.expect_navigation():
        password.press("Enter")
    expect(password).to_be_focused()
    visitor.sees("That’s not your password.")
    visitor.is_content()

    sent = []
    visitor.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    # So slow that the second press finds the page still there.
    visitor.page.route("**/accounts/close/", lambda route: (visitor.page.wait_for_timeout(800), route.continue_()))
    password.fill(fan["password"])
    pressed = "(button) => { button.click(); setTimeout(() => button.click(), 200); }"
    visitor.page.get_by_role("button", name="Close the account for good").evaluate(pressed)

    expect(visitor.page.get_by_role("heading", name="Your account is closed")).to_be_in_viewport()
    assert len(sent) == 1
    expect(visitor.page.locator("header").get_by_role("link", name="Log in")).to_be_visible()
    visitor.is_content()
