"""Where no ticks come: whoever looks moves the line on, and nobody is promised what won't happen."""

import time
from datetime import timedelta
from threading import Event, Thread

import orjson
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils.timezone import now

from concert_site.accounts.tests.concurrency import at_once
from concert_site.lib.cache import clear_caches
from concert_site.lib.json import to_json
from concert_site.lib.redis import client
from queueing import facts
from queueing.domain import admission, ticks
from queueing.domain.snapshots import KEEP_MS, snapshot_key
from queueing.domain.ticks import stand_in_key
from queueing.models import TokenStatus, WaitingToken
from queueing.tests.factories import make_fans, make_line
from reservations.domain import waiting_room
from reservations.domain.waiting_room import snapshot_of, watched_snapshot
from reservations.tests.browsers import browser_of
from reservations.tests.factories import make_schedule, make_seats

pytestmark = pytest.mark.django_db


@pytest.fixture
def schedule():
    made = make_schedule(queue_max_active=2)
    make_seats(made, 10)
    return made


def watch(schedule):
    """What a process that remembers nothing sees, a second later."""
    client().delete(stand_in_key(schedule.pk))
    clear_caches()
    return watched_snapshot(schedule.pk)


def let_ticks_be_late(schedule, seconds=60):
    """The last tick was so long ago, and the picture is as old."""
    waiting_room.tick(schedule.pk)
    shift(schedule, seconds)


def shift(schedule, seconds):
    body = client().hget(snapshot_key(schedule.pk), "body")
    taken = orjson.loads(body)
    for name in ("ticked_at", "moved_at"):
        taken[name] -= seconds
    client().hset(snapshot_key(schedule.pk), "body", to_json(taken))
    client().pexpire(snapshot_key(schedule.pk), KEEP_MS - seconds * 1000)


def free_a_slot():
    first = WaitingToken.objects.filter(status=TokenStatus.ACTIVE).order_by("number").first()
    WaitingToken.objects.filter(pk=first.pk).move(
        TokenStatus.ACTIVE, TokenStatus.EXPIRED, expired_at=first.expired_at, expired_reason="LEFT"
    )


def inside():
    return WaitingToken.objects.filter(status=TokenStatus.ACTIVE).count()


def test_while_ticks_come_who_looks_does_no_work_of_theirs(schedule):
    make_line(schedule, 5)
    waiting_room.tick(schedule.pk)
    free_a_slot()

    watch(schedule)

    assert inside() == 1


def test_where_ticks_are_late_who_looks_lets_the_next_in(schedule):
    make_line(schedule, 6)
    let_ticks_be_late(schedule)

    for serving in (3, 4, 5):
        free_a_slot()
        seen = watch(schedule)
        assert (seen.line.serving, inside()) == (serving, 2)
        assert not seen.is_stalled


@pytest.mark.django_db(transaction=True)
def test_of_many_who_look_at_once_one_does_it_and_the_cap_holds(schedule, monkeypatch):
    make_line(schedule, 9)
    let_ticks_be_late(schedule)
    free_a_slot()
    free_a_slot()
    clear_caches()
    made, tick = [], ticks.tick
    monkeypatch.setattr(ticks, "tick", lambda *args, **options: made.append(args) or tick(*args, **options))

    at_once([lambda: watched_snapshot(schedule.pk)] * 8)

    assert len(made) == 1
    assert inside() == 2


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_behind_the_lock_and_fans_are_told(schedule):
    make_line(schedule, 5)
    let_ticks_be_late(schedule)
    free_a_slot()

    locked, looked = Event(), Event()

    def hold_the_lock():
        with transaction.atomic():
            admission.lock_waiting_room(schedule.pk)
            locked.set()
            looked.wait(60)
        connection.close()

    holder = Thread(target=hold_the_lock)
    holder.start()
    locked.wait(60)
    began = time.monotonic()
    try:
        seen = watch(schedule)
        seconds = time.monotonic() - began
    finally:
        looked.set()
        holder.join()

    assert seconds < settings.LOCK_TIMEOUT_MS / 1000
    assert inside() == 1
    assert seen.is_stalled
    assert seen.line.numbers_per_minute is None
    assert not watch(schedule).is_stalled
    assert inside() == 2


def test_what_fails_is_no_error_for_who_looks(schedule, monkeypatch):
    make_line(schedule, 5)
    let_ticks_be_late(schedule)

    def fail(*args, **options):
        raise DatabaseError("away")

    monkeypatch.setattr(ticks, "tick", fail)

    assert watch(schedule).is_stalled


def test_a_line_that_is_stalled_says_so_and_promises_no_wait(schedule, monkeypatch):
    make_line(schedule, 5)
    let_ticks_be_late(schedule)
    monkeypatch.setattr(ticks, "stand_in", lambda *seen: False)
    clear_caches()
    last = WaitingToken.objects.select_related("user").order_by("number").last()

    page = browser_of(last.user).get(f"/schedules/{schedule.pk}/queue/").content.decode()
    korean = browser_of(last.user).get(f"/schedules/{schedule.pk}/queue/", headers={"Accept-Language": "ko"})

    assert "The line has stopped because of a problem. Your place is safe" in page
    assert "calculating" not in page
    assert "일시적인 문제로 대기가 멈췄습니다" in korean.content.decode()


def test_nobody_who_was_first_to_wait_is_told_that_the_line_is_stalled(schedule):
    waiting_room.tick(schedule.pk)
    shift(schedule, 60)
    make_line(schedule, 5)
    clear_caches()

    seen = snapshot_of(schedule.pk)

    assert not seen.is_stalled
    assert not seen.is_late


# --- The draw ----------------------------------------------------------------------------------


def gather(count, *, opened=timedelta(seconds=30)):
    schedule = make_schedule(queue_max_active=2, reservation_available_at=now() - opened)
    make_seats(schedule, 10)
    WaitingToken.objects.bulk_create(
        WaitingToken(
            user=fan,
            concert_schedule=schedule,
            created_at=schedule.reservation_available_at - timedelta(minutes=1),
        )
        for fan in make_fans(count)
    )
    return schedule


def test_a_small_draw_that_no_worker_makes_is_made_by_who_looks():
    schedule = gather(5)

    seen = watch(schedule)

    assert seen.state == "OPEN"
    assert inside() == 2


@pytest.mark.parametrize(
    ("opened", "most"), [(timedelta(seconds=5), 2000), (timedelta(seconds=30), 4)], ids=["young", "large"]
)
def test_a_draw_that_is_young_or_large_is_left_to_the_worker(monkeypatch, opened, most):
    monkeypatch.setattr(facts, "MOST_DRAWN_HERE", most)
    schedule = gather(5, opened=opened)

    assert watch(schedule).state == "DRAWING"
    assert inside() == 0


@pytest.mark.parametrize(("seconds", "is_overdue"), [(60, False), (120, True)])
def test_the_page_says_when_the_draw_is_late(monkeypatch, seconds, is_overdue):
    monkeypatch.setattr(facts, "MOST_DRAWN_HERE", 0)
    schedule = gather(3, opened=timedelta(seconds=seconds))
    browser = browser_of(WaitingToken.objects.first().user)

    page = browser.get(f"/schedules/{schedule.pk}/queue/").content.decode()
    korean = browser.get(f"/schedules/{schedule.pk}/queue/", headers={"Accept-Language": "ko"}).content.decode()

    assert ("Numbers are being drawn" not in page) is is_overdue
    assert ('told">The draw is taking longer than expected' in page) is is_overdue
    assert ("대기 순번 추첨이 지연되고 있습니다" in korean) is is_overdue
    assert ("data-late-in=" in page) is not is_overdue
    assert '<meta http-equiv="refresh"' in page
