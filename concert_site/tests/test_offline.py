"""What browsers may keep for when there is no network: tickets of one account, and a page that belongs to nobody."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import localdate

from payments.tests.scenes import buy
from reservations.models import ConcertSchedule
from reservations.tests.scenes import hold, make_sale
from wallet.tests.factories import make_fan

pytestmark = pytest.mark.django_db


def browser_of(fan=None):
    browser = Client()
    if fan is not None:
        browser.force_login(fan)
    return browser


def keep(fan, payment):
    """Ask for the tickets as the service worker does."""
    path = f"/bookings/{payment.reservation.booking_reference}/tickets/"
    return browser_of(fan).get(path, headers={"x-part": "offline"})


def test_the_worker_answers_for_the_whole_site_and_is_held_to_the_policy_of_pages():
    script = browser_of().get("/service-worker.js")

    assert script["Content-Type"] == "text/javascript"
    assert "default-src 'self'" in script["Content-Security-Policy"]
    assert script["Cache-Control"] == "public, no-cache"
    assert script.content.startswith(b'const VERSION = "')
    assert b'SHELL_FILES = ["/offline/","/offline/sent/","/static/' in script.content


@pytest.mark.parametrize("path", ["/offline/", "/offline/sent/"])
def test_the_page_without_a_network_is_nobodys(path):
    page = browser_of(make_fan()).get(path)

    assert page.status_code == 200
    assert b"There is no connection" in page.content
    assert b"csrfmiddlewaretoken" not in page.content
    assert b"/bookings/" not in page.content


def test_tickets_say_for_whom_and_how_long_they_may_be_kept(settings):
    fan, other, sale = make_fan(balance=200_000), make_fan(balance=200_000), make_sale()
    (mine,), (theirs,) = buy(fan, sale, 0), buy(other, sale, 1)
    hold(fan, sale, 2)

    page = keep(fan, mine)

    until, owner = page["X-Keep-Offline"].split(";")
    assert int(until) == int((sale.schedule.concert_at + timedelta(days=1)).timestamp())
    assert owner == keep(fan, mine)["X-Keep-Offline"].split(";")[1]
    assert owner != keep(other, theirs)["X-Keep-Offline"].split(";")[1]
    # What is held by now is no part of what is kept.
    assert b"hold-bar" not in page.content
    # Nobody can tell the account from it who doesn't have the site's secret.
    settings.SECRET_KEY = "another" * 8
    assert owner != keep(fan, mine)["X-Keep-Offline"].split(";")[1]


def test_only_own_tickets_are_kept_offline():
    fan, sale = make_fan(balance=200_000), make_sale()
    (payment,) = buy(fan, sale, 0)
    booking = f"/bookings/{payment.reservation.booking_reference}/"
    ask = {"x-part": "offline"}

    for path in ("/", "/wallet/", "/bookings/", booking, f"{booking}receipt/"):
        assert "X-Keep-Offline" not in browser_of(fan).get(path, headers=ask), path
    assert "X-Keep-Offline" not in browser_of(fan).get(f"{booking}tickets/")
    assert "X-Keep-Offline" not in keep(make_fan(), payment)
    yesterday = localdate() - timedelta(days=1)
    ConcertSchedule.objects.update(concert_date=yesterday)
    assert "X-Keep-Offline" not in keep(fan, payment)
