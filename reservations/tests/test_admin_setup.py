"""Setting up a show in the admin: the library of halls, dates in a series, one price table."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from concert_site.accounts.tests.factories import make_clerk
from concert_site.lib.formats import day_and_time, money
from concert_site.tests.audited import broken_invariants
from reservations.admin import price_table, series
from reservations.domain import halls
from reservations.domain.seats import change_category
from reservations.halls.hall import Category, plain_hall
from reservations.halls.tests.planning import ODEON, file, plan, row, seat, zone
from reservations.models import ConcertSchedule, HallVersion, VenueHall
from reservations.tests.factories import make_concert, make_schedule, make_seats, make_venue, reserve

pytestmark = pytest.mark.django_db(transaction=True)
NEW_YORK = ZoneInfo("America/New_York")
RULE = {
    "weekdays": ["4", "5"],
    "times": "19:30",
    "first_day": "2099-03-06",
    "last_day": "2099-03-14",
    "opens_days_before": "30",
    "opens_hour": "20:00",
    "closes_before": "60",
    "queue_max_active": "100",
    "tickets_per_fan": "4",
}


@pytest.fixture
def venue():
    return make_venue("America/New_York", name="Odeon")


@pytest.fixture
def hall(venue):
    return halls.add_hall(venue_id=venue.pk, name="Great hall", hall=plain_hall(40, 1))


@pytest.fixture
def concert(venue):
    return make_concert(venue=venue)


def url(name, *ids):
    return reverse(f"admin:reservations_{name}", args=ids)


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def upload(content, name="plan.json"):
    return SimpleUploadedFile(name, content)


def hidden(page, name):
    """The value of a hidden field."""
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


# --- Halls -----------------------------------------------------------------------------------------


def test_a_hall_is_added_with_its_plan_and_shown(staff, venue):
    sent = {"venue": venue.pk, "name": "Great hall", "plan": upload(ODEON.read_bytes(), "odeon.json"), "category": ""}

    answer = staff.post(url("venuehall_add"), sent)

    added = VenueHall.objects.get()
    assert answer.url == url("venuehall_change", added.pk)
    first = added.plans.get()
    assert (first.source, first.actor_id) == ("odeon.json", int(staff.session[SESSION_KEY]))
    page = staff.get(answer.url).content.decode()
    assert "Version 1: 11 seats" in page
    assert "<svg" in page
    assert "America/New_York" in page
    assert "Great hall" in staff.get(url("venuehall_changelist")).content.decode()


def test_a_file_with_faults_adds_no_hall_and_names_them(staff, venue):
    broken = file(plan(zone(rows=[row("3", [seat("1", seat_guid="S"), seat("2", 20.0, seat_guid="S")])])))

    answer = staff.post(url("venuehall_add"), {"venue": venue.pk, "name": "Great hall", "plan": upload(broken)})

    assert "seat_guid &#x27;S&#x27; is used 2 times: zone &#x27;Parkett&#x27;, row 3, seat 1" in answer.content.decode()
    assert not VenueHall.objects.exists()


def test_a_hall_is_renamed_to_what_no_other_of_its_venue_is_called(staff, hall, venue):
    halls.add_hall(venue_id=venue.pk, name="Small hall")
    page = url("venuehall_change", hall.pk)

    taken = staff.post(page, {"name": "Small hall"})
    assert "This venue has a hall of this name already." in taken.content.decode()
    assert staff.post(page, {"name": "Grand hall"}).status_code == 302

    assert sorted(VenueHall.objects.values_list("name", flat=True)) == ["Grand hall", "Small hall"]
    assert staff.get(url("venuehall_version", hall.pk, 9)).status_code == 404


def test_a_plan_is_replaced_by_a_file_or_a_grid_and_a_late_form_is_told(staff, hall):
    page = staff.get(url("venuehall_import", hall.pk)).content.decode()
    sent = {"plan": upload(ODEON.read_bytes()), "base_version": hidden(page, "base_version")}
    assert staff.post(url("venuehall_import", hall.pk), sent).url == url("venuehall_change", hall.pk)

    late = staff.post(url("venuehall_import", hall.pk), sent | {"plan": upload(ODEON.read_bytes())})

    assert "it is version 2 now" in late.content.decode()
    grid = {"sections-TOTAL_FORMS": "1", "sections-INITIAL_FORMS": "0", "base_version": "2", "save": "1"}
    grid |= {f"sections-0-{name}": value for name, value in SECTION.items()}
    assert staff.post(url("venuehall_grid", hall.pk), grid).url == url("venuehall_change", hall.pk)
    assert [(each.version, each.seat_count) for each in hall.plans.order_by("version")] == [(1, 40), (2, 11), (3, 6)]
    assert "<svg" in staff.get(url("venuehall_version", hall.pk, 1)).content.decode()


SECTION = {
    "name": "A",
    "rows": "2",
    "seats_per_row": "3",
    "first_row_name": "A",
    "numbering": "FROM_LEFT",
    "category": "R",
    "color": "#2563eb",
}


def test_a_date_uses_a_hall_and_its_seats_are_kept_as_another(staff, concert, hall):
    date = make_schedule(concert)
    page = url("concertschedule_use_hall", date.pk)
    priced = {"plan": hall.plans.get().pk, "priced": hall.plans.get().pk}
    assert "<svg" in staff.get(page).content.decode()
    assert "This field is required." in staff.post(page, priced | {"price_0": ""}).content.decode()

    assert staff.post(page, priced | {"price_0": "55000"}).url == url("concertschedule_change", date.pk)

    assert set(date.seats.values_list("seat_price", flat=True)) == {55_000}
    own = make_schedule(concert)
    make_seats(own, 3)
    staff.post(url("concertschedule_keep_hall", own.pk), {"name": "Small hall"})
    assert HallVersion.objects.get(hall__name="Small hall").seat_count == 3


# --- Dates -----------------------------------------------------------------------------------------


def test_a_series_is_looked_at_and_made(staff, concert, hall):
    page = url("concert_add_dates", concert.pk)
    rule = RULE | {"plan": hall.plans.get().pk}

    shown = staff.post(page, rule | {"look": "1"}).content.decode()

    assert "4 dates will be made" in shown
    for day, its_zone in ((6, "EST"), (14, "EDT")):
        start = day_and_time(datetime(2099, 3, day, 19, 30, tzinfo=NEW_YORK), "America/New_York")
        assert start in shown
        assert start.endswith(its_zone)
    assert not ConcertSchedule.objects.exists()
    make = rule | {"make": "1", "seen": hidden(shown, "seen"), "priced": hall.plans.get().pk}
    assert "This field is required." in staff.post(page, make | {"price_0": ""}).content.decode()

    answer = staff.post(page, make | {"price_0": "55000"})

    assert answer.url == url("concert_change", concert.pk)
    assert said(answer) == ["Added 4 dates in Great hall: R ₩55,000."]
    dates = ConcertSchedule.objects.order_by("concert_at")
    assert [date.seats.count() for date in dates] == [40] * 4
    assert dates[3].concert_at == datetime(2099, 3, 14, 19, 30, tzinfo=NEW_YORK)
    assert dates[3].reservation_available_at == datetime(2099, 2, 12, 20, tzinfo=NEW_YORK)
    assert dates[3].deadline_at == datetime(2099, 3, 14, 18, 30, tzinfo=NEW_YORK)
    again = staff.post(page, make | {"price_0": "55000"})
    assert "All of these dates are there already. Nothing was made twice." in said(again)
    assert ConcertSchedule.objects.count() == 4
    assert broken_invariants() == {}
    # The prices of before are proposed for the next ones.
    assert 'value="55000"' in staff.post(page, rule | {"last_day": "2099-04-01", "look": "1"}).content.decode()


def test_dates_changed_since_the_preview_are_shown_once_more(staff, concert):
    page = url("concert_add_dates", concert.pk)
    seen = hidden(staff.post(page, RULE | {"look": "1"}).content.decode(), "seen")

    answer = staff.post(page, RULE | {"make": "1", "seen": seen, "times": "20:00"})

    assert "Look at these dates first" in answer.content.decode()
    assert not ConcertSchedule.objects.exists()


def test_a_long_series_goes_on_by_itself(staff, concert, monkeypatch):
    monkeypatch.setattr(series, "ROUND_SECONDS", 0)
    page = url("concert_add_dates", concert.pk)
    sent = RULE | {"make": "1", "seen": hidden(staff.post(page, RULE | {"look": "1"}).content.decode(), "seen")}

    for done in range(1, 4):
        answer = staff.post(page, sent)
        assert f"{done} done, {4 - done} left" in answer.content.decode()
        sent["made_before"] = hidden(answer.content.decode(), "made_before")

    assert said(staff.post(page, sent)) == ["Added 4 dates."]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"times": "7pm"}, "“7pm” is no time. Write 19:30."),
        ({"weekdays": []}, "Fill this in, or write single dates below."),
        ({"opens_at": "2099-01-01T20:00"}, "Either one opening for all, or days before each."),
        ({"opens_hour": ""}, "Say when sales open"),
        ({"last_day": "2100-03-01", "weekdays": list("0123456")}, "361 dates; at most 200"),
        ({"first_day": "soon"}, "Enter a valid date."),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(staff, concert, changes, message):
    answer = staff.post(url("concert_add_dates", concert.pk), RULE | changes | {"make": "1"})

    assert message in answer.content.decode()
    assert not ConcertSchedule.objects.exists()


def test_who_may_not_add_seats_adds_dates_without_them(client, concert, hall):
    client.force_login(make_clerk("view_concert", "add_concertschedule"))

    page = client.get(url("concert_add_dates", concert.pk)).content.decode()

    assert "Great hall" not in page
    client.force_login(make_clerk("view_concert", "change_concertschedule"))
    assert client.get(url("concert_add_dates", concert.pk)).status_code == 403
    assert client.get(url("concert_prices", concert.pk)).status_code == 403


# --- Prices ----------------------------------------------------------------------------------------


@pytest.fixture
def dates(concert):
    found = [make_schedule(concert), make_schedule(concert)]
    for each in found:
        make_seats(each, 5, 50_000)
        ConcertSchedule.objects.filter(pk=each.pk).update(layout={"size": {"width": 1, "height": 1}})
    return found


def table(dates, **changes):
    versions = {f"version_{each.pk}": each.layout_version for each in dates}
    return {price_table.field_of("R"): "60000", "dates": [each.pk for each in dates]} | versions | changes


def test_prices_are_counted_and_then_applied_to_all_dates(staff, concert, dates):
    reserve(dates[0].seats.first())
    page = url("concert_prices", concert.pk)

    shown = staff.post(page, table(dates, look="1")).content.decode()

    assert "9 seats change their price" in shown
    assert set(dates[0].seats.values_list("seat_price", flat=True)) == {50_000}
    answer = staff.post(page, table(dates, apply="1", seen=hidden(shown, "seen")))
    assert said(answer) == ["9 seats changed their price: R ₩60,000."]
    assert sorted(dates[0].seats.values_list("seat_price", flat=True)) == [50_000, *[60_000] * 4]


def test_prices_that_a_colleague_changed_meanwhile_are_looked_at_again(staff, concert, dates):
    page = url("concert_prices", concert.pk)
    seen = hidden(staff.post(page, table(dates, look="1")).content.decode(), "seen")
    change_category(
        schedule_id=dates[1].pk, seat_ids=[dates[1].seats.first().pk], category=Category("R", "#000000", 99_000)
    )

    answer = staff.post(page, table(dates, apply="1", seen=seen))

    assert "were changed since you looked" in answer.content.decode()
    assert "now ₩50,000 – ₩99,000" in staff.get(page).content.decode()
    assert set(dates[0].seats.values_list("seat_price", flat=True)) == {50_000}


def test_many_dates_are_priced_in_rounds(staff, concert, dates, monkeypatch):
    monkeypatch.setattr(price_table, "ROUND_SECONDS", 0)
    page = url("concert_prices", concert.pk)
    seen = hidden(staff.post(page, table(dates, look="1")).content.decode(), "seen")

    first = staff.post(page, table(dates, apply="1", seen=seen)).content.decode()

    assert "1 done, 1 left" in first
    sent = {name: hidden(first, name) for name in re.findall(r'type="hidden" name="(?!csrf)([^"]+)"', first)}
    assert said(staff.post(page, sent)) == ["10 seats changed their price: R ₩60,000."]


@pytest.mark.parametrize(("currency", "typed", "amount"), [("USD", "12.50", 1250), ("KWD", "12.345", 12_345)])
def test_prices_are_typed_in_the_decimals_of_the_currency(staff, dates, settings, currency, typed, amount):  # noqa: PLR0917  fixtures
    settings.CURRENCY = currency
    page = url("concert_prices", dates[0].concert_id)
    sent = table(dates, **{price_table.field_of("R"): typed})

    looked = staff.post(page, sent | {"look": "1"}).content.decode()

    assert money(amount) in looked
    assert f'value="{typed}"' in looked
    staff.post(page, sent | {"apply": "1", "seen": hidden(looked, "seen")})
    assert set(dates[0].seats.values_list("seat_price", flat=True)) == {amount}
    too_fine = staff.post(page, table(dates, **{price_table.field_of("R"): "1.23456", "look": "1"}))
    assert "decimal place" in too_fine.content.decode()
