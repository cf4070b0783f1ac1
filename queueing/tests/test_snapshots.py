"""What everyone may know of a line."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from concert_site.accounts.tests.factories import make_fan
from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client
from queueing.api.serializers import token_out
from queueing.domain import admission, line, snapshots
from queueing.domain.snapshots import snapshot_key
from queueing.facts import LineMeasurement
from queueing.models import WaitingToken
from queueing.pace import JITTER, POLL, estimated_wait, poll_after, poll_after_in_lobby
from queueing.queries import own_token
from queueing.tests.factories import NOW, make_active, make_line, make_snapshot, measured, seen_anew, take
from reservations.queries.sales import facts_of
from reservations.tests.factories import make_schedule

pytestmark = pytest.mark.django_db


def seen(schedule):
    """The line as another process sees it, which remembers nothing."""
    found = seen_anew(schedule).line
    return found.serving, found.last_number, found.waiting


def view_of(token):
    return own_token(token.token, user_id=token.user_id, now=NOW)


def test_an_empty_line():
    assert seen(make_schedule()) == (0, 0, 0)


def test_a_line_of_which_some_are_inside():
    schedule = make_schedule(queue_max_active=2)
    make_line(schedule, 5)
    admission.admit(schedule.pk, now=NOW)

    assert seen(schedule) == (2, 5, 3)


def test_a_line_that_has_been_served_whole():
    schedule = make_schedule()
    make_line(schedule, 3)
    admission.admit(schedule.pk, now=NOW)

    assert seen(schedule) == (3, 3, 0)


def test_who_left_from_the_front_is_not_waited_for():
    schedule = make_schedule()
    first, *_ = make_line(schedule, 4)
    line.leave(user_id=first.user_id, token=first.token, now=NOW)

    assert seen(schedule) == (1, 4, 3)


def test_a_fan_who_leaves_the_middle_of_the_line_is_not_counted():
    schedule = make_schedule()
    _, second, *_ = make_line(schedule, 4)
    line.leave(user_id=second.user_id, token=second.token, now=NOW)

    assert seen(schedule) == (0, 4, 3)


def test_who_is_inside_was_called_even_if_somebody_before_them_waits():
    schedule = make_schedule()
    make_line(schedule, 1)
    make_active(schedule)

    assert snapshots.measure(schedule.pk).serving == 2


def test_serving_never_goes_back():
    """A number that comes in late is served next; nobody's place gets worse for it."""
    schedule = make_schedule()
    make_line(schedule, 4)
    WaitingToken.objects.filter(number=1).delete()
    take(schedule)
    WaitingToken.objects.create(user=make_fan(), concert_schedule=schedule, number=1)

    assert take(schedule).line.serving == 1


def test_a_new_number_is_seen_before_the_next_snapshot():
    schedule = make_schedule()
    make_line(schedule, 2)
    take(schedule)

    line.take_number(user_id=make_fan().pk, schedule_id=schedule.pk, now=NOW)

    assert seen(schedule) == (0, 3, 2)


def test_an_admission_is_seen_before_the_next_snapshot():
    schedule = make_schedule()
    make_line(schedule, 4)
    take(schedule)

    snapshots.announce(schedule.pk, 3)

    assert seen_anew(schedule).line.serving == 3


def test_a_cached_snapshot_makes_no_query(django_assert_num_queries):
    schedule = make_schedule()
    make_line(schedule, 3)
    take(schedule)

    with django_assert_num_queries(0):
        assert seen(schedule) == (0, 3, 3)


@pytest.mark.parametrize("waiting", [1, 40])
def test_a_snapshot_is_two_queries_for_every_length_of_line(waiting, django_assert_num_queries):
    schedule = make_schedule()
    make_line(schedule, waiting)
    facts = facts_of(schedule.pk)

    with django_assert_num_queries(2):
        snapshots.take(facts)


def test_between_two_counts_the_waiting_are_carried_forward(django_assert_num_queries):
    schedule = make_schedule()
    make_line(schedule, 5)
    slow = replace(snapshots.measure(schedule.pk), count_seconds=9.0)
    WaitingToken.objects.filter(number__lte=2).move("WAITING", "EXPIRED", expired_at=NOW, expired_reason="LEFT")
    WaitingToken.objects.create(user=make_fan(), concert_schedule=schedule, number=6)

    with django_assert_num_queries(1):
        moved = snapshots.measure(schedule.pk, slow)

    assert (moved.serving, moved.last_number, moved.waiting) == (2, 6, 4)


def test_the_speed_is_unknown_before_it_was_measured():
    schedule = make_schedule()
    make_line(schedule, 3)
    measured(schedule, (9, 0))

    assert take(schedule).line.numbers_per_minute is None


def test_the_speed_is_that_of_the_last_minutes():
    schedule = make_schedule()
    make_line(schedule, 40)
    WaitingToken.objects.filter(number__lte=30).move("WAITING", "EXPIRED", expired_at=NOW, expired_reason="LEFT")
    measured(schedule, (400, 0), (60, 10))

    assert take(schedule).line.numbers_per_minute == pytest.approx(20, abs=0.2)


def test_pause_resets_the_measured_speed():
    schedule = make_schedule()
    make_line(schedule, 3)
    measured(schedule, (60, 0))

    assert take(schedule, is_paused=True).line.numbers_per_minute is None
    assert take(schedule).line.numbers_per_minute is None


def test_redis_keeps_two_keys_a_line_whatever_its_length():
    schedule = make_schedule()
    make_line(schedule, 60)
    for _ in range(60):
        take(schedule)
        line.take_number(user_id=make_fan().pk, schedule_id=schedule.pk, now=NOW)

    assert len(client().keys(f"queue:{schedule.pk}:*")) == 2
    assert client().hlen(snapshot_key(schedule.pk)) == 3
    assert 0 < client().ttl(snapshot_key(schedule.pk)) <= 600


@pytest.mark.parametrize(("serving", "position"), [(0, 5), (3, 2), (4, 1), (5, 1), (9, 1)])
def test_the_position_is_the_distance_to_serving_and_never_below_one(serving, position):
    *_, fifth = make_line(make_schedule(), 5)

    shown = token_out(view_of(fifth), make_snapshot(LineMeasurement(serving=serving, last_number=9, waiting=5)))

    assert (shown["number"], shown["position"]) == (5, position)


@pytest.mark.parametrize("status", ["ACTIVE", "EXPIRED"])
def test_who_does_not_wait_has_no_position(status):
    token = make_active(make_schedule(), until=NOW + timedelta(seconds=1 if status == "ACTIVE" else 0))

    shown = token_out(view_of(token), make_snapshot(LineMeasurement(0, 9, 5, numbers_per_minute=60.0)))

    assert (shown["status"], shown["position"], shown["estimated_wait_seconds"]) == (status, None, None)


@pytest.mark.parametrize(
    ("ahead", "speed", "seconds"),
    [(0, 60.0, 1), (99, 60.0, 100), (99, 30.0, 200), (99, None, None), (99, 0.0, None), (None, 60.0, None)],
)
def test_the_wait_is_the_place_over_the_speed(ahead, speed, seconds):
    assert estimated_wait(ahead, speed) == seconds


@pytest.mark.parametrize(("ahead", "least"), [(0, 1), (199, 1), (200, 3), (999, 3), (1000, 5), (10**6, 20)])
def test_who_is_far_away_asks_seldom_and_everybody_spreads(ahead, least):
    asked = {poll_after(ahead) for _ in range(200)}

    assert min(asked) >= least
    assert max(asked) <= round(least * (1 + JITTER), 1)
    assert len(asked) > 1
    assert sorted(POLL) == POLL


@pytest.mark.parametrize(
    ("opens_in", "waiting", "least", "most"),
    [
        (3000, 9, 30, 36),
        (100, 9, 10, 12),
        (10, 9, 3, 3.6),
        (2, 9, 2, 3),
        (2, 20_000, 2, 12),
        (2, 10**6, 2, 32),
        (-5, 9, 1, 2),
        (-5, 10**6, 1, 31),
    ],
)
def test_who_waits_for_the_draw_asks_by_the_time_that_is_left(opens_in, waiting, least, most):
    seen = make_snapshot(LineMeasurement(0, 0, waiting, has_lobby=True), opens_in=opens_in)

    asked = [poll_after_in_lobby(seen) for _ in range(500)]

    assert least <= min(asked) < max(asked) <= most
    assert max(asked) - min(asked) > (most - least) / 2


def test_a_token_without_a_number_has_no_position_and_asks_at_its_own_pace():
    schedule = make_schedule()
    token = WaitingToken.objects.create(user=make_fan(), concert_schedule=schedule)

    shown = token_out(view_of(token), make_snapshot(LineMeasurement(0, 0, 1, has_lobby=True), opens_in=1000.0))

    assert (shown["status"], shown["number"], shown["position"], shown["estimated_wait_seconds"]) == (
        "WAITING", None, None, None,
    )  # fmt: skip
    assert 30 <= shown["poll_after_seconds"] <= 36


def test_the_time_to_the_opening_goes_on_in_redis():
    schedule = make_schedule()
    before = take(schedule)
    client().pexpire(snapshot_key(schedule.pk), snapshots.KEEP_MS - 1000)

    assert before.facts.opens_in - seen_anew(schedule).facts.opens_in == pytest.approx(1, abs=0.5)


# --- The speed ---------------------------------------------------------------------------------


def waiting_line(serving, waiting=9):
    return LineMeasurement(serving, serving + waiting, waiting)


def test_a_sample_is_taken_every_few_seconds_and_the_last_minutes_are_kept():
    samples = []
    for second in range(400):
        samples = snapshots.sampled(samples, waiting_line(second), now=second)

    assert samples[0] == (220, 220)
    assert [at for at, _ in samples] == list(range(220, 400, 5))
    assert snapshots.speed_of(samples, 399, now=399) == 60.0


def test_speed_is_not_measured_while_nobody_waits():
    assert snapshots.sampled([(1.0, 5)], waiting_line(9, waiting=0), now=9) == [(1.0, 5)]


def test_after_a_quiet_time_the_measurement_begins_anew():
    quiet = [(100.0, 5), (105.0, 6)]

    assert snapshots.sampled(quiet, waiting_line(9), now=120) == [*quiet, (120, 9)]
    assert snapshots.sampled(quiet, waiting_line(9), now=121) == [(121, 9)]
    assert snapshots.speed_of(quiet, 9, now=121) is None


# --- Where the line is long --------------------------------------------------------------------


def test_the_looks_at_the_line_go_by_an_index():
    """However long the line and however many were served: no part of it is walked along."""
    make_line(make_schedule(), 3)
    sql = snapshots.sql_beside(snapshots.__file__, "measure_line.sql")
    with connection.cursor() as cursor:
        # Three rows are sorted as cheaply as read in order: what is asked is whether a long line would have to be.
        cursor.execute("set local enable_seqscan = off; set local enable_sort = off")
        cursor.execute(f"explain {sql}", {"schedule": 1, "served": 5, "is_drawn": False})
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert plan.count("Index") >= 3
    assert "Seq Scan" not in plan
    assert "Sort" not in plan
    assert "number IS NULL" in plan
    assert "number > " in plan


def test_a_line_that_has_stood_still_has_no_speed():
    samples = [(at, 5) for at in range(0, 60, 5)]

    assert snapshots.speed_of(samples, 5, now=61) is None
    assert snapshots.speed_of(samples, 6, now=61) == 1.0


def away(_schedule_id):
    raise OperationalError("PostgreSQL takes connections and says nothing")


def test_while_postgres_is_away_the_line_is_told_as_it_was():
    schedule = make_schedule()
    make_line(schedule, 3)
    take(schedule)
    # As old as one is a minute later.
    client().pexpire(snapshot_key(schedule.pk), snapshots.KEEP_MS - 60_000)
    clear_caches()

    told = snapshots.current(schedule.pk, away)

    assert told.line.waiting == 3
    assert told.is_old


def test_a_line_that_nobody_has_seen_is_not_made_up_while_postgres_is_away():
    with pytest.raises(OperationalError):
        snapshots.current(make_schedule().pk, away)
