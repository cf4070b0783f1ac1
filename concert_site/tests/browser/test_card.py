"""A fan pays by card on a phone, as far as the sandbox's page and back: paid, declined, late, and thought better of."""

import pytest
from playwright.sync_api import expect

from concert_site.tests.browser.journey import at_the_checkout, balance_of, by_card
from concert_site.tests.browser.visitor import NARROWEST, PHONE

# More than the ₩500,000 of a fan of these tests, so that ₩100,000 are missing.
PRICE, MISSING = 300_000, "₩100,000"
# The sandbox takes 20 seconds where it is to take its time; once the page has said so, they are over.
BE_DONE = """
from django.utils import timezone
from wallet.models import SandboxPayment
late = SandboxPayment.objects.filter(succeeds_at__gt=timezone.now())
print(late.update(succeeds_at=timezone.now()))
"""


@pytest.fixture(scope="module")
def show(make_show):
    return make_show(name="A dear night", seats=120, price=PRICE)


@pytest.fixture
def checkout(arrive, fan, show):
    """A function that opens a window of a fan who holds two seats."""

    def open_window(size=PHONE, java_script=True):
        return at_the_checkout(arrive, fan, show, count=2, size=size, java_script_enabled=java_script)

    return open_window


def test_who_thinks_better_of_it_or_is_declined_is_back_at_the_checkout_and_pays_the_rest_in_one_step(checkout):
    visitor = checkout(NARROWEST)
    visitor.sees("₩500,000 from the wallet, ₩100,000 by card.")
    visitor.is_content()
    by_card(visitor, MISSING)
    visitor.is_content()
    visitor.page.go_back()
    visitor.sees("A payment of")
    visitor.is_content()

    visitor.click("Give it up")

    visitor.sees("Payment canceled. Nothing was taken.")
    expect(visitor.page.get_by_role("button", name=f"Pay {MISSING} by card")).to_be_visible()
    visitor.is_content()
    by_card(visitor, MISSING)

    visitor.click("Have the card declined")

    visitor.sees("The card was declined.")
    visitor.is_content()
    visitor.click("Back to the checkout", role="link")
    by_card(visitor, MISSING)

    visitor.click(f"Pay {MISSING}")

    visitor.sees("You’re going!")
    visitor.click("Receipt", role="link")
    visitor.sees("By card (Sandbox 4242)")
    visitor.is_content()
    assert balance_of(visitor) == "₩0"
    visitor.click("Receipt", role="link")
    visitor.is_content()


@pytest.mark.parametrize(
    ("size", "java_script"), [(PHONE, True), (NARROWEST, False)], ids=["JavaScript", "narrow, no JavaScript"]
)
def test_while_the_provider_takes_its_time_the_page_waits_by_itself(checkout, up, size, java_script):
    visitor = checkout(size, java_script)
    by_card(visitor, MISSING)

    visitor.click("Pay, but let the provider take its time")

    visitor.sees("Your payment is in progress")
    visitor.is_content()
    assert up.command("shell", "-v0", "-c", BE_DONE).strip() == "1"
    visitor.sees("You’re going!")
    visitor.is_content()
