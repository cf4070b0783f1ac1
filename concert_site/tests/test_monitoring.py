"""What staff and load balancers are told of the machinery: when it last ran, and what to do if it doesn't."""

import re
from datetime import timedelta

import pytest
from django.utils.timezone import now
from django_celery_beat.models import PeriodicTask

from concert_site.accounts.tests.factories import make_clerk, make_staff
from concert_site.lib import heartbeats
from concert_site.lib.redis import client as redis_client
from concert_site.operations import monitoring, periodic_tasks
from concert_site.operations.monitoring import BEAT, MAILS, TICK, PartMonitor, ProcessHealth, TickMonitor
from concert_site.tests.away import redis_away
from queueing.models import WaitingToken
from queueing.tests.factories import make_line
from reservations import tasks
from reservations.models import ConcertSchedule
from reservations.tests.factories import make_schedule, make_seats

pytestmark = pytest.mark.django_db

WELL = (TICK, BEAT, MAILS)


@pytest.fixture(autouse=True)
def well():
    """All runs, and every periodic task is as it should be."""
    periodic_tasks.restore()
    for name in WELL:
        heartbeats.note(name)


def late(name, seconds=1000):
    """Let a part have been silent for so long."""
    redis_client().pexpire(heartbeats.heartbeat_key(name), heartbeats.KEEP_MS - seconds * 1000)


def told(client, user=None):
    """The codes of the warnings on staff's first page."""
    client.force_login(user or make_staff())
    response = client.get("/admin/")
    codes = [each.code for each in response.context["warnings"]]
    assert [f'data-warning="{code}"' in response.content.decode() for code in codes] == [True] * len(codes)
    return codes


def make_standing_line(**columns):
    """A line that should move, and has not for a minute."""
    schedule = make_schedule(queue_max_active=2, drawn_at=now() - timedelta(minutes=5), **columns)
    make_seats(schedule, 5)
    make_line(schedule, 3)
    WaitingToken.objects.update(created_at=now() - timedelta(minutes=1))
    return schedule


def test_while_all_is_well_nothing_is_warned_of_and_the_last_tick_is_told(client):
    assert told(client) == []
    late(TICK, 7)
    assert re.search(r"The lines were last moved on [78] s ago\.", client.get("/admin/").content.decode())


@pytest.mark.parametrize(
    ("silent", "code"), [(BEAT, "beat_away"), (TICK, "ticks_away"), (MAILS, "worker_away")], ids=lambda each: each
)
def test_a_process_that_is_silent_is_named(client, silent, code):
    late(silent)

    assert told(client) == [code]


def test_without_redis_that_is_what_is_said(client):
    client.force_login(make_staff())
    with redis_away():
        response = client.get("/admin/")

    assert [each.code for each in response.context["warnings"]] == ["redis_away"]
    assert response.status_code == 200


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows.delete(),
        lambda rows: rows.update(enabled=False),
        lambda rows: rows.update(queue="celery"),
    ],
    ids=["missing", "disabled", "altered"],
)
def test_a_task_that_is_not_as_it_should_be_is_named(client, spoil):
    spoil(PeriodicTask.objects.filter(name=TICK))

    assert told(client) == ["task_changed"]
    assert TICK in client.get("/admin/").content.decode()


def test_what_a_superuser_has_confirmed_is_still_told(client):
    row = PeriodicTask.objects.get(name=TICK)
    row.enabled = False
    periodic_tasks.confirm(row, actor_id=1)
    row.save()

    assert told(client) == ["task_changed"]
    assert "A superuser has confirmed this." in client.get("/admin/").content.decode()


def test_a_line_that_stands_still_is_named(client):
    make_standing_line()

    assert told(client) == ["line_stands_still"]


def test_a_line_that_has_just_moved_is_not_named(client):
    make_standing_line()
    tasks.tick_admission()
    WaitingToken.objects.filter(number=1).update(status="EXPIRED", expired_at=now(), expired_reason="LEFT")

    assert told(client) == []


@pytest.mark.parametrize("columns", [{"queue_paused": True}, {"deadline_at": now()}], ids=["paused", "closed"])
def test_a_line_that_should_not_move_is_not_named(client, columns):
    ConcertSchedule.objects.filter(pk=make_standing_line().pk).update(**columns)

    assert told(client) == []


def test_a_full_house_is_no_line_that_stands_still(client):
    schedule = make_standing_line()
    tasks.tick_admission()
    WaitingToken.objects.filter(status="ACTIVE").update(updated_active_at=now() - timedelta(minutes=1))

    assert told(client) == []
    WaitingToken.objects.filter(number=1).update(expired_at=now() - timedelta(minutes=1))
    assert told(client) == ["line_stands_still"]
    assert schedule.queue_max_active == 2


def test_a_draw_that_is_overdue_is_named(client):
    schedule = make_schedule(reservation_available_at=now() - timedelta(seconds=95))
    make_seats(schedule, 2)
    make_line(schedule, 2)
    WaitingToken.objects.update(number=None)

    assert told(client) == ["draw_overdue"]


def test_who_may_not_see_schedules_is_told_nothing(client):
    late(TICK)
    client.force_login(make_clerk("view_payment"))

    assert "warnings" not in client.get("/admin/").context


# --- Probes ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_probe_says_when_the_lines_were_last_moved_on(client):
    late(TICK, 4)
    body = client.get("/readyz").json()
    assert (body["status"], body["ticks"]) == ("ok", "ok")
    assert 4 <= body["last_tick_seconds"] < 5

    late(TICK, 60)
    answer = client.get("/readyz")
    # Fans hold and pay without ticks: no reason to take the web processes away from them.
    assert (answer.status_code, answer.json()["ticks"]) == (200, "late")

    redis_client().flushdb()
    assert (client.get("/readyz").json()["ticks"], client.get("/readyz").json()["last_tick_seconds"]) == ("late", None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("silent", "part"), [(BEAT, "beat"), (TICK, "ticks"), (MAILS, "worker")])
def test_a_part_that_is_silent_makes_the_site_degraded_and_not_unready(client, silent, part):
    assert client.get("/readyz").json()["status"] == "ok"

    late(silent)

    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"], answer.json()[part]) == (200, "degraded", "late")


def test_a_part_that_left_no_trace_has_its_time_from_the_first_look_on(monkeypatch):
    clock, monitor = [1000.0], PartMonitor()
    monkeypatch.setattr(monitoring.time, "monotonic", lambda: clock[0])
    nothing = ProcessHealth(has_redis=True)
    assert monitor.late(nothing) == {"ticks": False, "beat": False, "worker": False}

    clock[0] += 11
    assert monitor.late(nothing) == {"ticks": True, "beat": True, "worker": False}
    clock[0] += 50
    assert monitor.late(ProcessHealth(has_redis=True, tick=0.1, beat=0.1)) == {
        "ticks": False,
        "beat": False,
        "worker": True,
    }
    # Without Redis nothing is known.
    assert not any(monitor.late(ProcessHealth(has_redis=False)).values())


def test_a_tick_leaves_its_trace_and_one_that_fails_does_not(monkeypatch):
    redis_client().flushdb()
    monkeypatch.setattr(tasks, "tick_all", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tasks.tick_admission()
    assert heartbeats.ages(TICK)[TICK] is None
    monkeypatch.undo()

    tasks.tick_admission()

    assert heartbeats.ages(TICK)[TICK] < 5


def test_the_log_says_once_that_ticks_have_stopped_and_once_that_they_run_again(caplog):
    tick_monitor = TickMonitor()
    stopped, runs = (
        ProcessHealth(True, tick=11.0, beat=0.1, worker=1.0),
        ProcessHealth(True, tick=0.5, beat=0.1, worker=1.0),
    )

    for found in (runs, stopped, stopped, runs, runs):
        tick_monitor.observe(found)

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "Ticks have stopped (ticks_away): lines don't move by themselves"),
        ("INFO", "Ticks run again"),
    ]


def test_a_process_that_has_just_started_does_not_cry_at_once(caplog):
    TickMonitor().observe(ProcessHealth(True))

    assert caplog.records == []
    assert monitoring.process_warnings(ProcessHealth(True))[0].code == "beat_away"


def test_a_start_takes_away_what_a_stopped_site_left_and_nothing_of_one_that_runs():
    monitoring.clear_stopped_site()
    assert None not in heartbeats.ages(*WELL).values()

    late(TICK, 11)
    monitoring.clear_stopped_site()

    assert set(heartbeats.ages(*WELL).values()) == {None}
