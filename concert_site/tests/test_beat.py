"""The schedule of the background work, the ticks in the broker's queue, and what the nightly tasks find."""

import json
import logging
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from celery import current_app
from celery.contrib.testing.worker import start_worker
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from concert_site import celery as site_celery
from concert_site.accounts.models import AccountSession
from concert_site.accounts.tests.factories import make_fan
from concert_site.approvals import tasks as approval_tasks
from concert_site.celery import app
from concert_site.lib import task_runs
from concert_site.lib import tasks as lib_tasks
from concert_site.lib.redis import client
from concert_site.operations import audit, periodic_tasks, tasks
from concert_site.operations.scheduler import SiteScheduler
from concert_site.tests.redis_server import redis_of_our_own
from payments import tasks as mail_tasks
from queueing.tests.factories import make_line, numbers_of
from reservations import tasks as sale_tasks
from reservations.tests.factories import make_schedule, make_seats
from wallet import tasks as money_tasks
from wallet.models import Balance

pytestmark = pytest.mark.django_db

TICKS = {"reservations.tick_admission": 1, "reservations.tick_release": 1, "concert_site.tick_analyze": 5}
# Neither are what providers are asked.
MAILS = {
    "payments.send_mails": 5,
    "payments.refund_dates": 2,
    "wallet.handle_events": 2,
    "wallet.settle_top_ups": 5,
    "wallet.settle_withdrawals": 5,
}
NIGHTLY = {
    "concert_site.audit": "10 4",
    "concert_site.clear_sessions": "40 4",
    "reservations.clear_posters": "50 4",
    "concert_site.prune": "0 5",
    "wallet.settle_days": "20 5",
    "approvals.expire": "30 4",
}

SEEDS = [
    import_module(f"concert_site.migrations.{name}")
    for name in ("0001_beat_schedule", "0002_clear_posters", "0003_send_mails", "0004_tasks_of_money")
]


def seed():
    """Seed the schedule as the migrations do."""
    for migration in SEEDS:
        migration.seed(apps, connection.schema_editor())


@pytest.fixture(autouse=True)
def nothing_watches(monkeypatch):
    """A worker's watch has a connection of its own, which would outlive its test."""
    monkeypatch.setattr(site_celery, "watch_by_thread", lambda seconds: None)


@pytest.fixture(autouse=True)
def seeded(db):
    """What the migration left may have been emptied by a test that commits."""
    seed()
    periodic_tasks.restore()


def pending(queue="ticks"):
    """The messages in a queue of the broker, oldest first."""
    return [json.loads(message) for message in reversed(client().lrange(queue, 0, -1))]


def send(name, times=1):
    """Send a periodic task as beat does when its time has come."""
    scheduler = SiteScheduler(app=current_app, lazy=True)
    for _ in range(times):
        scheduler.apply_async(scheduler.schedule[name], advance=False)


# --- What was seeded ---------------------------------------------------------------------------


@pytest.mark.parametrize("migration", SEEDS)
def test_the_migration_seeds_the_schedule(migration):
    (step,) = migration.Migration.operations

    assert step.code is migration.seed


def test_every_tick_has_its_interval_its_queue_and_no_expiry_by_the_clock():
    ticks = PeriodicTask.objects.filter(interval__isnull=False).select_related("interval")

    # Mails are no ticks: a slow mail server must not keep the line waiting; neither must statistics.
    queues = dict.fromkeys(MAILS, "celery") | {"concert_site.tick_analyze": "lines"}
    expected = {name: (name, seconds, queues.get(name, "ticks"), None) for name, seconds in (TICKS | MAILS).items()}
    assert {tick.name: (tick.task, tick.interval.every, tick.queue, tick.expire_seconds) for tick in ticks} == expected
    assert {tick.interval.period for tick in ticks} == {"seconds"}


def test_every_nightly_task_is_seeded_in_the_venues_zone(settings):
    nightly = PeriodicTask.objects.filter(name__in=NIGHTLY).select_related("crontab")

    assert {each.name: f"{each.crontab.minute} {each.crontab.hour}" for each in nightly} == NIGHTLY
    assert {str(each.crontab.timezone) for each in nightly} == {settings.TIME_ZONE}


# Ticks ask for them where they are due; nothing of them is on a schedule.
ON_DEMAND = {sale_tasks.draw_line.name, sale_tasks.record_draw.name, sale_tasks.end_line.name}


def test_every_seeded_task_exists_and_every_task_of_ours_is_seeded():
    # A worker imports every app's tasks at its start; here the import above has registered them.
    tasks_of = (sale_tasks.tick_admission, mail_tasks.send_mails, money_tasks.handle_events, approval_tasks.expire)
    assert {each.name for each in tasks_of} <= set(current_app.tasks)
    apps_of_ours = ("concert_site", "approvals", "reservations", "payments", "wallet")
    ours = {name for name in current_app.tasks if name.split(".")[0] in apps_of_ours}

    seeded = set(PeriodicTask.objects.exclude(task__startswith="celery.").values_list("task", flat=True))
    assert seeded == ours - ON_DEMAND


# Each way to spoil a row, by SQL or a shell: the admin doesn't let anybody.
SPOILT = {
    "deleted": lambda rows: rows.delete(),
    "disabled": lambda rows: rows.update(enabled=False),
    "another task": lambda rows: rows.update(task="celery.ping"),
    "another queue": lambda rows: rows.update(queue="celery"),
    "no queue": lambda rows: rows.update(queue=None),
    "arguments": lambda rows: rows.update(kwargs='{"schedule_id": 1}'),
    "no JSON": lambda rows: rows.update(args="["),
    "once": lambda rows: rows.update(one_off=True),
    "from next year on": lambda rows: rows.update(start_time=now() + timedelta(days=365)),
    "until yesterday": lambda rows: rows.update(expires=now() - timedelta(days=1)),
    "expiry": lambda rows: rows.update(expire_seconds=1),
    "hourly": lambda rows: rows.update(interval=IntervalSchedule.objects.create(every=3600, period="seconds")),
    "a minute's interval": lambda rows: IntervalSchedule.objects.filter(periodictask__in=rows).update(period="minutes"),
    "nightly": lambda rows: rows.update(interval=None, crontab=CrontabSchedule.objects.first()),
    "exchange": lambda rows: rows.update(exchange="other", routing_key="other"),
    "no interval": lambda rows: IntervalSchedule.objects.filter(periodictask__in=rows).delete(),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_was_spoilt_is_put_back(how):
    before = values_of("reservations.tick_admission")
    SPOILT[how](PeriodicTask.objects.filter(name="reservations.tick_admission"))
    (deviation, *_others) = [each for each in periodic_tasks.deviations() if each.task == "reservations.tick_admission"]
    assert not deviation.is_confirmed

    periodic_tasks.restore()

    assert periodic_tasks.deviations() == []
    assert values_of("reservations.tick_admission") == before


def test_each_migrate_puts_back_what_was_spoilt():
    PeriodicTask.objects.filter(name="reservations.tick_admission").update(queue="celery")
    assert periodic_tasks.deviations() != []

    call_command("migrate", verbosity=0)

    assert periodic_tasks.deviations() == []


def values_of(name):
    """What beat does by a row."""
    row = PeriodicTask.objects.select_related("interval", "crontab").get(name=name)
    return periodic_tasks.actual_values(row)


def test_what_is_put_back_is_said_loudly_once(caplog):
    PeriodicTask.objects.filter(name="reservations.tick_release").update(enabled=False)

    periodic_tasks.restore()
    periodic_tasks.restore()

    (record,) = caplog.records
    assert (record.levelname, "reservations.tick_release is disabled" in record.getMessage()) == ("ERROR", True)


def test_rows_as_an_earlier_release_left_them_are_brought_up_to_date_quietly(caplog):
    PeriodicTask.objects.all().delete()
    seed()
    assert periodic_tasks.deviations() != []

    periodic_tasks.restore()

    # What is new with this release is said, for it might have been deleted as well.
    loud = [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG]
    new = {"wallet", "approvals", "payments.refund_dates", "concert_site.prune"}
    assert [said for said in loud if not any(f" {name}" in said for name in new)] == []
    assert periodic_tasks.deviations() == []


def test_what_a_superuser_has_confirmed_is_left_until_it_changes_again():
    row = PeriodicTask.objects.get(name="reservations.tick_release")
    row.enabled = False
    periodic_tasks.confirm(row, actor_id=1)
    row.save()
    assert periodic_tasks.restore() == []
    assert [(each.is_disabled, each.is_confirmed) for each in periodic_tasks.deviations()] == [(True, True)]

    PeriodicTask.objects.filter(pk=row.pk).update(queue="celery")

    assert [each.task for each in periodic_tasks.restore()] == ["reservations.tick_release"]
    assert periodic_tasks.deviations() == []


def test_an_empty_house_gets_everything_once():
    PeriodicTask.objects.all().delete()

    periodic_tasks.restore()
    periodic_tasks.restore()

    assert sorted(PeriodicTask.objects.values_list("name", flat=True)) == sorted({*TICKS, *MAILS, *NIGHTLY})


def test_other_rows_are_left_to_staff():
    row = PeriodicTask.objects.create(
        name="ours", task="concert_site.audit", enabled=False, interval=IntervalSchedule.objects.first()
    )

    periodic_tasks.restore()

    row.refresh_from_db()
    assert (row.enabled, row.task) == (False, "concert_site.audit")


# --- Ticks in the queue ------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)  # the scheduler closes connections that are within a transaction
@pytest.mark.parametrize(
    ("name", "queue"),
    [
        ("reservations.tick_admission", "ticks"),
        ("concert_site.tick_analyze", "lines"),
        ("payments.send_mails", "celery"),
    ],
)
def test_what_beat_sends_has_no_expiry_and_its_queue_has_an_end(name, queue, monkeypatch, caplog):
    """By an expiry the worker's clock would judge what beat's clock has set: a second's skew, and no tick ever runs."""
    monkeypatch.setattr(lib_tasks, "MOST_PENDING", 3)

    send(name, times=9)

    messages = pending(queue)
    assert [(message["headers"]["task"], message["headers"]["expires"]) for message in messages] == [(name, None)] * 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.django_db(transaction=True)
def test_what_is_nightly_is_sent_however_long_its_queue_is(monkeypatch):
    monkeypatch.setattr(lib_tasks, "MOST_PENDING", 0)

    scheduler = SiteScheduler(app=current_app, lazy=True)
    # Asked for by itself: beat knows only of what is due within hours.
    entry = scheduler.Entry(PeriodicTask.objects.get(name="concert_site.audit"), app=current_app)

    scheduler.apply_async(entry, advance=False)

    assert len(pending("celery")) == 1


@pytest.mark.django_db(transaction=True)
def test_of_ticks_that_have_piled_up_one_is_run():
    """A worker that comes back after a while does one second's work, whoever filled its queue with what."""
    schedule = make_schedule(queue_max_active=1)
    make_seats(schedule, 5)
    make_line(schedule, 5)
    ticked = []
    with redis_of_our_own() as redis, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sale_tasks, "tick_all", lambda: ticked.append(time.monotonic()))
        for _ in range(500):
            current_app.send_task("reservations.tick_admission", queue="ticks")
        current_app.send_task("nobody.knows", queue="ticks")
        # This process's own time: the machine may be busy with other things.
        begun = time.process_time()
        run_until(lambda: not (redis.client.llen("ticks") or redis.client.hlen("unacked")))
        assert time.process_time() - begun < 10

    # One each fifth of a second that it took.
    assert 1 <= len(ticked) <= 1 + (ticked[-1] - ticked[0]) / task_runs.REPEATED_SECONDS


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
        deadline = now() + timedelta(seconds=60)
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

    assert len(caplog.records) == len(audit.INVARIANTS)
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


def test_each_task_is_made_by_a_migration_so_that_nothing_is_put_back_in_a_new_database():
    made = "".join(path.read_text() for path in (Path(settings.BASE_DIR) / "concert_site/migrations").glob("0*.py"))

    assert [task for task in periodic_tasks.PERIODIC_TASKS if f'"{task}"' not in made] == []
