"""What everyone may know of a waiting room: true, soon, and without a look at a table."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from concert_site.accounts.tests.concurrency import at_once
from concert_site.lib.cache import clear_caches
from concert_site.lib.database.statements import fetch, sql_beside
from concert_site.lib.redis import breaker, client
from concert_site.lib.tasks import enqueuer, pending_key
from queueing import queries
from queueing.domain import admission, draw, snapshots
from queueing.domain.snapshots import MEMORY_SECONDS, snapshot_key
from queueing.models import WaitingToken
from queueing.tests.factories import make_fans, make_line, numbers_of, take
from reservations.domain import concerts, sale_settings, schedules, waiting_room
from reservations.domain.waiting_room import snapshot_of
from reservations.models import ConcertSchedule
from reservations.queries.availability import availability_of
from reservations.queries.sales import facts_of
from reservations.tests.factories import make_schedule, make_seats

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def schedule():
    return make_sale()


def make_sale(**columns):
    made = make_schedule(**columns)
    make_seats(made, 10)
    return made


def gather(schedule, count):
    """So many fans in the lobby."""
    fans = make_fans(count)
    WaitingToken.objects.bulk_create(
        WaitingToken(user=fan, concert_schedule=schedule, created_at=schedule.reservation_available_at - HOUR / 4)
        for fan in fans
    )


def seen_elsewhere(schedule):
    """The progress as another process sees it, which remembers nothing."""
    clear_caches()
    return snapshot_of(schedule.pk)


def make_old(schedule, seconds):
    """Let so many seconds go by since the picture was taken."""
    client().pexpire(snapshot_key(schedule.pk), round(snapshots.KEEP_MS - seconds * 1000))
    clear_caches()


# --- No table ----------------------------------------------------------------------------------


@pytest.mark.parametrize("waiting", [1, 40])
def test_after_a_tick_no_process_asks_postgresql(schedule, waiting, django_assert_num_queries):
    make_line(schedule, waiting)
    waiting_room.tick(schedule.pk)

    with django_assert_num_queries(0):
        seen_elsewhere(schedule)


def test_a_poll_is_one_round_trip_to_redis_in_a_moment_and_process(schedule, monkeypatch):
    take(schedule)
    asked = []
    monkeypatch.setattr(breaker, "call", lambda step: asked.append(step) or step())
    clear_caches()

    for _ in range(9):
        snapshot_of(schedule.pk)

    assert len(asked) == 1
    assert MEMORY_SECONDS <= 0.2


def test_what_one_process_has_looked_up_is_there_for_the_others(schedule, django_assert_num_queries):
    snapshot_of(schedule.pk)

    with django_assert_num_queries(0):
        seen_elsewhere(schedule)


@pytest.mark.parametrize("waiting", [1, 40])
def test_a_picture_costs_the_same_for_every_length_of_line(schedule, waiting):
    make_line(schedule, waiting)

    with CaptureQueriesContext(connection) as queries:
        take(schedule)

    assert len(queries) <= 4


def test_who_asks_does_not_wait_for_a_walk_along_the_line(schedule, django_assert_num_queries):
    make_line(schedule, 9)
    waiting_room.tick(schedule.pk)
    make_old(schedule, 60)
    availability_of(schedule.pk)

    with django_assert_num_queries(2):
        snapshot_of(schedule.pk)


def test_while_the_draw_is_at_work_nobody_counts(schedule, monkeypatch):
    monkeypatch.setattr(snapshots, "COUNT_SHARE", 0)
    monkeypatch.setattr(snapshots, "COUNT_EVERY_SECONDS", 0)
    gather(schedule, 3)
    take(schedule)
    WaitingToken.objects.filter(user_id=WaitingToken.objects.latest("pk").user_id).delete()

    assert take(schedule).line.waiting == 3
    ConcertSchedule.objects.update(reservation_available_at=now() + HOUR)
    assert take(schedule).line.waiting == 2


def test_an_old_snapshot_is_not_shown(schedule):
    take(schedule)
    ConcertSchedule.objects.update(queue_paused=True)
    make_old(schedule, 0.9)
    assert snapshot_of(schedule.pk).state == "OPEN"

    make_old(schedule, 1.6)

    assert snapshot_of(schedule.pk).state == "PAUSED"


def test_snapshot_is_the_same_after_redis(schedule):
    ConcertSchedule.objects.update(drawn_at=now(), queue_message="Doors open at seven.")
    draw.make_record(schedule.pk, opens_at=schedule.reservation_available_at)
    taken = take(schedule)

    found = seen_elsewhere(schedule)

    exact = {"asked_at": 0.0}
    assert replace(found.facts, **exact) == replace(taken.facts, **exact)
    assert (found.state, found.line, found.draw) == ("OPEN", taken.line, taken.draw)
    assert found.draw
    assert abs((found.facts.now - taken.facts.now).total_seconds()) < 0.5


def test_two_who_renew_at_once_leave_the_younger_picture(schedule):
    before = facts_of(schedule.pk)
    ConcertSchedule.objects.update(queue_paused=True)
    take(schedule)

    snapshots.take(before)

    assert seen_elsewhere(schedule).state == "PAUSED"


def test_a_late_picture_does_not_take_back_who_was_called(schedule):
    make_line(schedule, 9)
    kept = take(schedule) and snapshots.stored(schedule.pk)
    snapshots.announce(schedule.pk, 5)

    snapshots.take(facts_of(schedule.pk), kept)

    assert seen_elsewhere(schedule).line.serving == 5


@pytest.mark.django_db(transaction=True)
def test_however_many_renew_it_at_once_serving_never_goes_back(schedule):
    make_line(schedule, 400)
    take(schedule)
    seen, is_over = [], threading.Event()

    def let_in():
        while numbers_of(schedule, "WAITING"):
            ConcertSchedule.objects.filter(pk=schedule.pk).update(queue_max_active=F("queue_max_active") + 1)
            snapshots.announce(schedule.pk, admission.admit(schedule.pk).serving)
        is_over.set()

    def take_pictures():
        while not is_over.is_set():
            take(schedule)

    def look_on():
        while not is_over.is_set():
            seen.append(snapshots.stored(schedule.pk).line.serving)

    assert at_once([let_in, take_pictures, take_pictures, look_on]) == [None] * 4
    assert len(set(seen)) > 20
    assert seen == sorted(seen)


# --- States ------------------------------------------------------------------------------------


def test_an_opening_needs_nobody_to_announce_it():
    soon = make_sale(reservation_available_at=now() + timedelta(milliseconds=300))
    states = [take(soon).state]
    while states[-1] == "LOBBY":
        states.append(snapshot_of(soon.pk).state)

    assert states[-1] == "OPEN"


def test_while_somebody_has_no_number_the_room_is_drawing():
    schedule = make_sale(reservation_available_at=now() + HOUR / 2, queue_paused=True)
    gather(schedule, 3)
    lobby = take(schedule)
    ConcertSchedule.objects.update(reservation_available_at=now())
    drawing = take(schedule)
    ConcertSchedule.objects.update(drawn_at=now())
    paused = take(schedule)

    assert [lobby.state, drawing.state, paused.state] == ["LOBBY", "DRAWING", "PAUSED"]
    assert (lobby.line.waiting, lobby.line.has_lobby, lobby.line.last_number) == (3, True, 0)
    assert 1790 < lobby.facts.opens_in <= 1800


def test_without_a_lobby_there_is_nothing_to_draw(schedule):
    assert take(schedule).state == "OPEN"


def test_an_unpublished_concert_is_gone_at_once(schedule):
    snapshot_of(schedule.pk)

    concerts.unpublish(concert_ids=[schedule.concert_id])

    assert not seen_elsewhere(schedule).facts.is_public
    concerts.publish(concert_ids=[schedule.concert_id])
    assert seen_elsewhere(schedule).state == "OPEN"


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"queue_paused": True}, "PAUSED"),
        ({"queue_message": "Doors open at eight."}, "Doors open at eight."),
        ({"queue_max_active": 77}, 77),
    ],
)
def test_what_staff_change_is_seen_at_once_and_hurries_the_line(schedule, change, shown, django_assert_num_queries):
    snapshot_of(schedule.pk)

    sale_settings.change_sale_settings(schedule_id=schedule.pk, **change)

    with django_assert_num_queries(0):
        seen = seen_elsewhere(schedule)
    assert shown in (seen.state, seen.facts.message, seen.facts.max_active)
    assert enqueuer.wait()
    assert client().exists(pending_key("reservations.tick_admission", schedule.pk))


def test_a_closed_sale_says_so_at_once(schedule):
    snapshot_of(schedule.pk)

    schedules.close_sale(schedule_id=schedule.pk)

    assert seen_elsewhere(schedule).state == "CLOSED"


def test_no_snapshot_is_taken_of_an_unwatched_schedule(schedule):
    sale_settings.change_sale_settings(schedule_id=schedule.pk, queue_paused=True)

    assert not client().exists(snapshot_key(schedule.pk))


# --- The draw ----------------------------------------------------------------------------------


def test_the_record_of_a_draw_is_asked_for_and_nobody_waits_for_it(schedule):
    ConcertSchedule.objects.update(drawn_at=now())

    assert take(schedule).draw is None
    assert enqueuer.wait()
    assert client().exists(pending_key("reservations.record_draw", schedule.pk))

    waiting_room.record_draw(schedule.pk)
    assert seen_elsewhere(schedule).draw == draw.known_record(schedule.pk)
    assert seen_elsewhere(schedule).facts.seed


def test_a_record_that_is_known_is_carried_from_picture_to_picture(schedule):
    ConcertSchedule.objects.update(drawn_at=now())
    record = draw.make_record(schedule.pk, opens_at=schedule.reservation_available_at)
    take(schedule)
    client().delete(draw.record_key(schedule.pk))

    assert take(schedule).draw == record


# --- Speed -------------------------------------------------------------------------------------


def samples_of(schedule):
    return snapshots.stored(schedule.pk).line.samples


def test_the_speed_is_measured_only_while_somebody_waits_for_a_full_house(schedule):
    take(schedule)
    assert samples_of(schedule) == []
    make_line(schedule, 3)
    take(schedule)
    assert [number for _, number in samples_of(schedule)] == [0]

    sale_settings.change_sale_settings(schedule_id=schedule.pk, queue_paused=True)
    assert samples_of(schedule) == []


def test_fans_that_a_higher_cap_lets_in_at_once_are_no_speed(schedule):
    make_line(schedule, 3)
    take(schedule)

    sale_settings.change_sale_settings(schedule_id=schedule.pk, queue_max_active=900)

    assert samples_of(schedule) == []


def test_a_lobby_is_no_line_that_moves(schedule):
    gather(schedule, 3)

    take(schedule)

    assert samples_of(schedule) == []


# --- One long line, and the others -------------------------------------------------------------


@pytest.mark.parametrize("is_numbered", [True, False])
def test_a_long_line_makes_no_other_slow(schedule, is_numbered):
    """Where nearly everybody waits, the planner would rather walk the table than ask the index about another line."""
    if is_numbered:
        make_line(schedule, 3000)
    else:
        gather(schedule, 3000)
    params = {"fan": 0, "schedule": 0, "check_seats": False, "now": None, "served": 0, "is_drawn": False}
    with connection.cursor() as cursor:
        cursor.execute("analyze waiting_token")
    reads = [(waiting_room, "join_facts.sql"), (queries, "schedules_with_a_line.sql"), (snapshots, "measure_line.sql")]

    for statement in (sql_beside(module.__file__, name) for module, name in reads):
        fetch(statement, params)
        plan = fetch(f"explain {statement}", params)
        assert "Seq Scan on waiting_token" not in "\n".join(line["QUERY PLAN"] for line in plan)
