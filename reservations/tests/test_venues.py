"""Venues: whose clocks count, in the database, the domain, the API and on pages."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.errors import Conflict, Invalid
from concert_site.tests.unchanged import nothing_changed
from reservations.domain import concerts, schedules, venues
from reservations.domain.schedules import ScheduleTimes
from reservations.models import Concert, ConcertSchedule, Venue
from reservations.queries.booking_summaries import booking_summary
from reservations.tests.factories import make_concert, make_fan, make_schedule, make_seats, make_venue
from reservations.tests.scenes import CONCERT_AT, NOW, hold, make_sale

# Half past eight in the evening of May 31 in New York, and the next morning in Seoul.
EVENING = datetime(2031, 6, 1, 0, 30, tzinfo=UTC)
TIMES = ScheduleTimes(opens_at=NOW, closes_at=EVENING, concert_at=EVENING)

pytestmark = pytest.mark.django_db


def day_of(schedule):
    return ConcertSchedule.objects.get(pk=schedule.pk).concert_date


# --- The day of a show ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day"),
    [("America/New_York", date(2031, 5, 31)), ("Asia/Seoul", date(2031, 6, 1)), (None, date(2031, 6, 1))],
)
def test_a_date_has_the_day_that_it_is_at_its_venue(zone, day):
    concert = make_concert(venue=make_venue(zone) if zone else None)

    added = schedules.add_schedule(concert_id=concert.pk, times=TIMES)
    assert day_of(added) == day

    schedules.change_times(schedule_id=added.pk, concert_at=EVENING + timedelta(days=1))
    assert day_of(added) == day + timedelta(days=1)


def test_a_copied_date_keeps_the_hour_of_the_venues_clocks_over_the_end_of_its_summer():
    """On November 2, 2031 New York sets its clocks back, and Seoul none."""
    source = make_schedule(
        make_concert(venue=make_venue()), concert_at=EVENING, reservation_available_at=EVENING - timedelta(days=9)
    )

    copy = schedules.copy_schedule(schedule_id=source.pk, concert_at=datetime(2031, 11, 9, 1, 30, tzinfo=UTC))

    assert copy.reservation_available_at == datetime(2031, 10, 31, 0, 30, tzinfo=UTC)
    assert copy.concert_date == date(2031, 11, 8)


# --- A zone that changes -------------------------------------------------------------------------


def test_another_zone_leaves_the_instant_and_moves_the_day_of_dates_that_nobody_has_booked():
    venue = make_venue()
    schedule = make_schedule(make_concert(venue=venue), concert_at=EVENING)

    venues.change_venue(venue_id=venue.pk, time_zone="Asia/Seoul")

    schedule.refresh_from_db()
    assert (schedule.concert_at, schedule.concert_date) == (EVENING, date(2031, 6, 1))


def test_a_concert_that_is_given_a_venue_has_its_days():
    concert = make_concert()
    schedule = make_schedule(concert, concert_at=EVENING)

    concerts.change_concert(concert_id=concert.pk, venue=make_venue(), name="Moved")

    concert.refresh_from_db()
    assert (concert.name, concert.venue.time_zone, day_of(schedule)) == ("Moved", "America/New_York", date(2031, 5, 31))


@pytest.mark.parametrize("by", ["venue", "concert"])
def test_a_zone_by_which_somebody_has_booked_stays(by):
    sale = make_sale(concert=make_concert(venue=make_venue()))
    hold(make_fan(), sale, 0)
    other, concert = make_venue("Asia/Seoul"), sale.schedule.concert
    change = {
        "venue": lambda: venues.change_venue(venue_id=concert.venue_id, name="New", time_zone="Asia/Seoul"),
        "concert": lambda: concerts.change_concert(concert_id=concert.pk, venue=other),
    }[by]

    with pytest.raises(Conflict) as refused:
        change()

    kept = Concert.objects.select_related("venue").get()
    assert (kept.venue.time_zone, kept.venue.name) == ("America/New_York", concert.venue.name)
    assert day_of(sale.schedule) == sale.schedule.concert_date
    assert refused.value.attr == ("time_zone" if by == "venue" else "venue")


def test_under_those_who_booked_a_venue_of_the_same_clocks_can_be_named():
    sale = make_sale()
    hold(make_fan(), sale, 0)

    concerts.change_concert(concert_id=sale.schedule.concert_id, venue=(venue := make_venue("Asia/Seoul")))

    assert Concert.objects.get().venue == venue


@pytest.mark.parametrize("zone", ["Asia/Atlantis", "EST", "+09:00", "", "../../etc/passwd"])
def test_a_zone_that_there_is_not_is_refused_at_its_field(zone):
    venue = make_venue()

    for attempt in (
        lambda: venues.add_venue(name="Hall", time_zone=zone),
        lambda: venues.change_venue(venue_id=venue.pk, time_zone=zone),
    ):
        with nothing_changed(), pytest.raises(Invalid) as refused:
            attempt()
        assert refused.value.attr == "time_zone"


def test_a_zone_that_python_knows_and_the_database_does_not_is_refused_too(monkeypatch):
    monkeypatch.setattr(venues, "require_zone", lambda _name: None)

    with pytest.raises(Invalid, match="Asia/Atlantis"):
        venues.change_venue(venue_id=make_venue().pk, time_zone="Asia/Atlantis")


def test_every_zone_that_is_offered_is_one_that_the_database_knows():
    Venue.objects.bulk_create(Venue(name=name, time_zone=name) for name in venues.zone_names())

    assert {"Asia/Seoul", "America/New_York", "UTC"} <= set(venues.zone_names())


def test_a_venue_of_a_concert_can_not_be_deleted():
    concert = make_concert(venue=make_venue())

    with pytest.raises(Conflict):
        venues.delete_venue(venue_id=concert.venue_id)


# --- Bookings ------------------------------------------------------------------------------------


def test_a_booking_is_past_once_the_day_is_over_at_its_venue():
    """At noon in Seoul on June 1 it is still the evening of May 31 in New York."""
    fan, noon = make_fan(), datetime(2031, 6, 1, 3, 0, tzinfo=UTC)
    sale = make_sale(concert=make_concert(venue=make_venue()), concert_at=datetime(2031, 6, 1, 1, 0, tzinfo=UTC))
    reference = hold(fan, sale, 0).reference

    booking = booking_summary(reference, user_id=fan.pk, now=noon)

    assert (booking.today, booking.is_past, booking.time_zone) == (date(2031, 5, 31), False, "America/New_York")


# --- API and pages -------------------------------------------------------------------------------


def test_a_concert_says_where_it_is_and_its_dates_in_whose_time(client):
    venue = make_venue(name="Beacon", address="2124 Broadway", map_url="https://maps.example/beacon")
    concert = make_concert(
        venue=venue, running_minutes=120, age_rating=12, notices="No cameras.", cast="A\nB", genre="JAZZ"
    )
    make_schedule(concert, concert_at=EVENING)

    found = client.get(f"/api/v1/concerts/{concert.pk}/").json()

    assert found["venue"] == {
        "name": "Beacon",
        "address": "2124 Broadway",
        "time_zone": "America/New_York",
        "map_url": "https://maps.example/beacon",
    }
    assert [found[name] for name in ("running_minutes", "age_rating", "notices", "cast", "genre")] == [
        *(120, 12, "No cameras.", "A\nB", "JAZZ")
    ]
    (schedule,) = found["schedules"]
    assert [schedule[name] for name in ("concert_date", "time_zone", "moved_from")] == [
        *("2031-05-31", "America/New_York", None)
    ]


def test_a_page_says_the_time_of_the_venue_and_the_instant_for_readers_elsewhere(client):
    concert = make_concert(venue=make_venue(name="Beacon", address="2124 Broadway"), age_rating=0)
    make_schedule(concert, concert_at=EVENING)

    page = " ".join(client.get(f"/concerts/{concert.pk}/").content.decode().split())

    assert '<time datetime="2031-05-31T20:30:00-04:00" data-when>Saturday, May 31, 2031 · 8:30 PM EDT</time>' in page
    assert "2124 Broadway" in page
    assert "all ages" in page.lower()


def test_no_text_of_a_concert_ends_the_script_of_its_facts(client):
    concert = make_concert(name="</script><script>alert(1)</script>", description="<!-- & ]]>")
    make_schedule(concert)

    page = client.get(f"/concerts/{concert.pk}/").content.decode()

    _, facts = page.split('<script type="application/ld+json">')
    assert facts.split("</script>")[0].count("\\u003c/script\\u003e") == 2
    assert "<script>alert" not in page


def test_the_structured_data_tells_where_when_and_what_it_costs(client):
    concert = make_concert(venue=make_venue(name="Beacon"), running_minutes=90, genre="MUSICAL", host="House")
    make_seats(make_schedule(concert, concert_at=EVENING), 2, 66_000)

    page = client.get(f"/concerts/{concert.pk}/").content.decode()

    (event,) = json.loads(page.split('<script type="application/ld+json">')[1].split("</script>")[0])["@graph"]
    told = {name: event[name] for name in ("@type", "startDate", "endDate", "eventStatus")}
    assert told == {
        "@type": "TheaterEvent",
        "startDate": "2031-05-31T20:30-04:00",
        "endDate": "2031-05-31T22:00-04:00",
        "eventStatus": "https://schema.org/EventScheduled",
    }
    assert event["location"] == {"@type": "Place", "name": "Beacon", "address": "Beacon"}
    assert (event["offers"]["lowPrice"], event["offers"]["availability"]) == ("66000", "https://schema.org/InStock")


# --- The admin -----------------------------------------------------------------------------------


def test_staff_add_a_venue_and_a_bad_zone_is_refused_at_its_field(staff):
    sent = {"name": "Beacon", "address": "", "map_url": "maps.example/beacon", "time_zone": "Mars/Olympus"}

    refused = staff.post("/admin/reservations/venue/add/", sent)
    assert set(refused.context["adminform"].form.errors) == {"time_zone"}

    staff.post("/admin/reservations/venue/add/", sent | {"time_zone": "America/New_York"})
    venue = Venue.objects.get()
    assert (venue.time_zone, venue.map_url) == ("America/New_York", "https://maps.example/beacon")
    assert "Beacon" in staff.get("/admin/reservations/venue/").content.decode()


def test_times_are_typed_and_shown_on_the_clocks_of_the_venue(staff):
    schedule = make_schedule(make_concert(venue=make_venue()), concert_at=CONCERT_AT)
    page = reverse("admin:reservations_concertschedule_change", args=[schedule.pk])
    sent = {}
    for name, day, hour in (
        ("concert_at", "2031-05-31", "20:30:00"),
        ("reservation_available_at", "2031-05-01", "10:00:00"),
        ("deadline_at", "2031-05-31", "18:00:00"),
    ):
        sent |= {f"{name}_0": day, f"{name}_1": hour}

    assert staff.post(page, sent | {"concert": schedule.concert_id}).status_code == 302

    schedule.refresh_from_db()
    assert (schedule.concert_at, schedule.concert_date) == (EVENING, date(2031, 5, 31))
    shown = staff.get(page).content.decode()
    assert 'value="20:30:00"' in shown
    assert "America/New_York, now GMT-" in shown


def test_a_new_venue_begins_in_the_zone_of_the_house(client):
    client.force_login(make_staff())

    page = client.get(reverse("admin:reservations_venue_add")).content.decode()

    assert '<option value="Asia/Seoul" selected>' in page
