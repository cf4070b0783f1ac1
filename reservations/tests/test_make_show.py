"""`make_show`: one line of JSON, and a show that can be sold."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection

from concert_site.operations import audit
from reservations.domain.concerts import create_concert
from reservations.domain.schedules import ScheduleTimes
from reservations.halls.hall import plain_hall
from reservations.halls.tests.planning import ODEON, file, plan, row, seat, zone
from reservations.models import Concert, ConcertSchedule, ConcertSeat, Venue

pytestmark = pytest.mark.django_db
# 23:30 in Seoul, where the venue is: an hour later it is the next day there, and not yet in UTC.
NOW = datetime(2027, 1, 1, 14, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def run(*options):
    out = StringIO()
    call_command("make_show", *options, stdout=out)
    return out.getvalue()


def test_prints_one_line_with_the_seats_in_order():
    line = run("--name", "봄밤", "--seats", "23", "--price", "77000")

    show = json.loads(line)
    assert line.count("\n") == 1
    assert Concert.objects.get(pk=show["concert"]).name == "봄밤"
    seats = ConcertSeat.objects.of_schedule(show["schedule"])
    assert show["seats"] == [seat.pk for seat in seats]
    assert [str(seat) for seat in seats[18:22]] == ["A 1 19", "A 1 20", "A 2 1", "A 2 2"]
    assert {(seat.status, seat.seat_price) for seat in seats} == {("AVAILABLE", 77_000)}


def test_the_sale_is_open_unless_told_otherwise():
    schedule = ConcertSchedule.objects.get(pk=json.loads(run("--seats", "1"))["schedule"])

    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now = cursor.fetchone()[0]
    assert schedule.reservation_available_at <= now < schedule.deadline_at


def test_times_and_limits_are_those_asked_for():
    times = ["--opens-in=-60", "--closes-in", "600", "--concert-in", "7200"]
    line = run(*times, "--max-active", "3", "--tickets-per-fan", "2", "--seats", "1")

    schedule = ConcertSchedule.objects.get(pk=json.loads(line)["schedule"])
    assert schedule.deadline_at - schedule.reservation_available_at == timedelta(seconds=660)
    assert schedule.concert_at - schedule.deadline_at == timedelta(seconds=6600)
    assert (schedule.queue_max_active, schedule.tickets_per_fan) == (3, 2)


def test_the_date_is_the_venues():
    times = ScheduleTimes(opens_at=NOW - HOUR, closes_at=NOW, concert_at=NOW + HOUR)

    show = create_concert(name="Late", hall=plain_hall(1, 50_000), times=times)

    assert str(ConcertSchedule.objects.get(pk=show.schedule_id).concert_date) == "2027-01-02"


def test_a_show_in_another_zone_is_played_at_a_venue_of_it():
    for _ in range(2):
        line = run("--time-zone", "America/New_York", "--seats", "1")

    schedule = ConcertSchedule.objects.get(pk=json.loads(line)["schedule"])
    assert schedule.concert.venue == Venue.objects.get(time_zone="America/New_York")
    assert schedule.concert_date == schedule.concert_at.astimezone(ZoneInfo("America/New_York")).date()


def test_a_new_show_satisfies_the_audit():
    run("--seats", "40")

    assert [finding.invariant for finding in audit.run() if not finding.is_ok] == []


def test_a_plan_brings_its_own_seats_at_one_price():
    show = json.loads(run("--plan", str(ODEON), "--price", "77000"))

    seats = list(ConcertSeat.objects.of_schedule(show["schedule"]))
    assert show["seats"] == [seat.pk for seat in seats]
    assert {seat.seat_price for seat in seats} == {77_000}
    assert {seat.seat_guid: str(seat) for seat in seats}["B-A-2"] == "Boxes Box A Chair 2"
    assert {seat.category for seat in seats} == {"Premium", "Standard", "Boxes"}
    assert [finding.invariant for finding in audit.run() if not finding.is_ok] == []


def test_a_plan_that_cant_be_used_is_told_in_one_line_and_makes_nothing(tmp_path):
    path = tmp_path / "plan.json"
    path.write_bytes(file(plan(zone(rows=[row("3", [seat("12", seat_guid="")])]))))

    with pytest.raises(CommandError, match=r"zone 'Parkett', row 3, seat 12: it has no seat_guid") as refused:
        run("--plan", str(path))

    assert "\n" not in str(refused.value)
    assert Concert.objects.count() == 0


@pytest.mark.parametrize(
    ("name", "problem"), [("nowhere.json", "No such file or directory"), (".", "Is a directory"), ("a\0b", "null byte")]
)
def test_a_plan_that_cant_be_read_is_named(tmp_path, name, problem):
    with pytest.raises(CommandError, match=problem):
        run("--plan", f"{tmp_path}/{name}")


def test_a_plan_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "plan.json"
    with path.open("wb") as opened:
        opened.truncate(40_000_000)

    with pytest.raises(CommandError, match="The file has 40 MB; a plan may have 30 MB"):
        run("--plan", str(path))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--seats", "100", "--plan", str(ODEON)], "leave out --seats"),
        (["--seats", "0"], "--seats"),
        (["--seats", "100001"], "--seats"),
        (["--price", "0"], "--price"),
        (["--name", ""], "--name"),
        (["--name", "x" * 201], "--name"),
        (["--max-active", "-1"], "--max-active"),
        (["--tickets-per-fan", "0"], "--tickets-per-fan"),
        (["--opens-in", "99999999999"], "--opens-in"),
        (["--opens-in", "60", "--closes-in", "60"], "--opens-in"),
        (["--closes-in", "60", "--concert-in", "59"], "--concert-in"),
        (["--seats", "many"], "--seats"),
        (["--time-zone", "Mars/Base"], "--time-zone"),
    ],
)
def test_an_option_that_makes_no_sense_is_named_and_makes_nothing(options, named):
    with pytest.raises(CommandError, match=named):
        run(*options)

    assert Concert.objects.count() == 0


def test_make_show_is_refused_in_production(settings):
    settings.IS_PRODUCTION = True

    with pytest.raises(CommandError, match="MODE=demo"):
        run()

    assert Concert.objects.count() == 0


def test_a_show_is_made_whole_or_not_at_all():
    times = ScheduleTimes(opens_at=NOW, closes_at=NOW, concert_at=NOW)

    with pytest.raises(IntegrityError):
        create_concert(name="Impossible", hall=plain_hall(1, 50_000), times=times)

    assert Concert.objects.count() == 0
