"""What the fan agrees to before paying, as Korean law wants it."""

import pytest

from concert_site.tests.unchanged import nothing_changed
from payments.tests.pages import at_the_screen, notices, text_of
from reservations.tests.scenes import hold, in_order, make_sale
from wallet.tests.factories import make_fan

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    fan = make_fan(balance=200_000)
    booking = hold(fan, make_sale(), 0)
    return at_the_screen(fan), f"/bookings/{booking.reference}/checkout/", in_order(booking)


def test_nothing_is_paid_without_consent(scene):
    browser, checkout, seats = scene

    with nothing_changed():
        answer = browser.post(checkout, {"seat": seats, "pay_with": "wallet"}, follow=True)

    assert notices(answer) == ["Nothing was paid yet: please agree to the cancellation and refund rules first."]
    assert '<input type="checkbox" id="agree" name="agree" value="yes" required>' in text_of(answer)


def test_a_house_that_needs_none_asks_for_none(scene, settings):
    settings.CHECKOUT_CONSENT = False
    browser, checkout, seats = scene

    assert 'id="agree"' not in text_of(browser.get(checkout))
    assert "You’re going!" in text_of(browser.post(checkout, {"seat": seats, "pay_with": "wallet"}, follow=True))
