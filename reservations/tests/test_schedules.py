"""Concerts and dates as staff set them up: what follows from what they say, and what makes no sense."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils.timezone import now

from concert_site.lib.errors import Conflict, Invalid, NotFound
from concert_site.tests.unchanged import nothing_changed
from queueing.models import WaitingToken
from reservations.domain import concerts, schedules
from reservations.domain.schedules import ScheduleTimes
from reservations.models import Concert, ConcertSchedule, ConcertSeat
from reservations.models.concert import IS_AVAILABLE
from reservations.tests.factories import make_concert, make_fan, make_schedule, make_seats, reserve
from reservations.tests.scenes import CONCERT_AT, NOW

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
TIMES = ScheduleTimes(opens_at=NOW, closes_at=CONCERT_AT - DAY, concert_at=CONCERT_AT)
NOBODY = 10**12


def senseless(attr):
    return pytest.raises(Invalid, check=lambda error: error.attr == attr)


# --- Concerts ----------------------------------------------------------------------------------


def test_change_writes_what_is_named_alone():
    concert = make_concert(name="Old", host="Hall")

    concerts.change_concert(concert_id=concert.pk, name="New")

    concert.refresh_from_db()
    assert (concert.name, concert.host) == ("New", "Hall")


def test_a_concert_that_is_gone_is_not_found():
    with pytest.raises(NotFound):
        concerts.change_concert(concert_id=NOBODY, name="New")


def test_publish_and_unpublish_count_what_moved():
    hidden, public = make_concert(status="UNAVAILABLE"), make_concert()
    both = [hidden.pk, public.pk]

    assert concerts.publish(concert_ids=both) == 1
    assert concerts.publish(concert_ids=both) == 0
    assert concerts.unpublish(concert_ids=both) == 2
    assert not Concert.objects.filter(IS_AVAILABLE).exists()


def test_a_concert_with_dates_is_not_deleted():
    schedule = make_schedule()

    with pytest.raises(Conflict), nothing_changed():
        concerts.delete_concert(concert_id=schedule.concert_id)


def test_a_concert_without_dates_is_deleted():
    concert = make_concert()

    concerts.delete_concert(concert_id=concert.pk)

    assert not Concert.objects.exists()


# --- Times -------------------------------------------------------------------------------------


def test_the_day_of_a_date_is_the_venues():
    # Half past midnight in Seoul is the evening before in UTC.
    late = datetime(2031, 5, 30, 15, 30, tzinfo=UTC)

    schedule = schedules.add_schedule(
        concert_id=make_concert().pk, times=ScheduleTimes(opens_at=NOW, closes_at=late, concert_at=late)
    )

    schedule.refresh_from_db()
    assert schedule.concert_date == date(2031, 5, 31)


@pytest.mark.parametrize(
    ("times", "attr"),
    [
        (ScheduleTimes(NOW, CONCERT_AT + timedelta(seconds=1), CONCERT_AT), "deadline_at"),
        (ScheduleTimes(CONCERT_AT, CONCERT_AT, CONCERT_AT), "reservation_available_at"),
        (ScheduleTimes(CONCERT_AT, NOW, CONCERT_AT), "reservation_available_at"),
        (ScheduleTimes(NOW, CONCERT_AT, datetime(9999, 12, 31, tzinfo=UTC)), "concert_at"),
        (ScheduleTimes(datetime(1, 1, 2, tzinfo=UTC), CONCERT_AT, CONCERT_AT), "reservation_available_at"),
    ],
)
def test_times_that_make_no_sense_name_their_column(times, attr):
    with senseless(attr):
        schedules.add_schedule(concert_id=make_concert().pk, times=times)

    assert not ConcertSchedule.objects.exists()


def test_changing_the_evening_changes_the_day():
    schedule = make_schedule(concert_at=CONCERT_AT)

    schedules.change_times(schedule_id=schedule.pk, concert_at=CONCERT_AT + 3 * DAY)

    schedule.refresh_from_db()
    assert (schedule.concert_at, schedule.concert_date) == (CONCERT_AT + 3 * DAY, date(2031, 6, 3))


def test_a_time_is_judged_with_those_that_stay():
    schedule = make_schedule(concert_at=CONCERT_AT, deadline_at=CONCERT_AT)

    with senseless("deadline_at"):
        schedules.change_times(schedule_id=schedule.pk, concert_at=CONCERT_AT - DAY)


def test_an_opening_that_numbers_were_drawn_for_stays():
    schedule = make_schedule(concert_at=CONCERT_AT, reservation_available_at=NOW)
    ConcertSchedule.objects.filter(pk=schedule.pk).update(drawn_at=NOW)

    with pytest.raises(Conflict, check=lambda error: error.attr == "reservation_available_at"), nothing_changed():
        schedules.change_times(schedule_id=schedule.pk, opens_at=NOW + DAY)

    schedules.change_times(schedule_id=schedule.pk, opens_at=NOW, closes_at=CONCERT_AT - DAY)


def test_an_opening_is_moved_under_those_who_gather_for_it_to_a_time_to_come_alone():
    schedule = make_schedule(reservation_available_at=now() + timedelta(minutes=5))
    token = WaitingToken.objects.create(user=make_fan(), concert_schedule=schedule)

    for over in (now(), now() - DAY):
        with pytest.raises(Conflict, check=lambda error: error.attr == "reservation_available_at"), nothing_changed():
            schedules.change_times(schedule_id=schedule.pk, opens_at=over)
    later = now() + timedelta(hours=3)
    schedules.change_times(schedule_id=schedule.pk, opens_at=later)

    schedule.refresh_from_db()
    assert schedule.reservation_available_at == later
    assert WaitingToken.objects.get(status="WAITING", number=None) == token
    schedules.change_times(schedule_id=schedule.pk, opens_at=now() + timedelta(minutes=1))
    WaitingToken.objects.update(status="EXPIRED", expired_reason="LEFT", expired_at=now())
    schedules.change_times(schedule_id=schedule.pk, opens_at=now())


def test_a_date_that_somebody_gathers_for_is_not_deleted():
    schedule = make_schedule(reservation_available_at=now() + timedelta(minutes=5))
    WaitingToken.objects.create(user=make_fan(), concert_schedule=schedule)

    with pytest.raises(Conflict, match="waited in line"), nothing_changed():
        schedules.delete_schedule(schedule_id=schedule.pk)


# --- The end of a sale -------------------------------------------------------------------------


def test_closing_an_open_sale_ends_it_now():
    schedule = make_schedule(concert_at=CONCERT_AT)

    schedules.close_sale(schedule_id=schedule.pk, now=NOW)

    schedule.refresh_from_db()
    assert schedule.deadline_at == NOW


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"reservation_available_at": NOW + DAY}, "Unpublish"),
        ({"reservation_available_at": NOW}, "Unpublish"),
        ({"deadline_at": NOW}, "closed already"),
    ],
)
def test_a_sale_that_is_not_open_is_not_closed(columns, says):
    schedule = make_schedule(concert_at=CONCERT_AT, **columns)

    with pytest.raises(Conflict, match=says), nothing_changed():
        schedules.close_sale(schedule_id=schedule.pk, now=NOW)


def test_what_is_not_there_is_not_closed_or_copied_or_changed():
    for step in (schedules.close_sale, schedules.change_times):
        with pytest.raises(NotFound):
            step(schedule_id=NOBODY)
    with pytest.raises(NotFound):
        schedules.copy_schedule(schedule_id=NOBODY, concert_at=CONCERT_AT)


# --- Copies ------------------------------------------------------------------------------------

PLACE = ("section", "row", "seat_number", "seat_label", "seat_guid", "seat_price", "category", "x", "y", "accessible")


def make_source(**columns):
    schedule = make_schedule(
        concert_at=CONCERT_AT,
        reservation_available_at=CONCERT_AT - 10 * DAY,
        deadline_at=CONCERT_AT - DAY,
        layout={"size": {"width": 1, "height": 2}, "categories": [{"name": "R", "color": "#ff0000"}]},
        queue_max_active=7,
        tickets_per_fan=2,
        queue_paused=True,
        queue_message="Tonight",
        **columns,
    )
    seats = make_seats(schedule, 4)
    reserve(seats[1])
    ConcertSeat.objects.filter(pk=seats[2].pk).update(status="UNAVAILABLE", accessible=True)
    return schedule


def test_a_copy_has_the_hall_and_nobody_in_it():
    source = make_source()

    copy = schedules.copy_schedule(schedule_id=source.pk, concert_at=CONCERT_AT + 7 * DAY)

    seats, copied = ConcertSeat.objects.of_schedule(source.pk), ConcertSeat.objects.of_schedule(copy.pk)
    assert list(copied.values_list(*PLACE)) == list(seats.values_list(*PLACE))
    assert [seat.status for seat in copied] == ["AVAILABLE", "AVAILABLE", "UNAVAILABLE", "AVAILABLE"]
    assert {(seat.user_id, seat.concert_id) for seat in copied} == {(None, source.concert_id)}


def test_a_copy_keeps_distances_map_and_limits_but_not_the_evenings_own():
    source = make_source()

    copy = schedules.copy_schedule(schedule_id=source.pk, concert_at=CONCERT_AT + 7 * DAY)

    copy.refresh_from_db()
    source.refresh_from_db()
    assert copy.reservation_available_at == CONCERT_AT - 3 * DAY
    assert copy.deadline_at == CONCERT_AT + 6 * DAY
    assert (copy.layout, copy.queue_max_active, copy.tickets_per_fan) == (source.layout, 7, 2)
    assert (copy.queue_paused, copy.queue_message, copy.drawn_at) == (False, "", None)
    assert bytes(copy.draw_seed) != bytes(source.draw_seed)


def test_a_copy_takes_the_times_that_are_said():
    source = make_source()

    copy = schedules.copy_schedule(schedule_id=source.pk, concert_at=CONCERT_AT, opens_at=NOW, closes_at=CONCERT_AT)

    copy.refresh_from_db()
    assert (copy.reservation_available_at, copy.deadline_at) == (NOW, CONCERT_AT)


def test_a_copy_that_makes_no_sense_leaves_nothing():
    source = make_source()

    with senseless("deadline_at"), nothing_changed():
        schedules.copy_schedule(schedule_id=source.pk, concert_at=CONCERT_AT, closes_at=CONCERT_AT + DAY)


def test_seats_are_copied_by_one_statement(django_assert_max_num_queries):
    source = make_schedule(concert_at=CONCERT_AT)
    make_seats(source, 300)

    with django_assert_max_num_queries(6):
        copy = schedules.copy_schedule(schedule_id=source.pk, concert_at=CONCERT_AT + DAY)

    assert copy.seats.count() == 300
