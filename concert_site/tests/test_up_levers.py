"""What staff do to a waiting room while it runs, on a site of several processes: seen and followed within two seconds.

Staff go through the pages of the admin; fans and their polls through the API. Each step is in the log with its actor.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlencode

import pytest

from concert_site.tests.up_process import Up, site_in_a_folder

# What the promise allows, and what a busy machine may add to our own looking.
SECONDS = 2.0
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


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    with site_in_a_folder("levers") as site:
        yield site.up


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

    def set_levers(self, **changes: object) -> float:
        """Send the form of the waiting room with these changes."""
        shown = {"queue_max_active": 2, "tickets_per_fan": 4, "queue_message": ""}
        initial = {f"initial-{name}": value for name, value in shown.items()}
        return self.press("waiting-room", **shown | initial | changes)


def soon(since: float, is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so within the two seconds."""
    while not is_so():
        if time.monotonic() - since > SECONDS:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def test_staff_steer_a_waiting_room_while_it_runs(up: Up) -> None:
    room = Room(up)
    assert soon(time.monotonic(), lambda: room.queue()["waiting"] == 3)

    paused = room.press("pause")
    assert soon(paused, lambda: room.queue()["state"] == "PAUSED")
    room.leave(1)
    time.sleep(SECONDS)
    assert room.statuses() == ["EXPIRED", "ACTIVE", "WAITING", "WAITING", "WAITING"]

    resumed = room.press("resume")
    assert soon(resumed, lambda: room.queue()["state"] == "OPEN" and room.queue()["serving"] == 3)
    assert room.statuses()[2] == "ACTIVE"

    raised = room.set_levers(queue_max_active=3)
    assert soon(raised, lambda: room.statuses()[3:] == ["ACTIVE", "WAITING"])

    spoken = room.set_levers(queue_max_active=3, queue_message="Doors open at seven.")
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
