"""The schedule of the background work, the ticks in the broker's queue, and what the nightly tasks find."""

import json
import logging
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from celery import current_app
from celery.contrib.testing.worker import start_worker
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from concert_site import tasks
from concert_site.accounts.models import AccountSession
from concert_site.accounts.tests.factories import make_fan
from concert_site.celery import app
from concert_site.lib.redis import client
from concert_site.tests.redis_server import redis_of_our_own
from payments import tasks as mail_tasks
from queueing.tests.factories import make_line, numbers_of
from reservations import tasks as sale_tasks
from reservations.tests.factories import make_schedule, make_seats
from wallet.models import Balance

pytestmark = pytest.mark.django_db

TICKS = {"reservations.tick_admission": 1, "reservations.tick_release": 1, "concert_site.tick_analyze": 5}
MAILS = {"payments.send_mails": 5}
NIGHTLY = {"concert_site.audit": "10 4", "concert_site.clear_sessions": "40 4", "reservations.clear_posters": "50 4"}

SEEDS = [
    import_module(f"concert_site.migrations.{name}")
    for name in ("0001_beat_schedule", "0002_clear_posters", "0003_send_mails")
]


def seed():
    """Seed the schedule as the migrations do."""
    for migration in SEEDS:
        migration.seed(apps, connection.schema_editor())


@pytest.fixture(autouse=True)
def seeded(db):
    """What the migration left may have been emptied by a test that commits."""
    client().flushdb()
    seed()


def pending():
    """The messages in the broker's queue of ticks, oldest first."""
    return [json.loads(message) for message in reversed(client().lrange("ticks", 0, -1))]


def send(name, times=1):
    """Send a periodic task as beat does when its time has come."""
    scheduler = DatabaseScheduler(app=current_app, lazy=True)
    for _ in range(times):
        scheduler.apply_async(scheduler.schedule[name], advance=False)


# --- What was seeded ---------------------------------------------------------------------------


@pytest.mark.parametrize("migration", SEEDS)
def test_the_migration_seeds_the_schedule(migration):
    (step,) = migration.Migration.operations

    assert step.code is migration.seed


def test_every_tick_is_seeded_with_its_interval_its_queue_and_an_expiry():
    ticks = PeriodicTask.objects.filter(interval__isnull=False).select_related("interval")

    # Mails are no ticks: a slow mail server must not keep the line waiting.
    expected = {name: (name, seconds, "ticks", seconds) for name, seconds in TICKS.items()} | {
        name: (name, seconds, "celery", seconds) for name, seconds in MAILS.items()
    }
    assert {tick.name: (tick.task, tick.interval.every, tick.queue, tick.expire_seconds) for tick in ticks} == expected
    assert {tick.interval.period for tick in ticks} == {"seconds"}


def test_every_nightly_task_is_seeded_in_the_venues_zone(settings):
    nightly = PeriodicTask.objects.filter(name__in=NIGHTLY).select_related("crontab")

    assert {each.name: f"{each.crontab.minute} {each.crontab.hour}" for each in nightly} == NIGHTLY
    assert {str(each.crontab.timezone) for each in nightly} == {settings.TIME_ZONE}


# Ticks ask for them where they are due; nothing of them is on a schedule.
ON_DEMAND = {sale_tasks.draw_line.name, sale_tasks.record_draw.name}


def test_every_seeded_task_exists_and_every_task_of_ours_is_seeded():
    # A worker imports every app's tasks at its start; here the import above has registered them.
    assert {sale_tasks.tick_admission.name, mail_tasks.send_mails.name} <= set(current_app.tasks)
    ours = {name for name in current_app.tasks if name.split(".")[0] in ("concert_site", "reservations", "payments")}

    seeded = set(PeriodicTask.objects.exclude(task__startswith="celery.").values_list("task", flat=True))
    assert seeded == ours - ON_DEMAND


def test_what_staff_changed_or_deleted_is_left_to_them():
    PeriodicTask.objects.filter(name="reservations.tick_release").update(enabled=False, expire_seconds=9)
    before = list(PeriodicTask.objects.order_by("id").values())

    seed()
    call_command("migrate", verbosity=0)

    assert list(PeriodicTask.objects.order_by("id").values()) == before


def test_seeding_an_empty_house_makes_everything_once():
    before = set(PeriodicTask.objects.values_list("name", flat=True))
    PeriodicTask.objects.all().delete()

    seed()
    seed()

    seeded = PeriodicTask.objects.values_list("name", flat=True)
    assert sorted(seeded) == sorted({*TICKS, *MAILS, *NIGHTLY})
    assert set(seeded) <= before


# --- Ticks in the queue ------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)  # the scheduler closes connections that are within a transaction
@pytest.mark.parametrize(("name", "seconds"), TICKS.items())
def test_each_tick_of_beat_expires_before_the_next_one(name, seconds):
    before = now()
    send(name, times=3)

    messages = pending()
    ends = [datetime.fromisoformat(message["headers"]["expires"]) for message in messages]
    assert [message["headers"]["task"] for message in messages] == [name] * 3
    assert all(end <= now() + timedelta(seconds=seconds) for end in ends)
    assert all(end >= before for end in ends)


@pytest.mark.django_db(transaction=True)
def test_ticks_that_nobody_took_up_in_time_are_dropped_by_the_worker_unrun():
    """A worker that comes back after a while does one second's work, not that of the while."""
    schedule = make_schedule(queue_max_active=1)
    make_seats(schedule, 5)
    make_line(schedule, 5)
    with redis_of_our_own() as redis:
        for _ in range(20):
            current_app.send_task("reservations.tick_admission", queue="ticks", expires=now() - timedelta(seconds=1))
        assert redis.client.llen("ticks") == 20
        run_until(lambda: not (redis.client.llen("ticks") or redis.client.hlen("unacked")))
        assert numbers_of(schedule, "ACTIVE") == []

        current_app.send_task("reservations.tick_admission", queue="ticks", expires=30)
        run_until(lambda: numbers_of(schedule, "ACTIVE") == [1])


@contextmanager
def as_it_was_before():
    """Undo what a worker does to its process: it quiets the logs, and its app becomes that of every thread."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
        app.set_default()


def run_until(is_done):
    """Let a worker take up what lies in the queue of ticks until `is_done`.

    A message that it has taken and not begun yet is nowhere in Redis, so an empty queue says nothing of the last one.
    """
    # A worker imports every app's tasks at its start; here the import above has registered them.
    assert sale_tasks.tick_admission.name in current_app.tasks
    current_app.amqp.queues.select(["ticks"])
    with (
        as_it_was_before(),
        start_worker(current_app, pool="solo", concurrency=1, perform_ping_check=False, queues=["ticks"]),
    ):
        deadline = now() + timedelta(seconds=10)
        while not is_done():
            assert now() < deadline, "the worker doesn't do it"
            time.sleep(0.02)


# --- Statistics, audit, sessions ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("opened_ago", "is_analyzed"),
    [(timedelta(minutes=1), True), (timedelta(minutes=11), False), (timedelta(minutes=-1), False)],
)
def test_tables_are_analyzed_while_a_sale_is_young(opened_ago, is_analyzed):
    make_schedule(reservation_available_at=now() - opened_ago)

    with CaptureQueriesContext(connection) as queries:
        tasks.tick_analyze()

    analyzed = [query["sql"] for query in queries if query["sql"].lower().startswith("analyze")]
    assert analyzed == (["analyze (skip_locked) reservation, payment, waiting_token"] if is_analyzed else [])
    assert len(queries) == 1 + is_analyzed


def test_a_young_sale_that_is_closed_already_is_left_alone():
    moment = now()
    make_schedule(reservation_available_at=moment - timedelta(minutes=1), deadline_at=moment)

    with CaptureQueriesContext(connection) as queries:
        tasks.tick_analyze()

    assert len(queries) == 1


def test_the_audit_of_a_sound_house_is_no_error(caplog):
    tasks.nightly_audit()

    assert len(caplog.records) == 9
    assert {record.levelname for record in caplog.records} == {"INFO"}


def test_a_breach_is_an_error_in_the_log(caplog):
    Balance.objects.create(user=make_fan(), amount=5, last_updated_at=now())

    tasks.nightly_audit()

    (error,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert error.getMessage().startswith("Audit: 4 BREACH")


def test_sessions_that_are_over_are_deleted():
    for key, end in (("over", now() - timedelta(seconds=1)), ("live", datetime(2099, 1, 1, tzinfo=UTC))):
        AccountSession.objects.create(session_key=key, session_data="", expire_date=end)

    tasks.clear_sessions()

    assert list(AccountSession.objects.values_list("session_key", flat=True)) == ["live"]
