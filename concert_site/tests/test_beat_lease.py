"""Several beats on one database: one of them hands work out, another takes over, nobody does so twice."""

import json
import time
from types import SimpleNamespace

import pytest
from celery import current_app
from django.db import connection
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from concert_site.lib.database import silence
from concert_site.lib.database.silence import is_silent, watch_by_thread
from concert_site.lib.redis import client
from concert_site.operations import beat_lease, periodic_tasks, scheduler
from concert_site.operations.beat_lease import BeatLease
from concert_site.operations.scheduler import SiteScheduler
from concert_site.tests.freezing_relay import freezing_relay
from concert_site.tests.up_process import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def beat(monkeypatch):
    """Starts beats; they have no last word."""
    periodic_tasks.restore()
    monkeypatch.setattr(scheduler.MonotonicEntry, "ran_at", {})
    client().delete("ticks", "celery", "lines")
    started = []

    def start():
        one = SiteScheduler(app=current_app, lazy=True)
        one._finalize.cancel()
        started.append(one)
        return one

    yield start
    for one in started:
        one._lease.release()


def run(*beats, seconds=1.3):
    """Have them tick by turns for so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for one in beats:
            while one.tick() == 0:
                pass
        time.sleep(0.02)


def count_sent(name="reservations.tick_admission", queue="ticks"):
    messages = [json.loads(message) for message in client().lrange(queue, 0, -1)]
    return sum(message["headers"]["task"] == name for message in messages)


def test_of_two_beats_one_sends_until_it_ends(beat):
    first, second = beat(), beat()
    PeriodicTask.objects.update(last_run_at="2026-01-01T00:00Z")

    begun = time.monotonic()
    run(first, second)

    # What was due, and again each second: the second one would have sent as much.
    assert 1 <= count_sent() <= 1 + time.monotonic() - begun
    assert (first._lease.is_held, second._lease.is_held) == (True, False)

    first.close()
    client().delete("ticks")
    run(second)
    assert second._lease.is_held
    assert count_sent() >= 1


def test_one_that_says_nothing_loses_it_and_sends_nothing_when_it_goes_on(beat, monkeypatch, caplog):
    monkeypatch.setattr(beat_lease, "LEASE_SECONDS", 0.3)
    stopped, other = beat(), beat()
    run(stopped, seconds=0.1)
    # As by SIGSTOP, between its look at the lease and the sending.
    entry = stopped.schedule["reservations.tick_admission"]

    wait_until(other._lease.take, "the other one has it", 5)
    client().delete("ticks")

    assert stopped.apply_async(entry, advance=False) is None
    assert stopped.tick() == beat_lease.WAIT_SECONDS
    assert count_sent() == 0
    assert stopped._dirty == set()
    assert "hands out nothing" in caplog.text


def test_what_is_nightly_is_not_sent_again_by_who_takes_over(beat):
    first = beat()
    PeriodicTask.objects.update(enabled=False)
    due = PeriodicTask.objects.create(
        name="nightly",
        task="celery.ping",
        queue="celery",
        enabled=True,
        crontab=CrontabSchedule.objects.create(minute="0", hour="*"),
        last_run_at="2026-01-01T00:00Z",
    )
    first.all_as_schedule = lambda: {"nightly": first.Entry(PeriodicTask.objects.get(pk=due.pk), app=current_app)}
    run(first, seconds=0.3)
    assert count_sent("celery.ping", "celery") == 1

    # As by SIGKILL: nothing is written down after it.
    first._lease.release()
    second = beat()
    second.all_as_schedule = first.all_as_schedule
    run(second, seconds=0.3)

    assert second._lease.is_held
    assert count_sent("celery.ping", "celery") == 1


def test_a_database_that_hangs_up_is_said_once_and_asked_again(beat, caplog):
    one = beat()
    run(one, seconds=0.1)
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'beat of %%'"
            " and datname = current_database()"
        )

    run(one, seconds=0.3)

    assert one._lease.is_held
    assert caplog.text.count("PostgreSQL hung up") == 1


def test_a_beat_whose_every_connection_was_ended_goes_on(beat):
    one = beat()
    run(one, seconds=0.1)
    client().delete("ticks")

    silence.hang_up([connection.connection, one._lease._connection.connection])
    run(one)

    assert one._lease.is_held
    assert count_sent() > 0


def test_a_primary_that_is_frozen_keeps_no_beat_waiting_and_its_successor_is_found(beat, monkeypatch, caplog):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "connect_timeout", 1)
    with freezing_relay() as relay:
        watch = watch_by_thread(0.5)
        try:
            one = beat()
            run(one, seconds=0.1)
            relay.freeze()
            client().delete("ticks")

            begun = time.monotonic()
            assert one.tick() == beat_lease.WAIT_SECONDS
            assert time.monotonic() - begun < beat_lease.LEASE_SECONDS
            assert (one._lease.is_held, is_silent(), count_sent()) == (False, True, 0)

            # A standby is promoted at the same address, and the frozen one never hangs up.
            relay.replace()
            wait_until(one._lease.take, "the successor gives the lease", 10)
            assert not is_silent()
        finally:
            watch.stop()
            silence._is_silent.clear()
    assert caplog.text.count("PostgreSQL says nothing") == caplog.text.count("PostgreSQL answers again") == 1


def test_a_clock_that_is_off_is_logged(monkeypatch, caplog):
    lease = BeatLease()
    assert lease.take()
    monkeypatch.setattr(beat_lease, "time", SimpleNamespace(time=lambda: time.time() - 600, monotonic=time.monotonic))

    assert lease.confirm()
    assert lease.confirm()

    lease.release()
    assert caplog.text.count("The clock of this host is -600 s off PostgreSQL's") == 1
