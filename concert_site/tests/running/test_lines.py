"""Lines on a site of several processes, seen from outside: what staff do to one is followed within two seconds, and it
goes on while the machinery is stopped, killed or buried under other work.

Staff go through the pages of the admin; fans and their polls through the API. Each step is in the log with its actor.
"""

import http.client
import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import closing, suppress
from urllib.parse import urlencode

import psycopg
import pytest

from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.postgres import url
from concert_site.tests.up_process import Up, wait_until

# What the promise allows, and what a busy machine may add to our own looking.
SOON_SECONDS = 2.0
LOOK_SECONDS = 0.05

LOG_IN = """
from concert_site.accounts.session_store import SessionStore
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from concert_site.accounts.models import User
staff = User.objects.create_superuser('box.office@example.com', 'front-row-2026')
session = SessionStore()
session[SESSION_KEY] = str(staff.pk)
session[BACKEND_SESSION_KEY] = 'allauth.account.auth_backends.AuthenticationBackend'
session[HASH_SESSION_KEY] = staff.get_session_auth_hash()
session.save()
print(session.session_key)
"""
LOG = """
from django.contrib.admin.models import LogEntry
for entry in LogEntry.objects.order_by('pk'):
    print(entry.user.email, entry.object_id, entry.get_change_message(), sep='|')
"""
CSRF = "a" * 32

MACHINERY = ("beat", "ticks", "worker")
CAP = 2
# Ticks count as late after five seconds, and the log says so after ten.
LATE_SECONDS = 25.0
# Each waits for a lock that somebody keeps: two seconds of a worker's thread.
FLOOD = """
from celery import current_app
for number in range(150):
    for queue in ('celery', 'lines'):
        current_app.send_task('reservations.tick_admission', kwargs={'schedule_id': %s}, queue=queue)
"""
WAITING_LOCKS = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
LOCK = "select pg_advisory_xact_lock((70::bigint << 56) | %s::bigint)"


class Room:
    """A waiting room with two fans inside and three who wait, as fans and staff reach it over HTTP."""

    def __init__(self, up: Up) -> None:
        self.up = up
        self.staff = self.command("shell", "-v0", "-c", LOG_IN).strip().splitlines()[-1]
        self.schedule = json.loads(self.command("make_show", "--seats=50", "--max-active=2"))["schedule"]
        fans = [json.loads(line) for line in self.command("make_fans", "5").splitlines()]
        self.tokens = [self.join(fan["access_token"]) for fan in fans]

    def command(self, *words: str) -> str:
        """What a command prints."""
        return self.up.command(*words)

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.up.port, timeout=10)) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            response = connection.getresponse()
            return response.status, response.read()

    def join(self, access_token: str) -> tuple[str, str]:
        """A place in the line: the fan's access token, and the address of the place."""
        authorization = f"Bearer {access_token}"
        path = f"/api/v1/schedules/{self.schedule}/queue-tokens/"
        status, body = self.ask("POST", path, Authorization=authorization)
        assert status == 201, body
        return authorization, f"/api/v1/queue-tokens/{json.loads(body)['token']}/"

    def queue(self) -> dict[str, object]:
        """The public progress."""
        seen: dict[str, object] = json.loads(self.ask("GET", f"/api/v1/schedules/{self.schedule}/queue/")[1])
        return seen

    def statuses(self) -> list[str]:
        """How the places stand, by number."""
        answers = [self.ask("GET", path, Authorization=fan) for fan, path in self.tokens]
        return [json.loads(body)["status"] for _, body in answers]

    def leave(self, number: int) -> None:
        fan, path = self.tokens[number - 1]
        assert self.ask("DELETE", path, Authorization=fan)[0] == 200

    def press(self, name: str, **fields: object) -> float:
        """Press a button of the date's page; when it was answered."""
        status, body = self.ask(
            "POST",
            f"/admin/reservations/concertschedule/{self.schedule}/{name}/",
            urlencode(fields),
            Cookie=f"sessionid={self.staff}; csrftoken={CSRF}",
            X_CSRFToken=CSRF,
            Content_Type="application/x-www-form-urlencoded",
        )
        assert status == 302, body
        return time.monotonic()

    def change_sale_settings(self, **changes: object) -> float:
        """Send the form of the waiting room with these changes."""
        shown = {"queue_max_active": 2, "tickets_per_fan": 4, "queue_message": ""}
        initial = {f"initial-{name}": value for name, value in shown.items()}
        return self.press("waiting-room", **shown | initial | changes)


# --- Staff -------------------------------------------------------------------------------------


def soon(since: float, is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so within the two seconds."""
    while not is_so():
        if time.monotonic() - since > SOON_SECONDS:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def test_staff_steer_a_waiting_room_while_it_runs(up: Up) -> None:
    room = Room(up)
    assert soon(time.monotonic(), lambda: room.queue()["waiting"] == 3)

    paused = room.press("pause")
    assert soon(paused, lambda: room.queue()["state"] == "PAUSED")
    room.leave(1)
    time.sleep(SOON_SECONDS)
    assert room.statuses() == ["EXPIRED", "ACTIVE", "WAITING", "WAITING", "WAITING"]

    resumed = room.press("resume")
    assert soon(resumed, lambda: room.queue()["state"] == "OPEN" and room.queue()["serving"] == 3)
    assert room.statuses()[2] == "ACTIVE"

    raised = room.change_sale_settings(queue_max_active=3)
    assert soon(raised, lambda: room.statuses()[3:] == ["ACTIVE", "WAITING"])

    spoken = room.change_sale_settings(queue_max_active=3, queue_message="Doors open at seven.")
    assert soon(spoken, lambda: room.queue()["message"] == "Doors open at seven.")

    closed = room.press("close-sale")
    assert soon(closed, lambda: room.queue()["state"] == "CLOSED")
    assert soon(closed, lambda: room.statuses()[4] == "EXPIRED")

    said = [line.split("|") for line in room.command("shell", "-v0", "-c", LOG).splitlines() if "|" in line]
    assert {(actor, schedule) for actor, schedule, _ in said} == {("box.office@example.com", str(room.schedule))}
    assert [text for *_, text in said] == [
        "Paused the waiting room.",
        "Resumed the waiting room.",
        "Changed the waiting room. Fans inside at once: 2 → 3",
        "Changed the waiting room. Message to everyone waiting: – → Doors open at seven.",
        "Closed the sale.",
    ]


# --- Machinery ---------------------------------------------------------------------------------


class Line(Room):
    """Two fans inside and six who wait."""

    def __init__(self, up: Up) -> None:
        self.up = up
        self.schedule = json.loads(self.command("make_show", "--seats=50", f"--max-active={CAP}"))["schedule"]
        fans = [json.loads(line) for line in self.command("make_fans", "8").splitlines()]
        self.tokens = [self.join(fan["access_token"]) for fan in fans]

    def inside(self) -> list[int]:
        """The numbers inside."""
        return [number for number, status in enumerate(self.statuses(), start=1) if status == "ACTIVE"]


@pytest.fixture
def line(up: Up) -> Line:
    made = Line(up)
    wait_until(lambda: made.inside() == [1, 2], "two are inside")
    return made


def comes_in(line: Line, look: Callable[[], object]) -> None:
    """Whoever is inside leaves, one after the other; each time the next comes in, and never more than may."""
    for number in (1, 2, 3):
        line.leave(number)
        until = time.monotonic() + LATE_SECONDS
        while (inside := line.inside()) != [number + 1, number + 2]:
            assert len(inside) <= CAP
            assert time.monotonic() < until, f"nobody came in after {number}"
            look()
            time.sleep(0.3)


def test_fans_come_in_while_beat_and_all_workers_stand_still(up: Up, line: Line) -> None:
    stopped = [up.pids()[name] for name in MACHINERY]
    log = up.data_dir / "log" / "web.log"
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        comes_in(line, line.queue)
        # Nobody has asked /readyz meanwhile.
        wait_until(lambda: "Ticks have stopped" in log.read_text(), "the log says it", LATE_SECONDS)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: "Ticks run again" in log.read_text(), "the log says that, too", LATE_SECONDS)


def test_fans_come_in_while_beat_and_all_workers_are_killed_again_and_again(up: Up, line: Line) -> None:
    def kill_them() -> None:
        line.queue()
        for name in MACHINERY:
            with suppress(ProcessLookupError, KeyError):
                os.kill(up.pids()[name], signal.SIGKILL)

    comes_in(line, kill_them)


def test_ticks_go_on_while_every_other_queue_is_full_of_long_tasks(up: Up, line: Line) -> None:
    other = json.loads(line.command("make_show", "--seats=5"))["schedule"]
    with psycopg.connect(url(DataDir(up.data_dir))) as holder, psycopg.connect(url(DataDir(up.data_dir))) as looker:
        looker.autocommit = True

        def busy() -> int:
            row = looker.execute(WAITING_LOCKS).fetchone()
            assert row
            return int(row[0])

        holder.execute(LOCK, [other])
        line.command("shell", "-v0", "-c", FLOOD % other)
        wait_until(lambda: busy() >= 3, "the worker is busy")

        # Nobody looks at the public progress: it is the ticks that let fans in.
        comes_in(line, lambda: None)

        wait_until(lambda: busy() >= 3, "the worker is still busy", 60)
