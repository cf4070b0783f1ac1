"""Many dates at once: planned on the venue's clocks, made once, each with all its seats or not at all."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from concert_site.lib.errors import Invalid
from concert_site.tests.audited import broken_invariants
from reservations.domain import halls, series
from reservations.domain.series import Opening, SeatsOfSeries, Series
from reservations.halls.hall import plain_hall
from reservations.models import ConcertSchedule, ConcertSeat
from reservations.tests.factories import make_concert, make_schedule, make_venue

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2027, 1, 1, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
LIMITS = {"queue_max_active": 50, "tickets_per_fan": 2}
BEFORE = Opening(days_before=14, hour=time(20))


@pytest.fixture
def concert():
    return make_concert(venue=make_venue("America/New_York"))


def plan_in(venue, seats=40):
    hall = halls.add_hall(venue_id=venue.pk, name=f"{seats} seats", hall=plain_hall(seats, 1))
    return halls.plan_of(hall.plans.get().pk)


def planned(concert, starts, opening=BEFORE, closes_before=30):
    return series.planned(
        Series(starts, opening, closes_before), concert_id=concert.pk, zone=concert.time_zone, now=NOW
    )


def make(concert, starts, seats=None, seconds=60.0):
    return series.make_round(
        Series(starts, BEFORE, 30), concert_id=concert.pk, seats=seats, limits=LIMITS, seconds=seconds, now=NOW
    )


# --- Days and times --------------------------------------------------------------------------------


def test_weekdays_and_times_in_a_range():
    starts = series.weekly_starts([5, 6], series.clocks_from("19:30, 15시"), date(2027, 3, 5), date(2027, 3, 13))

    assert [f"{each:%a %d %H:%M}" for each in starts] == [
        "Sat 06 15:00",
        "Sat 06 19:30",
        "Sun 07 15:00",
        "Sun 07 19:30",
        "Sat 13 15:00",
        "Sat 13 19:30",
    ]


@pytest.mark.parametrize("line", ["2027-03-06 19:30", "2027.3.6(토) 19:30", "2027/03/06, 19:30", "2027-03-06T19:30"])
def test_a_day_and_time_is_typed_as_people_write_it(line):
    assert series.typed_starts(f"\n{line}  \n") == [datetime(2027, 3, 6, 19, 30)]  # noqa: DTZ001


@pytest.mark.parametrize(
    ("step", "attr", "said"),
    [
        (lambda: series.clocks_from("19:30, 25:00"), "times", "“25:00” is no time"),
        (lambda: series.clocks_from("half past"), "times", "“half” is no time"),
        (lambda: series.typed_starts("2027-03-06 19:30\n2027-02-30 19:30"), "typed", "Line 2, “2027-02-30 19:30”"),
        (lambda: series.typed_starts("tomorrow"), "typed", "Line 1"),
        (lambda: series.weekly_starts([0], [time(1)], date(2027, 2, 1), date(2027, 1, 1)), "last_day", "before"),
        (lambda: series.weekly_starts([0], [time(1)], date(2027, 1, 1), date(2030, 1, 1)), "last_day", "two years"),
    ],
)
def test_what_is_no_day_or_time_is_named(step, attr, said):
    with pytest.raises(Invalid, match=said) as refused:
        step()
    assert refused.value.attr == attr


# --- On the venue's clocks -------------------------------------------------------------------------


def test_times_keep_the_hour_of_the_venue_across_a_change_of_its_clocks(concert):
    starts = series.weekly_starts([5], [time(19, 30)], date(2027, 3, 6), date(2027, 3, 20))

    dates = planned(concert, starts)

    # The clocks go forward on March 14.
    assert [each.times.concert_at.astimezone(UTC).hour for each in dates] == [0, 0, 23]
    assert [each.times.opens_at for each in dates] == [
        datetime(2027, 2, 20, 20, tzinfo=NEW_YORK),
        datetime(2027, 2, 27, 20, tzinfo=NEW_YORK),
        datetime(2027, 3, 6, 20, tzinfo=NEW_YORK),
    ]
    assert {each.times.concert_at - each.times.closes_at for each in dates} == {timedelta(minutes=30)}
    assert [(each.fault, each.notes) for each in dates] == [("", [])] * 3


def test_a_time_that_the_clocks_skip_or_show_twice_is_said(concert):
    skipped, twice = datetime(2027, 3, 14, 2, 30), datetime(2027, 11, 7, 1, 30)  # noqa: DTZ001

    dates = planned(concert, [skipped, twice])

    assert [each.fault for each in dates] == ["There is no such time on this day: the clocks go forward.", ""]
    assert dates[1].notes == ["This time comes twice on this day: the clocks go back. It is the first."]
    assert dates[1].times.concert_at.utcoffset() == timedelta(hours=-4)
    # By instants: an hour and a half before half past one is midnight, whatever the clocks do.
    (early,) = planned(concert, [datetime(2027, 11, 7, 3, 0)], closes_before=90)  # noqa: DTZ001
    assert early.times.closes_at.astimezone(UTC) == datetime(2027, 11, 7, 6, 30, tzinfo=UTC)


def test_dates_of_a_series_that_exist_are_over_or_come_twice_are_marked(concert):
    start = datetime(2027, 3, 6, 19, 30)  # noqa: DTZ001
    make_schedule(concert, concert_at=start.replace(tzinfo=NEW_YORK))

    dates = planned(
        concert, [start, start + timedelta(1), start + timedelta(1), start - timedelta(99)], closes_before=0
    )

    assert [(each.fault, each.notes) for each in dates] == [
        ("It is over.", ["Its sale is open at once."]),
        ("The concert has this date already.", []),
        ("", ["It was given twice and is made once."]),
    ]


def test_one_opening_for_all_must_come_before_each_of_them(concert):
    starts = series.weekly_starts([5], [time(19, 30)], date(2027, 3, 6), date(2027, 3, 13))

    dates = planned(concert, starts, Opening(at=datetime(2027, 3, 8, tzinfo=NEW_YORK)))

    assert [each.fault for each in dates] == ["The sale must open before it closes.", ""]


def test_a_series_of_no_or_too_many_dates_is_refused(concert):
    with pytest.raises(Invalid, match="No day"):
        planned(concert, [])
    many = [datetime(2027, 3, 6) + timedelta(days=nth) for nth in range(201)]  # noqa: DTZ001
    with pytest.raises(Invalid, match="201 dates; at most 200"):
        planned(concert, many)


# --- Made ------------------------------------------------------------------------------------------


def test_a_series_is_made_with_its_seats(concert):
    plan = plan_in(concert.venue)
    starts = series.weekly_starts([5], [time(19, 30)], date(2027, 3, 6), date(2027, 3, 27))

    done = make(concert, starts, SeatsOfSeries(plan, {"R": 77}))

    rows = ConcertSchedule.objects.filter(concert=concert).order_by("concert_at")
    assert (len(done.made), done.left) == (4, 0)
    assert [row.concert_date.isoformat() for row in rows] == ["2027-03-06", "2027-03-13", "2027-03-20", "2027-03-27"]
    assert {(row.hall_version_id, row.queue_max_active, row.tickets_per_fan) for row in rows} == {(plan.pk, 50, 2)}
    assert {row.seats.count() for row in rows} == {40}
    assert set(ConcertSeat.objects.values_list("seat_price", flat=True)) == {77}
    assert rows[0].layout == plan.layout
    assert broken_invariants() == {}


def test_a_series_goes_on_where_it_stopped_and_is_made_once(concert):
    starts = series.weekly_starts([5, 6], [time(19, 30)], date(2027, 3, 6), date(2027, 3, 21))

    rounds = [make(concert, starts, seconds=0) for _ in range(7)]

    assert [(len(each.made), each.left) for each in rounds] == [(1, 5), (1, 4), (1, 3), (1, 2), (1, 1), (1, 0), (0, 0)]
    assert ConcertSchedule.objects.filter(concert=concert).count() == 6


def test_two_clicks_at_once_make_each_date_once(concert):
    starts = series.weekly_starts(range(7), [time(19, 30)], date(2027, 3, 6), date(2027, 3, 17))
    seats = SeatsOfSeries(plan_in(concert.venue), {"R": 77})

    def click(_):
        try:
            return len(make(concert, starts, seats).made)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as clerks:
        made = list(clerks.map(click, range(4)))

    assert sum(made) == 12
    assert ConcertSchedule.objects.filter(concert=concert).count() == 12
    assert ConcertSeat.objects.count() == 12 * 40


def test_a_date_without_all_its_prices_is_not_made(concert):
    starts = series.weekly_starts([5], [time(19, 30)], date(2027, 3, 6), date(2027, 3, 6))

    with pytest.raises(Invalid, match="“R” needs a price"):
        make(concert, starts, SeatsOfSeries(plan_in(concert.venue), {}))

    assert not ConcertSchedule.objects.exists()


def test_a_concert_without_a_venue_gets_that_of_the_hall_and_another_one_is_refused(concert):
    announced = make_concert()
    plan = plan_in(concert.venue)
    starts = series.weekly_starts([5], [time(19, 30)], date(2027, 3, 6), date(2027, 3, 6))

    make(announced, starts, SeatsOfSeries(plan, {"R": 1}))

    announced.refresh_from_db()
    assert announced.venue == concert.venue
    assert announced.schedules.get().concert_at == datetime(2027, 3, 6, 19, 30, tzinfo=NEW_YORK)
    with pytest.raises(Invalid, match="another venue"):
        make(make_concert(venue=make_venue()), starts, SeatsOfSeries(plan, {"R": 1}))
