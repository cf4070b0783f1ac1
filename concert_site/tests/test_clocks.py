"""Clocks that are set while the site runs, and hosts that disagree about the time: lines move on."""

import datetime as dt
import time
from types import SimpleNamespace

import pytest
from celery import current_app
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from concert_site.lib import heartbeats
from concert_site.lib.redis import client
from concert_site.operations import periodic_tasks, scheduler
from concert_site.operations.scheduler import SiteScheduler
from concert_site.tests.away import redis_away
from queueing.domain import snapshots
from queueing.facts import LineMeasurement
from queueing.tests.factories import make_line, take
from reservations.tests.factories import make_schedule

pytestmark = pytest.mark.django_db(transaction=True)

TEN_MINUTES = 600


@pytest.fixture(autouse=True)
def house(monkeypatch):
    """The house's tasks, and a beat that has just been started for the first time."""
    periodic_tasks.restore()
    PeriodicTask.objects.update(last_run_at=None)
    monkeypatch.setattr(scheduler.MonotonicEntry, "ran_at", {})
    yield
    end_beats()


class Clock:
    """The wall clock and the steady one, in the hands of a test."""

    def __init__(self, monkeypatch):
        self.wall, self.steady = time.time(), 1000.0
        monkeypatch.setattr(scheduler, "time", SimpleNamespace(time=lambda: self.wall, monotonic=lambda: self.steady))
        monkeypatch.setattr(scheduler.MonotonicEntry, "_default_now", lambda entry: self.now())

    def now(self):
        return dt.datetime.fromtimestamp(self.wall, dt.UTC)

    def passes(self, seconds):
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


started_here: list[SiteScheduler] = []


def beat():
    """A beat that was just started; the one before is gone, and has no last word at the end of the tests."""
    end_beats()
    started = SiteScheduler(app=current_app, lazy=True)
    started._finalize.cancel()
    started_here.append(started)
    return started


def end_beats():
    while started_here:
        started_here.pop()._lease.release()


def sent_within(scheduler, clock, seconds):
    """How many admission ticks it sends within so many seconds, looked at ten times each."""
    client().delete("ticks")
    for _ in range(seconds * 10):
        while scheduler.tick() == 0:
            pass
        clock.passes(0.1)
    return sum(b"tick_admission" in message for message in client().lrange("ticks", 0, -1))


def test_beat_sends_a_tick_each_second(clock):
    assert sent_within(beat(), clock, 5) in (4, 5)


def test_beat_looks_again_when_it_is_time_and_not_before(clock):
    """Some four tasks a second are due, one after the other: a look for each, and one that finds how long to sleep."""
    running = beat()
    sent_within(running, clock, 1)

    looks, end = 0, clock.steady + 3
    while clock.steady < end:
        left, looks = running.tick(), looks + 1
        # A look costs time as well.
        clock.passes(max(left, 0) + 0.0005)

    assert 10 < looks < 50


@pytest.mark.parametrize("jump", [-TEN_MINUTES, TEN_MINUTES, -86_400, 365 * 86_400])
def test_beat_goes_on_when_its_clock_is_set(clock, jump):
    running = beat()
    sent_within(running, clock, 2)

    clock.wall += jump

    assert sent_within(running, clock, 5) in (4, 5, 6)


def test_beat_goes_on_when_it_is_restarted_after_its_clock_was_set_back(clock):
    first = beat()
    sent_within(first, clock, 2)
    first.sync()
    clock.wall -= TEN_MINUTES
    scheduler.MonotonicEntry.ran_at.clear()
    assert PeriodicTask.objects.get(name="reservations.tick_admission").last_run_at > clock.now()

    assert sent_within(beat(), clock, 5) in (4, 5)


def test_a_change_is_noticed_whatever_time_it_was_made_at(clock):
    running = beat()
    sent_within(running, clock, 1)
    row = PeriodicTask.objects.get(name="reservations.tick_release")
    row.enabled = False
    periodic_tasks.confirm(row, actor_id=1)
    row.save()
    # As by a host whose clock is slow.
    changes = scheduler.DatabaseScheduler.Changes
    changes.objects.update(last_update=timezone.now() - dt.timedelta(seconds=TEN_MINUTES))

    running.tick()

    assert "reservations.tick_release" not in running.schedule
    assert "reservations.tick_admission" in running.schedule


def test_what_is_altered_while_beat_runs_is_put_back(clock):
    running = beat()
    sent_within(running, clock, 1)
    PeriodicTask.objects.filter(name="reservations.tick_admission").update(enabled=False)
    scheduler.DatabaseScheduler.Changes.update_changed()

    assert sent_within(running, clock, 3) in (2, 3)
    assert periodic_tasks.deviations() == []


# --- What is kept in Redis ---------------------------------------------------------------------


def test_the_age_of_a_trace_is_that_of_redis():
    heartbeats.note("a")

    ages = heartbeats.ages("a", "b")

    assert 0 <= ages["a"] < 1
    assert ages["b"] is None


@pytest.mark.parametrize(("left_ms", "age"), [(heartbeats.KEEP_MS - 4000, 4.0), (heartbeats.KEEP_MS + 600_000, None)])
def test_a_trace_from_before_the_clock_of_redis_was_set_back_says_nothing(left_ms, age):
    assert heartbeats.age_of(left_ms) == age


def test_without_redis_there_are_no_heartbeats():
    with redis_away():
        heartbeats.note("a")
        assert heartbeats.ages("a") is None


def test_a_snapshot_is_old_after_the_clock_of_redis_was_set_back():
    schedule = make_schedule()
    make_line(schedule, 2)
    take(schedule)
    assert not snapshots.stored(schedule.pk).is_old

    client().pexpire(snapshots.snapshot_key(schedule.pk), snapshots.KEEP_MS + TEN_MINUTES * 1000)

    assert snapshots.stored(schedule.pk).is_old


def test_the_line_is_counted_and_measured_anew_after_the_clock_of_postgresql_was_set_back():
    later = time.time() + TEN_MINUTES
    before = LineMeasurement(5, 9, 4, counted=4, counted_at=later, count_seconds=1.0)

    assert snapshots.is_counted(before, before, later + 1)
    assert not snapshots.is_counted(before, before, later - TEN_MINUTES)
    assert snapshots.sampled([(later, 5)], before, later - TEN_MINUTES) == [(later - TEN_MINUTES, 5)]
