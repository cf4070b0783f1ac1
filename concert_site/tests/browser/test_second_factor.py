"""A second factor in a browser: an app's codes, and passkeys of a device that Chromium plays."""

from __future__ import annotations

from concert_site.accounts.tests.factors import code_of
from concert_site.tests.browser.visitor import DESKTOP, PHONE, Visitor

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def give_device(visitor: Visitor) -> None:
    """Let the browser have a fingerprint reader, on a site with a name: passkeys are for no bare addresses."""
    visitor.address = visitor.address.replace("127.0.0.1", "localhost")
    devtools = visitor.page.context.new_cdp_session(visitor.page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})


def say_password(visitor: Visitor, fan: dict[str, str]) -> None:
    """Confirm that it is the owner who changes something."""
    visitor.page.locator("[name=password]").fill(fan["password"])
    visitor.click("Continue")


def test_an_app_is_set_up_and_asked_for(arrive, fan):
    owner = arrive(PHONE)
    owner.log_in(fan["email"], fan["password"])
    owner.go("accounts/profile/")
    owner.click("Two-step verification", "link")
    owner.is_content()
    owner.click("Set up an app", "link")
    say_password(owner, fan)
    owner.is_content()
    secret = owner.page.locator(".secret").inner_text()
    owner.page.locator("[name=code]").fill(code_of(secret))
    owner.click("Turn it on")
    owner.sees("Keep these codes")
    owner.is_content()
    owner.click("Done", "link")
    owner.is_content()

    thief = arrive(DESKTOP)
    thief.go("accounts/login/")
    thief.page.locator("[name=login]").fill(fan["email"])
    thief.page.locator("[name=password]").fill(fan["password"])
    thief.click("Log in")
    thief.sees("One more step")
    thief.is_content()
    thief.go("bookings/")
    assert thief.is_at("accounts/2fa/authenticate/")
    thief.go("accounts/2fa/authenticate/")
    thief.page.locator("[name=code]").fill(code_of(secret, 1))
    thief.click("Log in")
    assert thief.is_at("")
    thief.sees("My bookings")


def test_a_passkey_is_added_and_logs_in_alone_and_as_a_second_step(arrive, fan):
    owner = arrive(PHONE)
    give_device(owner)
    owner.log_in(fan["email"], fan["password"])
    owner.go("accounts/2fa/webauthn/add/")
    say_password(owner, fan)
    owner.is_content()
    owner.page.locator("[name=passwordless]").check()
    owner.click("Add a passkey")
    owner.sees("Keep these codes")
    owner.go("accounts/2fa/webauthn/")
    owner.sees("Passkey 1")
    owner.is_content()
    owner.go("accounts/profile/")
    owner.click("Log out")

    owner.go("accounts/login/?next=/wallet/")
    owner.is_content()
    owner.click("Log in with a passkey")
    assert owner.is_at("wallet/")
    owner.go("accounts/profile/")
    owner.click("Log out")

    owner.go("accounts/login/")
    owner.page.locator("[name=login]").fill(fan["email"])
    owner.page.locator("[name=password]").fill(fan["password"])
    owner.click("Log in")
    owner.sees("One more step")
    owner.is_content()
    owner.click("Use a passkey")
    owner.sees("My bookings")


def test_without_a_passkey_the_page_says_so_and_stays(arrive, fan):
    stranger = arrive(PHONE)
    give_device(stranger)
    stranger.go("accounts/login/")
    stranger.page.get_by_role("button", name="Log in with a passkey").click()

    stranger.sees("The passkey didn’t work.")
    stranger.is_content()


def test_without_scripts_the_page_of_passkeys_says_what_else_there_is(arrive, fan):
    owner = arrive(PHONE, java_script_enabled=False)
    owner.log_in(fan["email"], fan["password"])
    owner.go("accounts/2fa/webauthn/add/")
    say_password(owner, fan)

    owner.sees("A code from an app works without.")
    owner.is_content()
