"""Fans who don't give up: they join, wait, leave, come back, enter and buy, while the site is torn apart under them.

A process has many fans and one connection. Everything that was answered is kept, to be compared with the tables.
"""

import http.client
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any

from stack import Fan, Show

API = "/api/v1"
# How long a glance at the public progress, or at the free seats, is good for.
GLANCE_SECONDS = 0.5
AGAIN_SECONDS = 0.4
TIMEOUT_SECONDS = 10.0
CUT_OFF_SECONDS = 0.2
# What fans do beside waiting for their turn and buying a seat, in shares of a hundred.
HABITS = {"patient": 55, "refreshes": 20, "leaves": 10, "comes back": 10, "is absent": 5}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in line as a fan was told of it; times are those of one clock for all processes."""

    schedule: int
    fan: int
    token: str
    number: int | None
    seed_hash: str
    is_new: bool
    sent_at: float
    answered_at: float


@dataclass
class Diary:
    """What the fans of a process met."""

    answers: Counter[str] = field(default_factory=Counter)
    places: list[Place] = field(default_factory=list)
    # Tokens that somebody gave up, or tried to.
    left: set[str] = field(default_factory=set)
    # Fan and schedule of what was answered as paid.
    paid: list[tuple[int, int]] = field(default_factory=list)
    unfinished: int = 0


@dataclass(frozen=True)
class Task:
    """What a process has to do: fans with the moments at which they arrive, until the time is over."""

    port: int
    visits: list[tuple[Fan, Show, float]]
    is_over: Event


class Phone:
    """A connection that is made again whenever it breaks."""

    def __init__(self, port: int, diary: Diary) -> None:
        self.port, self.diary = port, diary
        self.connection: http.client.HTTPConnection | None = None

    def ask(
        self, step: str, method: str, path: str, fan: Fan | None = None, **more: Any
    ) -> tuple[int, Any]:  # Any: JSON
        """A call; status and what it says, 0 and nothing if no answer came."""
        headers = {"Content-Type": "application/json"} | more.get("headers", {}) | (fan.bearer if fan else {})
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
            body = json.dumps(more["body"]) if "body" in more else None
            self.connection.request(method, API + path, body, headers)
            response = self.connection.getresponse()
            status, answer = response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            self.hang_up()
            status, answer = 0, None
            # A site that is down comes up sooner if nobody hammers at it.
            time.sleep(CUT_OFF_SECONDS)
        self.diary.answers[f"{step} {status or 'cut off'}"] += 1
        return status, answer

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None


class Window:
    """What a process has seen of a schedule, so that its fans don't all ask for the same."""

    def __init__(self, phone: Phone, show: Show) -> None:
        self.phone, self.show = phone, show
        self._seen: dict[str, tuple[float, Any]] = {}  # Any: JSON

    def progress(self) -> dict[str, Any]:  # Any: JSON
        return self._glance("queue") or {}

    def free_seats(self) -> list[int]:
        seen = self._glance("availability")
        if not seen:
            return []
        return [seat for seat, state in zip(self.show.seats, seen["seats"], strict=True) if state == "A"]

    def _glance(self, what: str) -> Any:  # Any: JSON
        seen_at, seen = self._seen.get(what, (0.0, None))
        if time.monotonic() - seen_at > GLANCE_SECONDS:
            status, answer = self.phone.ask(what, "GET", f"/schedules/{self.show.schedule}/{what}/")
            seen = answer if status == 200 else None
            self._seen[what] = (time.monotonic(), seen)
        return seen


class Visit:
    """One fan in one line: what comes next, and when."""

    def __init__(self, fan: Fan, window: Window, due: float) -> None:
        self.fan, self.window, self.due = fan, window, due
        self.phone, self.diary = window.phone, window.phone.diary
        self.schedule = window.show.schedule
        self.habit = random.choices(list(HABITS), list(HABITS.values()))[0]
        self.token = ""
        self.number: int | None = None
        self.reservations: list[int] = []
        self.step = self.join

    @property
    def is_arriving(self) -> bool:
        return not self.token

    def go_on(self) -> bool:
        """Take the next step; whether there is another."""
        self.due = time.monotonic() + AGAIN_SECONDS * random.uniform(0.5, 1.5)
        return bool(self.step())

    def join(self) -> bool:
        """Ask for a place until one is answered."""
        sent_at = time.monotonic()
        status, place = self.phone.ask("join", "POST", f"/schedules/{self.schedule}/queue-tokens/", self.fan)
        if status in (200, 201):
            is_new = status == 201
            self.keep(place, is_new=is_new, sent_at=sent_at)
            self.token = place["token"]
            self.step = self.wait
        return True

    def keep(self, place: dict[str, Any], *, is_new: bool, sent_at: float) -> None:  # Any: JSON
        """Note a place as it was answered."""
        self.number = place["number"]
        self.diary.places.append(
            Place(
                self.schedule,
                self.fan.id,
                place["token"],
                self.number,
                place.get("seed_hash", ""),
                is_new,
                sent_at,
                time.monotonic(),
            )
        )

    def wait(self) -> bool:
        """Wait for the turn, each by habit."""
        seen = self.window.progress()
        if not seen:
            return True
        if self.habit in ("leaves", "comes back") and random.random() < 0.2:
            return self.leave()
        if self.habit == "refreshes" and random.random() < 0.2:
            return self.join()
        if self.number is None:
            if seen["state"] not in ("LOBBY", "DRAWING"):
                self.look()
            return True
        if self.number <= seen["serving"]:
            if self.habit == "is absent":
                return False
            self.step = self.enter
        return True

    def look(self) -> str:
        sent_at = time.monotonic()
        status, place = self.phone.ask("look", "GET", f"/queue-tokens/{self.token}/", self.fan)
        if status != 200:
            return ""
        self.keep(place, is_new=False, sent_at=sent_at)
        return str(place["status"])

    def leave(self) -> bool:
        """Give the place up, and come back for another if that is the habit."""
        self.diary.left.add(self.token)
        status, _ = self.phone.ask("leave", "DELETE", f"/queue-tokens/{self.token}/", self.fan)
        if status != 200:
            return True
        is_back = self.habit == "comes back"
        self.habit, self.step = "patient", self.join
        return is_back

    def enter(self) -> bool:
        status, _ = self.phone.ask("enter", "POST", f"/queue-tokens/{self.token}/enter/", self.fan)
        if status == 200:
            self.step = self.buy
            return self.buy()
        if status == 403:
            # Not yet, or no longer: while the site was away the time to enter may have run out.
            return self.look() != "EXPIRED"
        return True

    def buy(self) -> bool:
        free = self.window.free_seats()
        if not free:
            return True
        body = {"schedule": self.schedule, "seats": [random.choice(free)]}
        headers = {"X-Queue-Token": self.token}
        status, booking = self.phone.ask("hold", "POST", "/reservations/", self.fan, body=body, headers=headers)
        if status in (200, 201):
            self.reservations = [each["id"] for each in booking["reservations"]]
            self.step = self.pay
            return self.pay()
        return status != 403

    def pay(self) -> bool:
        body = {"reservations": self.reservations}
        status, _ = self.phone.ask("pay", "POST", "/payments/", self.fan, body=body)
        if status in (200, 201):
            self.diary.paid.append((self.schedule, self.fan.id))
        return status not in (200, 201, 409)


def run_fans(task: Task, diaries: "Queue[Diary]") -> None:
    """All fans of a process, until each has what they came for or has gone."""
    diary = Diary()
    phone = Phone(task.port, diary)
    windows = {show.schedule: Window(phone, show) for _, show, _ in task.visits}
    visits = [Visit(fan, windows[show.schedule], due) for fan, show, due in task.visits]
    while visits and not task.is_over.is_set():
        began = time.monotonic()
        # Those whose turn it is first: they have little time, and joins may queue.
        due = sorted((visit for visit in visits if visit.due <= began), key=lambda visit: visit.is_arriving)
        for visit in due:
            if not visit.go_on():
                visits.remove(visit)
            if time.monotonic() - began > GLANCE_SECONDS:
                break
        if time.monotonic() - began < 0.01:
            time.sleep(0.03)
    diary.unfinished = len(visits)
    diaries.put(diary)
