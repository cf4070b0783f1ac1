"""Importing a seating plan in the admin: upload, preview, prices, seats."""

import os
import re
import time

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from concert_site.accounts.tests.factories import make_clerk, make_fan, make_staff
from concert_site.lib.cache import clear_caches
from concert_site.lib.storage import DRAFT_SUFFIX
from concert_site.tests.audited import broken_invariants
from concert_site.tests.away import redis_away
from reservations.domain import plan_uploads
from reservations.halls.tests.planning import ODEON, file, large_plan, plan, row, seat, zone
from reservations.models import ConcertSeat
from reservations.tasks import clear_posters
from reservations.tests.factories import make_schedule, make_seats

pytestmark = pytest.mark.django_db
PRICES = {"price_0": "90000", "price_1": "60000", "price_2": "120000", "accessible_2": "on"}


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path):
    """The folder of the uploads that wait."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT / plan_uploads.FOLDER


@pytest.fixture
def schedule():
    return make_schedule()


def page_of(schedule):
    return reverse("admin:reservations_concertschedule_import_plan", args=[schedule.pk])


def change_page_of(schedule):
    return reverse("admin:reservations_concertschedule_change", args=[schedule.pk])


def upload(client, schedule, content=None):
    """What answers the upload of a file."""
    content = ODEON.read_bytes() if content is None else content
    return client.post(page_of(schedule), {"plan": SimpleUploadedFile("plan.json", content)})


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def problems(response):
    shown, more = response.context["form"].problems()
    return [*shown, *more]


def assert_unchanged(schedule):
    schedule.refresh_from_db()
    assert (schedule.layout_version, schedule.seats.count()) == (1, 0)


def test_a_plan_becomes_the_seats_of_a_schedule(staff, schedule):
    price_page = upload(staff, schedule).url
    shown = staff.get(price_page).content.decode()
    assert "<svg" in shown
    assert "Boxes (2)" in shown
    assert "Add 11 seats" in shown
    assert_unchanged(schedule)

    saved = staff.post(price_page, PRICES)

    assert saved.url == change_page_of(schedule)
    assert said(saved) == ["Imported the seating plan “Odeon” with 11 seats."]
    seats = {seat.seat_guid: seat for seat in ConcertSeat.objects.of_schedule(schedule.pk)}
    assert len(seats) == 11
    assert {guid: seats[guid].seat_price for guid in ("S-1-1", "S-2-1", "B-A-1")} == {
        "S-1-1": 90_000,
        "S-2-1": 60_000,
        "B-A-1": 120_000,
    }
    assert sorted(guid for guid, seat in seats.items() if seat.accessible) == ["B-A-1", "B-A-2", "B-B-1", "S-2-2"]
    schedule.refresh_from_db()
    assert (schedule.layout_version, len(schedule.layout["areas"])) == (2, 5)
    assert broken_invariants() == {}
    assert LogEntry.objects.get().get_change_message() == said(saved)[0]


def test_the_file_is_dropped_once_it_was_used(staff, schedule, uploads):
    price_page = upload(staff, schedule).url
    assert len(list(uploads.iterdir())) == 1

    staff.post(price_page, PRICES)

    assert list(uploads.iterdir()) == []
    again = staff.post(price_page, PRICES)
    assert again.url == change_page_of(schedule)
    assert "This schedule has seats already." in said(again)


def test_a_file_is_kept_without_redis(staff, schedule):
    with redis_away():
        price_page = upload(staff, schedule).url
        assert staff.post(price_page, PRICES).url == change_page_of(schedule)

    assert schedule.seats.count() == 11


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        ({"price_1": ""}, "This field is required."),
        ({"price_1": "0"}, "greater than or equal to 1"),
        ({"price_1": "12.5"}, "decimal place"),
    ],
)
def test_a_price_that_makes_no_sense_is_said_and_adds_nothing(staff, schedule, prices, message):
    price_page = upload(staff, schedule).url

    answer = staff.post(price_page, PRICES | prices)

    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert_unchanged(schedule)


# --- Files -----------------------------------------------------------------------------------------


def test_everything_wrong_with_a_file_is_listed(staff, schedule):
    content = file(plan(zone(rows=[row("3", [seat("11", seat_guid=""), seat("12", category="<b>100%</b> VIP")])])))

    answer = upload(staff, schedule, content)

    assert answer.status_code == 200
    assert problems(answer) == [
        "zone 'Parkett', row 3, seat 11: it has no seat_guid",
        "category '<b>100%</b> VIP' is not among the categories of the plan: zone 'Parkett', row 3, seat 12",
    ]
    assert "<b>100%" not in answer.content.decode()
    assert_unchanged(schedule)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0", b"[" * 100_000, b"%s %(x)s {}"])
def test_a_file_that_is_no_plan_is_refused(staff, schedule, content):
    answer = upload(staff, schedule, content)

    assert (answer.status_code, len(problems(answer))) == (200, 1)
    assert_unchanged(schedule)


def test_no_file_an_empty_one_and_too_large_a_one_are_refused(staff, schedule):
    assert problems(staff.post(page_of(schedule))) == ["This field is required."]
    assert problems(staff.post(page_of(schedule), {"plan": "text"})) == ["This field is required."]
    assert problems(upload(staff, schedule, b"")) == ["The submitted file is empty."]
    assert problems(upload(staff, schedule, b" " * 30_000_001)) == ["The file has 30 MB; a plan may have 30 MB"]


def test_every_id_that_repeats_is_on_the_page(staff, schedule):
    rows = [row(str(r), [seat(str(n), 20.0 * n, seat_guid=f"guid-of-{n}") for n in range(60)]) for r in (1, 2)]

    page = upload(staff, schedule, file(plan(zone(rows=rows)))).content.decode()

    assert [f"guid-of-{n}&#x27; is used 2 times" in page for n in range(60)] == [True] * 60
    assert "zone &#x27;Parkett&#x27;, row 2, seat 59" in page
    assert "41 more lines" in page
    assert_unchanged(schedule)


def test_a_category_is_given_to_a_plan_that_has_none(staff, schedule):
    content = file(plan(zone(rows=[row("1", [seat(category="")])]), categories=[]))
    assert problems(upload(staff, schedule, content)) == ["zone 'Parkett', row 1, seat 1: it has no category"]

    sent = {"plan": SimpleUploadedFile("plan.json", content), "category": "R석 & more"}
    price_page = staff.post(page_of(schedule), sent).url
    staff.post(price_page, {"price_0": "1000"})

    assert schedule.seats.get().category == "R석 & more"


def test_seats_that_the_file_has_sold_come_off_sale(staff, schedule):
    content = file(plan(zone(rows=[row("1", [seat("1"), seat("2", 20.0, status="sold")])])))
    price_page = upload(staff, schedule, content).url
    assert "status &#x27;sold&#x27; (1)" in staff.get(price_page).content.decode()

    staff.post(price_page, {"price_0": "1000"})

    assert [each.status for each in schedule.seats.order_by("pk")] == ["AVAILABLE", "UNAVAILABLE"]
    assert broken_invariants() == {}


def test_names_in_a_plan_are_never_markup(staff, schedule):
    nasty = "<script>alert(1)</script>"
    found = plan(
        zone(nasty[:40], [row("1", [seat(nasty, category=nasty)])]),
        name=nasty,
        categories=[{"name": nasty, "color": '"><script>alert(2)</script>'}],
    )

    price_page = upload(staff, schedule, file(found)).url
    shown = staff.get(price_page).content.decode()
    saved = staff.get(staff.post(price_page, {"price_0": "1000"}).url).content.decode()

    assert "<script>alert" not in shown + saved
    assert schedule.seats.get().seat_label == nasty


# --- Who may ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "status"),
    [
        (make_fan, 302),
        (make_clerk, 403),
        (lambda: make_clerk("view_concertschedule", "change_concertschedule"), 403),
        (lambda: make_clerk("view_concertschedule", "add_concertseat"), 403),
        (lambda: make_clerk("change_concertschedule", "add_concertseat"), 200),
    ],
)
def test_only_staff_who_may_add_seats_import(client, schedule, uploads, user, status):
    client.force_login(user())

    assert client.get(page_of(schedule)).status_code == status
    answer = upload(client, schedule)
    assert answer.status_code == (302 if status == 200 else status)
    assert uploads.exists() == (status == 200)
    assert_unchanged(schedule)


def test_a_kept_file_is_for_one_person_and_one_schedule(client, staff, schedule):
    price_page = upload(staff, schedule).url
    key = price_page.rstrip("/").split("/")[-1]
    other = make_schedule()
    elsewhere = reverse("admin:reservations_concertschedule_price_plan", args=[other.pk, key])
    assert staff.post(elsewhere, PRICES).url == page_of(other)

    client.force_login(make_staff())
    answer = client.post(price_page, PRICES)

    assert answer.url == page_of(schedule)
    assert "Please choose the file again: it was kept for an hour, for you alone." in said(answer)
    assert_unchanged(schedule)
    assert_unchanged(other)


def test_what_is_no_key_finds_no_file(staff, schedule):
    upload(staff, schedule)

    for key in ("", "x", "_" * 32, "../../../etc/passwd", f"..-{'x' * 29}", "x" * 5000):
        assert plan_uploads.read_upload(key, user_id=1, schedule_id=schedule.pk) is None, key


def test_a_file_that_nobody_came_back_for_is_no_longer_found_and_then_deleted(staff, schedule, uploads):
    price_page = upload(staff, schedule).url
    (kept,) = uploads.iterdir()
    (uploads / f".left{DRAFT_SUFFIX}").write_bytes(b"of a process that died")
    for each in uploads.iterdir():
        os.utime(each, (0, time.time() - plan_uploads.KEPT_FOR.total_seconds() - 5))

    assert staff.get(price_page).url == page_of(schedule)
    assert kept.exists()
    clear_posters()

    assert list(uploads.iterdir()) == []


def test_a_new_upload_clears_away_old_ones_of_anybody(staff, schedule, uploads):
    plan_uploads.save_upload(b"{}", user_id=1, schedule_id=1)
    (old,) = uploads.iterdir()
    os.utime(old, (0, 0))

    upload(staff, schedule)

    assert not old.exists()
    assert len(list(uploads.iterdir())) == 1


def test_of_each_member_of_staff_the_latest_files_are_kept(schedule, uploads):
    other = plan_uploads.save_upload(b"other", user_id=17, schedule_id=schedule.pk)
    keys = []
    for nth in range(plan_uploads.MOST_A_MEMBER + 2):
        keys.append(plan_uploads.save_upload(str(nth).encode(), user_id=1, schedule_id=schedule.pk))
        # One after the other, also where a file system counts time coarsely.
        os.utime(uploads / f"1-{schedule.pk}-{keys[-1]}", (0, time.time() - 100 + nth))

    found = [plan_uploads.read_upload(key, user_id=1, schedule_id=schedule.pk) for key in keys]

    assert found == [None, None, b"2", b"3", b"4", b"5", b"6"]
    assert plan_uploads.read_upload(other, user_id=17, schedule_id=schedule.pk) == b"other"


def test_an_upload_is_found_by_who_remembers_nothing(schedule):
    """As another web process does: nothing but the folder is shared."""
    key = plan_uploads.save_upload(ODEON.read_bytes(), user_id=3, schedule_id=schedule.pk)
    cache.clear()
    clear_caches()

    assert plan_uploads.read_upload(key, user_id=3, schedule_id=schedule.pk) == ODEON.read_bytes()


def test_a_schedule_with_seats_takes_no_plan(staff, schedule):
    price_page = upload(staff, schedule).url
    make_seats(schedule)

    for answer in (staff.get(page_of(schedule)), upload(staff, schedule), staff.post(price_page, PRICES)):
        assert answer.url == change_page_of(schedule)
        assert "This schedule has seats already." in said(answer)
    assert schedule.seats.count() == 1


@pytest.mark.parametrize("unknown", [0, 2**63, 10**30])
def test_an_unknown_schedule_is_not_found(staff, unknown):
    assert staff.get(reverse("admin:reservations_concertschedule_import_plan", args=[unknown])).status_code == 404


def test_the_page_of_a_schedule_leads_here(staff, schedule):
    assert page_of(schedule) in staff.get(change_page_of(schedule)).content.decode()


# --- How large -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seats", [4_000, pytest.param(20_000, marks=pytest.mark.nightly)])
def test_a_large_hall_passes_through_in_seconds(staff, schedule, django_assert_max_num_queries, seats):
    content = file(large_plan(seats))
    # This process's own time: how busy the machine is besides says nothing of the pages.
    begun = time.process_time()

    price_page = upload(staff, schedule, content).url
    assert re.search(rf"Add {seats // 1000},?000 seats", staff.get(price_page).content.decode())
    with django_assert_max_num_queries(30):
        assert staff.post(price_page, {"price_0": "50000"}).url == change_page_of(schedule)

    assert time.process_time() - begun < 8 * seats / 20_000 + 1
    assert schedule.seats.count() == seats
