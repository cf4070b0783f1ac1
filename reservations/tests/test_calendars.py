"""A booking in the fan's own calendar."""

from datetime import timedelta

import pytest
from django.test import Client
from icalendar import Calendar

from concert_site.tests.unchanged import nothing_changed
from payments.domain import refunds
from payments.tests.scenes import buy, make_fan
from reservations.models import Concert, Venue
from reservations.tests.browsers import browser_of
from reservations.tests.scenes import CONCERT_AT, NOW, make_sale
from wallet.tests.factories import make_fan as fan_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def bought():
    """A fan, and what they paid for two seats of one booking."""
    fan = fan_with(balance=200_000)
    return fan, buy(fan, make_sale(), 0, 1)


def path_of(payment):
    return f"/bookings/{payment.reservation.booking_reference}/calendar.ics"


def events_in(response):
    """The file, read back by the library, and its one event."""
    calendar = Calendar.from_ical(response.content)
    (event,) = calendar.walk("VEVENT")
    return calendar, event


def test_a_booking_is_an_event_at_the_venue_with_its_seats_and_reminders(bought):
    fan, (payment, _other) = bought

    response = browser_of(fan).get(path_of(payment))

    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert "no-store" in response["Cache-Control"]
    calendar, event = events_in(response)
    reference = payment.reservation.booking_reference
    assert (str(calendar["METHOD"]), str(event["STATUS"])) == ("PUBLISH", "CONFIRMED")
    assert str(event["UID"]).startswith(f"{reference}-{payment.reservation.concert_schedule_id}@")
    assert event.decoded("DTSTART") == CONCERT_AT
    assert str(event.decoded("DTSTART").tzinfo) == "Asia/Seoul"
    assert event.decoded("DTEND") > CONCERT_AT
    seats, more, tickets = str(event["DESCRIPTION"]).splitlines()
    assert (seats, more) == ("A, row 1, seat A-1-1", "A, row 1, seat A-1-2")
    assert tickets == f"Tickets: http://testserver/bookings/{reference}/tickets/"
    assert [alarm["ACTION"] for alarm in event.walk("VALARM")] == ["DISPLAY", "DISPLAY"]


def test_a_known_venue_gives_place_clock_and_length(bought):
    fan, (payment, _other) = bought
    hall = Venue.objects.create(name="Beacon", address="2124 Broadway, New York", time_zone="America/New_York")
    Concert.objects.filter(pk=payment.reservation.concert_id).update(venue=hall, running_minutes=95)

    _calendar, event = events_in(browser_of(fan).get(path_of(payment)))

    assert str(event["LOCATION"]) == "Beacon, 2124 Broadway, New York"
    assert str(event.decoded("DTSTART").tzinfo) == "America/New_York"
    assert event.decoded("DTEND") - event.decoded("DTSTART") == timedelta(minutes=95)


def test_a_booking_that_was_canceled_takes_its_event_out_again(bought):
    fan, payments = bought
    browser = browser_of(fan)
    _calendar, before = events_in(browser.get(path_of(payments[0])))
    for payment in payments:
        refunds.cancel(user_id=fan.pk, reservation_id=payment.reservation_id, now=NOW)

    calendar, after = events_in(browser.get(path_of(payments[0])))

    assert (str(calendar["METHOD"]), str(after["STATUS"])) == ("CANCEL", "CANCELLED")
    assert after["UID"] == before["UID"]
    assert after["SEQUENCE"] >= before["SEQUENCE"]


def test_a_calendar_file_is_for_its_fan_alone(bought):
    _fan, (payment, _other) = bought

    with nothing_changed():
        assert browser_of(make_fan()).get(path_of(payment)).status_code == 404
        assert Client().get(path_of(payment)).url == f"/accounts/login/?next={path_of(payment)}"
