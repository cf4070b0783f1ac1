"""The waiting room seen from the sale: who may join, who comes in at once, and what a tick does."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from concert_site.accounts.tests.concurrency import at_once
from concert_site.lib.cache import clear_caches
from concert_site.lib.errors import NotFound
from concert_site.lib.redis import client
from concert_site.tests.unchanged import nothing_changed
from queueing.domain import line
from queueing.domain.counters import COUNTER_KEY
from queueing.domain.errors import SaleClosed, SaleNotOpen, SoldOut
from queueing.domain.line import JoinAnswer
from queueing.domain.snapshots import snapshot_key
from queueing.models import WaitingToken
from queueing.tests.factories import ENTRY, NOW, STAY, make_active, make_line, numbers_of, reasons_of
from reservations.domain import holds, waiting_room
from reservations.models import Concert, ConcertSchedule, ConcertSeat
from reservations.queries.availability import availability_key, availability_of
from reservations.tests.factories import hold, make_fan, make_schedule, make_seats, reserve

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
LOBBY = timedelta(hours=1)


def make_sale(*, seats=10, **columns):
    """An open sale with free seats."""
    schedule = make_schedule(**columns)
    make_seats(schedule, seats)
    return schedule


def join(schedule, fan=None, *, at=NOW):
    return waiting_room.join(user_id=(fan or make_fan()).pk, schedule_id=schedule.pk, now=at)


def tick(schedule, *, at=NOW):
    """A tick a second later: nothing is remembered from before."""
    a_second_later(schedule)
    return waiting_room.tick(schedule.pk, now=at)


def a_second_later(schedule):
    clear_caches()
    client().delete(availability_key(schedule.pk), snapshot_key(schedule.pk))


def counter_of(schedule):
    return int(client().hget(COUNTER_KEY % schedule.pk, "number") or 0)


def test_in_a_quiet_sale_the_fan_is_active_at_once_with_the_full_time():
    place = join(make_sale())

    assert (place.token.status, place.token.number, place.is_new) == ("ACTIVE", 1, True)
    assert (place.token.entered_at, place.token.expired_at) == (NOW, NOW + STAY)


def test_behind_a_line_the_fan_waits_and_nobody_is_admitted():
    """Slots are free, but the tick hands them out: joiners share no lock."""
    schedule = make_sale(queue_max_active=5)
    make_line(schedule, 2)

    place = join(schedule)

    assert (place.token.status, place.token.number, place.token.expired_at) == ("WAITING", 3, None)
    assert numbers_of(schedule, "ACTIVE") == []


@pytest.mark.parametrize("limits", [{"queue_max_active": 1}, {"queue_paused": True}, {"queue_max_active": 0}])
def test_where_no_slot_is_free_the_fan_waits(limits):
    schedule = make_sale(**limits)
    make_active(schedule)

    assert join(schedule).token.status == "WAITING"


def test_a_slot_whose_time_is_over_counts_as_free():
    schedule = make_sale(queue_max_active=1)
    make_active(schedule, until=NOW)

    assert join(schedule).token.status == "ACTIVE"
    assert reasons_of(schedule) == {1: "TIME_OVER"}


def test_where_all_seats_are_taken_by_fans_inside_the_next_one_waits():
    schedule = make_sale(seats=2)

    assert [join(schedule).token.status for _ in range(3)] == ["ACTIVE", "ACTIVE", "WAITING"]


def test_joining_again_answers_the_same_and_burns_no_number():
    schedule, fan = make_sale(), make_fan()
    first = join(schedule, fan)

    again = join(schedule, fan, at=NOW + SECOND)

    assert (again.token, again.is_new, again.seed_hash) == (first.token, False, first.seed_hash)
    assert counter_of(schedule) == 1


def test_a_live_token_is_found_before_the_sale_is_judged():
    schedule, fan = make_sale(), make_fan()
    first = join(schedule, fan)
    Concert.objects.update(status="UNAVAILABLE")

    assert join(schedule, fan).token == first.token


def test_a_token_whose_time_is_over_is_replaced():
    schedule = make_sale()
    lapsed = make_active(schedule, until=NOW)

    place = join(schedule, lapsed.user)

    assert (place.is_new, place.token.status, place.token.number) == (True, "ACTIVE", 2)
    assert reasons_of(schedule) == {1: "TIME_OVER"}


@pytest.mark.parametrize(
    ("times", "at", "refusal"),
    [
        ({"reservation_available_at": NOW + LOBBY + SECOND}, NOW, SaleNotOpen),
        ({"deadline_at": NOW}, NOW, SaleClosed),
        ({"deadline_at": NOW + SECOND}, NOW + SECOND, SaleClosed),
    ],
)
def test_join_outside_the_sale_is_refused(times, at, refusal):
    schedule, fan = make_sale(**times), make_fan()

    with nothing_changed(), pytest.raises(refusal):
        join(schedule, fan, at=at)

    assert counter_of(schedule) == 0


@pytest.mark.parametrize("times", [{"reservation_available_at": NOW}, {"deadline_at": NOW + SECOND}])
def test_the_sale_begins_with_its_first_moment_and_ends_with_its_last(times):
    assert join(make_sale(**times)).is_new


@pytest.mark.parametrize("opens_at", [NOW - SECOND, NOW + SECOND])
def test_join_of_an_unpublished_concert_is_refused_as_closed(opens_at):
    schedule, fan = make_sale(reservation_available_at=opens_at), make_fan()
    Concert.objects.update(status="UNAVAILABLE")

    with nothing_changed(), pytest.raises(SaleClosed):
        join(schedule, fan)


def test_what_is_sold_out_is_joined_by_nobody():
    schedule, fan = make_schedule(), make_fan()
    reserve(*make_seats(schedule, 2))
    make_seats(schedule, 1, status="UNAVAILABLE")

    with nothing_changed(), pytest.raises(SoldOut):
        join(schedule, fan)


def test_the_last_seats_are_looked_at_rather_than_remembered():
    schedule = make_schedule()
    seats = make_seats(schedule, 2)
    assert availability_of(schedule.pk).seats_left == 2
    reserve(*seats)

    with pytest.raises(SoldOut):
        join(schedule)


def test_held_seats_may_come_back_so_one_may_join():
    schedule = make_schedule()
    hold(*make_seats(schedule, 2))

    assert join(schedule).token.status == "WAITING"


def test_join_of_an_unknown_schedule_is_not_found():
    with pytest.raises(NotFound):
        waiting_room.join(user_id=make_fan().pk, schedule_id=0)


def test_the_hash_of_the_seed_is_the_databases():
    schedule = make_sale()
    with connection.cursor() as cursor:
        cursor.execute("select encode(sha256(draw_seed), 'hex') from concert_schedule where id = %s", [schedule.pk])
        (seed_hash,) = cursor.fetchone()

    assert join(schedule).seed_hash == seed_hash


@pytest.mark.django_db(transaction=True)
def test_joins_of_one_fan_at_once_are_one_place_of_one_who_is_inside():
    schedule, fan = make_sale(), make_fan()

    places = at_once([partial(join, schedule, fan)] * 8)

    assert sorted(place.is_new for place in places) == [False] * 7 + [True]
    assert {(place.token.token, place.token.number) for place in places} == {
        WaitingToken.objects.values_list("token", "number").get()
    }
    # The others have burnt numbers, perhaps lower ones; nobody is waited for behind these for long.
    tick(schedule, at=NOW + SECOND)
    assert numbers_of(schedule, "ACTIVE") == [places[0].token.number]


@pytest.mark.django_db(transaction=True)
def test_joins_of_many_at_once_never_exceed_the_cap_and_the_next_tick_fills_it():
    """Who sees another one wait leaves admission to the tick."""
    schedule = make_sale(seats=30, queue_max_active=5)

    places = at_once([partial(join, schedule, make_fan()) for _ in range(12)])

    assert {type(place) for place in places} == {JoinAnswer}
    assert len(numbers_of(schedule, "ACTIVE")) <= 5
    tick(schedule)
    # Which five isn't said: of joins within the same moment a higher number may be written, and admitted, first.
    assert len(numbers_of(schedule, "ACTIVE")) == 5


# --- How many statements -----------------------------------------------------------------------


@pytest.fixture
def warm():
    """A sale whose seats this process remembers, and whose counter Redis has."""
    schedule = make_sale(queue_max_active=1)
    join(schedule)
    availability_of(schedule.pk)
    return schedule


def test_a_join_behind_a_line_is_a_read_and_an_insert(warm, django_assert_num_queries):
    make_line(warm, 30)
    line.take_number(user_id=make_fan().pk, schedule_id=warm.pk)
    fan = make_fan()

    with django_assert_num_queries(2):
        assert join(warm, fan).token.status == "WAITING"


def test_a_join_into_a_quiet_sale_adds_a_count_of_the_seats_admission_and_a_read(warm, django_assert_num_queries):
    """The count is left out where there are far more seats than the cap and a second's sales."""
    ConcertSchedule.objects.update(queue_max_active=9)
    fan = make_fan()

    with django_assert_num_queries(5):
        assert join(warm, fan).token.status == "ACTIVE"


def test_near_the_end_of_the_seats_the_holders_are_counted_as_well(django_assert_num_queries):
    schedule = make_sale(seats=3, queue_max_active=9)
    join(schedule)
    fan = make_fan()

    with django_assert_num_queries(5):
        assert join(schedule, fan).token.status == "ACTIVE"


def test_a_repeated_join_is_one_read(warm, django_assert_num_queries):
    fan = make_fan()
    join(warm, fan)
    numbers = counter_of(warm)

    with django_assert_num_queries(1):
        join(warm, fan)

    assert counter_of(warm) == numbers


def test_a_tick_costs_the_same_for_every_length_of_line():
    counts = []
    for waiting in (31, 90):
        schedule = make_sale(seats=40, queue_max_active=30, drawn_at=NOW)
        make_line(schedule, waiting)
        with CaptureQueriesContext(connection) as queries:
            assert tick(schedule) == 30
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 6


# --- Ticks -------------------------------------------------------------------------------------


def test_the_first_tick_of_a_sale_that_nobody_waited_for_makes_its_draw():
    schedule = make_sale()
    make_line(schedule, 1)

    tick(schedule)

    assert ConcertSchedule.objects.get().drawn_at == NOW


def test_a_tick_lets_in_the_lowest_numbers_once():
    schedule = make_sale(queue_max_active=2)
    make_line(schedule, 4)

    assert [tick(schedule), tick(schedule)] == [2, 0]

    assert numbers_of(schedule, "ACTIVE") == [1, 2]
    assert set(WaitingToken.objects.filter(status="ACTIVE").values_list("expired_at", flat=True)) == {NOW + ENTRY}


def test_a_tick_hands_on_what_no_shows_leave():
    schedule = make_sale(queue_max_active=2)
    make_line(schedule, 4)
    tick(schedule)

    assert tick(schedule, at=NOW + ENTRY) == 2
    assert reasons_of(schedule) == {1: "NO_SHOW", 2: "NO_SHOW"}
    assert numbers_of(schedule, "ACTIVE") == [3, 4]


def test_one_fan_a_free_seat_beyond_those_who_hold_one():
    schedule = make_sale(seats=4, queue_max_active=9)
    first, second, *_ = ConcertSeat.objects.of_schedule(schedule.pk)
    # Seats are counted by the database's clock.
    holder = make_active(schedule, since=now())
    holds.hold_seats(
        user_id=holder.user_id,
        schedule=schedule.pk,
        seats=[first.pk, second.pk],
        queue_token=holder.token,
    )
    make_active(schedule)
    make_line(schedule, 5)

    # Two seats are left, for the fan who came in before and one more.
    assert tick(schedule) == 1
    assert numbers_of(schedule, "ACTIVE") == [1, 2, 3]


def hold_one_each(schedule, *holders, at=NOW):
    for holder, seat in zip(holders, ConcertSeat.objects.of_schedule(schedule.pk), strict=False):
        holds.hold_seats(
            user_id=holder.user_id, schedule=schedule.pk, seats=[seat.pk], queue_token=holder.token, now=at
        )


def test_seats_that_were_held_since_the_last_look_are_free_to_nobody():
    schedule = make_sale(seats=10, queue_max_active=20)
    inside = [make_active(schedule) for _ in range(10)]
    make_line(schedule, 10)
    assert availability_of(schedule.pk).seats_left == 10
    hold_one_each(schedule, *inside[:8])

    # The picture of the seats is from before the holds: 10 are free, it says.
    assert waiting_room.tick(schedule.pk, now=NOW) == 0


def test_a_fan_whose_hold_is_over_wants_a_seat_again():
    schedule = make_sale(seats=4, queue_max_active=20)
    inside = [make_active(schedule) for _ in range(4)]
    make_line(schedule, 10)
    hold_one_each(schedule, *inside, at=NOW - timedelta(seconds=301))

    assert tick(schedule) == 0


def test_a_cap_that_was_raised_a_second_ago_lets_in_no_more_than_the_seats():
    schedule = make_sale(seats=3, queue_max_active=2)
    make_line(schedule, 8)
    assert tick(schedule) == 2
    ConcertSchedule.objects.update(queue_max_active=100)

    # What this process remembers of the cap is a second old.
    assert waiting_room.tick(schedule.pk, now=NOW) == 1
    assert numbers_of(schedule, "ACTIVE") == [1, 2, 3]


def test_a_paused_room_lets_in_nobody_and_goes_on_when_resumed():
    schedule = make_sale(queue_paused=True)
    make_line(schedule, 2)
    assert tick(schedule) == 0
    ConcertSchedule.objects.update(queue_paused=False)

    assert tick(schedule) == 2


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda: reserve(*ConcertSeat.objects.all()), "SOLD_OUT"),
        (lambda: ConcertSchedule.objects.update(deadline_at=NOW), "SALE_CLOSED"),
        (lambda: Concert.objects.update(status="UNAVAILABLE"), "SALE_CLOSED"),
    ],
)
def test_the_end_of_the_sale_ends_the_line_and_leaves_those_inside_their_time(end, reason):
    schedule = make_sale(seats=2)
    make_active(schedule)
    make_active(schedule, until=NOW)
    make_line(schedule, 3)
    end()

    assert [tick(schedule), tick(schedule)] == [0, 0]

    assert reasons_of(schedule) == {2: "TIME_OVER", 3: reason, 4: reason, 5: reason}
    assert numbers_of(schedule, "ACTIVE") == [1]


def test_held_seats_are_not_sold_out_the_line_waits_for_them():
    schedule = make_sale(seats=2)
    hold(*ConcertSeat.objects.all())
    make_line(schedule, 2)

    assert tick(schedule) == 0
    assert numbers_of(schedule, "WAITING") == [1, 2]


def test_before_the_opening_a_tick_changes_nothing():
    schedule = make_sale(reservation_available_at=NOW + SECOND)
    make_line(schedule, 2)

    with nothing_changed():
        assert tick(schedule) == 0


def test_a_tick_for_a_schedule_that_is_gone_is_no_trouble():
    assert waiting_room.tick(0) == 0


# --- Progress ----------------------------------------------------------------------------------


def state_of(schedule):
    a_second_later(schedule)
    return waiting_room.snapshot_of(schedule.pk).state


def test_room_state_by_time_pause_and_seats():
    schedule = make_sale(reservation_available_at=now() + timedelta(minutes=61))
    assert state_of(schedule) == "UPCOMING"
    ConcertSchedule.objects.update(reservation_available_at=now() + timedelta(minutes=59))
    assert state_of(schedule) == "LOBBY"
    ConcertSchedule.objects.update(reservation_available_at=NOW)
    assert state_of(schedule) == "OPEN"
    ConcertSchedule.objects.update(queue_paused=True)
    assert state_of(schedule) == "PAUSED"
    reserve(*ConcertSeat.objects.all())
    assert state_of(schedule) == "SOLD_OUT"
    ConcertSchedule.objects.update(deadline_at=NOW + timedelta(microseconds=1))
    assert state_of(schedule) == "CLOSED"


def test_what_is_not_public_has_no_progress():
    schedule = make_sale()
    Concert.objects.update(status="UNAVAILABLE")

    assert not waiting_room.snapshot_of(schedule.pk).facts.is_public
    with pytest.raises(NotFound):
        waiting_room.snapshot_of(0)


def test_the_progress_shows_what_a_tick_did_at_once():
    schedule = make_sale(queue_max_active=2)
    make_line(schedule, 5)
    before = waiting_room.snapshot_of(schedule.pk).line
    assert (before.serving, before.waiting) == (0, 5)

    waiting_room.tick(schedule.pk, now=NOW)

    after = waiting_room.snapshot_of(schedule.pk).line
    assert (after.serving, after.last_number, after.waiting) == (2, 5, 3)
