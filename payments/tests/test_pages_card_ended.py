"""A payment by card whose seats were given back is ended at its provider; and nobody makes us ask without end."""

import pytest

from concert_site.accounts.tests.factories import api_of
from concert_site.lib.rate_limits import LIMITS
from payments.tests.pages import notices
from payments.tests.test_pages_card import Scene, go_away
from reservations.tests.scenes import in_order
from wallet.models import SandboxPayment
from wallet.providers import provider_named
from wallet.tests.factories import balance_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_limits")]


def how_it_ended(scene):
    """The state of the payment, and what its provider says."""
    scene.top_up.refresh_from_db()
    return scene.top_up.state, SandboxPayment.objects.get(reference=scene.top_up.reference).failure


def test_giving_the_seats_back_ends_it_so_that_nobody_pays_for_nothing():
    scene = Scene(0, 1).begin()

    scene.browser.post(f"/bookings/{scene.booking.reference}/give-up/")

    assert how_it_ended(scene) == ("FAILED", "canceled")
    scene.choose("pay")
    assert balance_of(scene.fan) == 20_500


def test_taking_one_seat_out_ends_it_too():
    scene = Scene(0, 1).begin()
    first = in_order(scene.booking)[0]

    scene.browser.post(f"/reservations/{first}/cancel/", {f"fee-{first}": 0})

    assert how_it_ended(scene) == ("FAILED", "canceled")


@pytest.mark.parametrize("refund_to", ["wallet", "card"])
def test_an_app_that_cancels_the_hold_ends_it(refund_to):
    scene = Scene(0).begin()
    (seat,) = in_order(scene.booking)

    answer = api_of(scene.fan).post(f"/api/v1/reservations/{seat}/cancel/", {"refund_to": refund_to}, format="json")

    assert answer.status_code == 200
    assert how_it_ended(scene) == ("FAILED", "canceled")


def test_while_the_provider_is_away_the_seats_are_given_back_all_the_same(monkeypatch):
    scene = Scene(0).begin()
    go_away(monkeypatch, "cancel")

    response = scene.browser.post(f"/bookings/{scene.booking.reference}/give-up/", follow=True)

    assert notices(response) == ["You released 1 seat."]
    assert how_it_ended(scene)[0] == "PENDING"


def test_asking_for_cancellation_of_what_is_only_held_calls_nothing_canceled():
    scene = Scene(0)

    response = scene.browser.get(f"/bookings/{scene.booking.reference}/cancel/", follow=True)

    assert notices(response) == []


def test_its_page_asks_the_provider_only_so_often(settings, monkeypatch):
    settings.THROTTLE = True
    monkeypatch.setitem(LIMITS, "look_up", 2)
    scene = Scene(0).begin()
    asked = []
    look_up = provider_named("sandbox").look_up
    monkeypatch.setattr(
        provider_named("sandbox"), "look_up", lambda *order: asked.append(order) or look_up(*order), raising=False
    )

    answers = [scene.browser.get(scene.page).status_code for _ in range(5)]

    assert (answers, len(asked)) == ([200] * 5, 2)
