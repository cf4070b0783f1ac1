"""The sale's background work, and how it is hurried."""

import json
import socket
import time
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils.timezone import now

from concert_site.accounts.tests.concurrency import at_once
from concert_site.lib import tasks as lib_tasks
from concert_site.lib.redis import client
from concert_site.lib.task_runs import limited_runs, single_run
from concert_site.lib.tasks import clear_pending, enqueue, enqueuer
from concert_site.tests.away import redis_away, start_over
from concert_site.tests.pooled import session_settings
from concert_site.tests.redis_server import pointed_at, redis_of_our_own
from payments.domain import checkout
from queueing.domain import admission, ticks
from queueing.tests.factories import make_line, numbers_of
from reservations import tasks
from reservations.domain import waiting_room
from reservations.models import Reservation
from reservations.tests.factories import make_schedule, make_seats
from reservations.tests.scenes import hold, in_order, make_sale, statuses
from wallet.tests.factories import make_fan

pytestmark = pytest.mark.django_db

ADMISSION = "reservations.tick_admission"


@pytest.fixture(autouse=True)
def no_task_running():
    """Ids begin anew with each test: of none of these schedules a task was running or wanted again."""
    start_over()


def make_line_of(waiting):
    schedule = make_schedule(queue_max_active=2)
    make_seats(schedule, 10)
    make_line(schedule, waiting)
    return schedule


def pending():
    """The messages in the broker's queue of ticks, which no worker empties here; oldest first."""
    return [json.loads(message) for message in reversed(client().lrange("ticks", 0, -1))]


# --- Ticks -------------------------------------------------------------------------------------


def test_a_tick_of_beat_moves_every_line():
    first, second = make_line_of(3), make_line_of(1)
    make_schedule()

    tasks.tick_admission()

    assert (numbers_of(first, "ACTIVE"), numbers_of(second, "ACTIVE")) == ([1, 2], [1])


def test_a_hurried_tick_moves_its_line_alone():
    first, second = make_line_of(3), make_line_of(3)

    tasks.tick_admission(schedule_id=second.pk)

    assert (numbers_of(first, "ACTIVE"), numbers_of(second, "ACTIVE")) == ([], [1, 2])


def test_without_a_line_a_tick_is_one_query(django_assert_num_queries):
    make_schedule()

    with django_assert_num_queries(1):
        tasks.tick_admission()


def test_a_tick_that_finds_another_at_work_leaves_it_at_that(django_assert_num_queries):
    schedule = make_line_of(1)

    with single_run(ADMISSION) as is_alone, django_assert_num_queries(0):
        assert is_alone
        tasks.tick_admission()

    tasks.tick_admission()
    assert numbers_of(schedule, "ACTIVE") == [1]


def test_who_was_not_alone_leaves_the_others_mark_in_place():
    with single_run("a"):
        with single_run("a") as is_alone:
            assert not is_alone
        with single_run("a") as is_alone:
            assert not is_alone


def test_without_redis_ticks_go_on():
    schedule = make_line_of(3)

    with redis_away():
        tasks.tick_admission()
        tasks.tick_release()

    assert numbers_of(schedule, "ACTIVE") == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_the_trouble_of_one_line_is_not_the_others():
    stuck, free = make_line_of(3), make_line_of(3)
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("select lock_waiting_room(%s)", [stuck.pk])

    with session_settings(lock_timeout="100ms"):
        tasks.tick_admission()
    other.rollback()
    other.close()

    assert (numbers_of(stuck, "ACTIVE"), numbers_of(free, "ACTIVE")) == ([], [1, 2])
    tasks.tick_admission()
    assert numbers_of(stuck, "ACTIVE") == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_ticks_at_once_let_in_what_one_would():
    schedule, over = make_line_of(9), make_line_of(30)
    over.deadline_at = now()
    over.save()

    answers = at_once(
        [partial(waiting_room.tick, each) for each in (schedule.pk, over.pk)] * 4 + [tasks.tick_admission]
    )

    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert numbers_of(schedule, "ACTIVE") == [1, 2]
    assert numbers_of(over, "EXPIRED") == list(range(1, 31))


def test_lapsed_holds_return_to_sale():
    sale = make_sale(seats=3)
    hold(make_fan(), sale, 0, now=now() - timedelta(seconds=301))
    hold(make_fan(), sale, 1, now=now())

    tasks.tick_release()
    tasks.tick_release()

    assert statuses(sale) == "ATA"
    assert sorted(Reservation.objects.values_list("status", flat=True)) == ["CANCELED", "RESERVING"]


@pytest.mark.django_db(transaction=True)
def test_releases_at_once_release_once():
    sale = make_sale(seats=6)
    for nth in range(6):
        hold(make_fan(), sale, nth, now=now() - timedelta(seconds=301))

    assert at_once([tasks.tick_release] * 4) == [None] * 4

    assert statuses(sale) == "AAAAAA"


# --- Hurrying ----------------------------------------------------------------------------------


def test_enqueue_twice_sends_one_tick_a_schedule():
    assert [enqueue(ADMISSION, schedule_id=each) for each in (1, 1, 2, 1)] == [True, False, True, False]

    assert [message["headers"]["kwargsrepr"] for message in pending()] == ["{'schedule_id': 1}", "{'schedule_id': 2}"]


def test_a_hurried_tick_has_no_expiry_that_another_hosts_clock_would_judge():
    enqueue(ADMISSION, schedule_id=1)

    (message,) = pending()
    assert message["headers"]["task"] == ADMISSION
    assert message["headers"]["expires"] is None


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        (ADMISSION, "ticks"),
        ("reservations.draw_line", "lines"),
        ("reservations.end_line", "lines"),
        ("reservations.record_draw", "lines"),
    ],
)
def test_what_is_long_is_not_hurried_into_the_queue_of_ticks(task, queue):
    enqueue(task, schedule_id=1)

    assert {name: client().llen(name) for name in ("ticks", "lines", "celery")} == {
        name: int(name == queue) for name in ("ticks", "lines", "celery")
    }


def test_a_queue_that_nobody_empties_gets_no_longer_than_it_may(monkeypatch):
    monkeypatch.setattr(lib_tasks, "MOST_PENDING", 5)

    assert [enqueue(ADMISSION, schedule_id=each) for each in range(9)] == [True] * 5 + [False] * 4
    assert client().llen("ticks") == 5


def test_a_mark_from_before_the_clock_was_set_back_stands_in_nobodys_way():
    """As if it had been set when Redis's clock was ten minutes ahead of what it is now."""
    client().set(lib_tasks.pending_key(ADMISSION, 1), 1, ex=602)

    assert enqueue(ADMISSION, schedule_id=1) is True
    assert enqueue(ADMISSION, schedule_id=1) is False


def test_once_it_has_begun_the_next_may_be_enqueued():
    """What happens while a tick runs is not lost: the mark is taken down before the tick looks."""
    schedule = make_line_of(1)
    enqueue(ADMISSION, schedule_id=schedule.pk)

    tasks.tick_admission(schedule_id=schedule.pk)

    assert enqueue(ADMISSION, schedule_id=schedule.pk)
    assert len(pending()) == 2


def test_paying_the_last_of_a_fans_seats_hurries_the_next_admission():
    sale, fan = make_sale(), make_fan(balance=200_000)
    first, second = in_order(hold(fan, sale, 0, 1))

    checkout.pay(user_id=fan.pk, reservation_ids=[first])
    assert enqueuer.wait()
    assert pending() == []
    checkout.pay(user_id=fan.pk, reservation_ids=[second])

    assert enqueuer.wait()
    (message,) = pending()
    assert message["headers"]["kwargsrepr"] == f"{{'schedule_id': {sale.pk}}}"


def test_a_mark_that_nobody_takes_down_lapses():
    enqueue(ADMISSION, schedule_id=1)

    assert client().ttl(lib_tasks.pending_key(ADMISSION, 1)) <= 2
    clear_pending(ADMISSION, schedule_id=1)
    assert client().exists(lib_tasks.pending_key(ADMISSION, 1)) == 0


def test_without_redis_enqueueing_is_given_up_at_once():
    with redis_away():
        started = time.monotonic()
        assert [enqueue(ADMISSION, schedule_id=each) for each in (1, 2, 3)] == [False] * 3
        clear_pending(ADMISSION, schedule_id=1)

    assert time.monotonic() - started < 5


@pytest.mark.parametrize(("is_silent", "patience"), [(False, 5), (True, 10)])
def test_a_broker_that_goes_away_between_mark_and_message_fails_nobody(is_silent, patience, tmp_path, caplog):
    """The mark can still be set, but the message can't be sent: nobody listens, or nobody answers."""
    path = tmp_path / "broker.sock"
    with redis_of_our_own() as redis, socket.socket(socket.AF_UNIX) as broker:
        if is_silent:
            broker.bind(str(path))
            broker.listen(10)
        with pointed_at(redis.url, broker_url=f"unix://{path}"):
            started = time.monotonic()

            assert enqueue(ADMISSION, schedule_id=1) is False

            assert time.monotonic() - started < patience
    assert "was not enqueued" in caplog.text


def test_large_draws_leave_threads_to_the_lines(monkeypatch):
    """However many sales open at the same moment, not every thread of the worker draws."""
    drawn = []
    monkeypatch.setattr(waiting_room, "draw_line", drawn.append)

    with limited_runs(2, "reservations.draw_line"), limited_runs(2, "reservations.draw_line"):
        tasks.draw_line(1)
    tasks.draw_line(2)

    assert drawn == [2]


# --- The end of a long line --------------------------------------------------------------------


def make_line_that_is_over(waiting):
    schedule = make_line_of(waiting)
    schedule.deadline_at = now()
    schedule.save()
    return schedule


def test_a_tick_ends_a_piece_of_a_long_line_and_has_the_rest_ended_elsewhere(monkeypatch):
    monkeypatch.setattr(ticks, "MOST_ENDED", 2)
    schedule = make_line_that_is_over(5)

    tasks.tick_admission()

    assert enqueuer.wait()
    assert numbers_of(schedule, "EXPIRED") == [1, 2]
    (message,) = [json.loads(each) for each in client().lrange("lines", 0, -1)]
    assert message["headers"]["task"] == "reservations.end_line"
    tasks.end_line(schedule.pk)
    assert numbers_of(schedule, "EXPIRED") == [1, 2, 3, 4, 5]


def test_a_short_line_is_ended_by_the_tick_alone():
    schedule = make_line_that_is_over(3)

    tasks.tick_admission()

    assert enqueuer.wait()
    assert numbers_of(schedule, "EXPIRED") == [1, 2, 3]
    assert client().llen("lines") == 0


def test_a_line_whose_sale_goes_on_is_not_ended():
    schedule = make_line_of(3)

    tasks.end_line(schedule.pk)

    assert numbers_of(schedule, "WAITING") == [1, 2, 3]


@pytest.mark.django_db(transaction=True)
def test_tokens_ended_before_a_kill_stay_so_and_the_next_task_goes_on(monkeypatch):
    monkeypatch.setattr(admission, "END_BATCH", 2)
    schedule = make_line_that_is_over(5)
    end_some, ended = admission.end_some, []

    def killed_at_the_second(*args, **options):
        if ended:
            raise KeyboardInterrupt
        ended.append(end_some(*args, **options))
        return ended[0]

    monkeypatch.setattr(admission, "end_some", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        tasks.end_line(schedule.pk)
    assert numbers_of(schedule, "EXPIRED") == [1, 2]
    monkeypatch.setattr(admission, "end_some", end_some)

    tasks.end_line(schedule.pk)

    assert numbers_of(schedule, "EXPIRED") == [1, 2, 3, 4, 5]
