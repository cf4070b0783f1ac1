"""A crowd of processes in one sale: fans and workers by chance, each step as a request or a task of its own.

    python -m concert_site.tests.storm FOLDER SCHEDULE PROCESSES

Django is loaded once, then the processes are forked, each with connections of its own; one that is killed is
replaced. They go on until there is a file named "over" in FOLDER. What fans were answered is written beside it, a
line each, for who judges afterwards.
"""

import json
import os
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen
from urllib.parse import urlsplit
from uuid import UUID

import django
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection, connections

from concert_site.embedded.data_dir import PROJECT
from concert_site.lib.database.connections import drop_dead_connection
from concert_site.lib.errors import DomainError

READY = "ready"
OVER = "over"
DEADLOCK = "40P01"
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Note:
    """What somebody was answered, or was about to do, or what should never have happened."""

    kind: str
    token: UUID | None = None
    fan: int | None = None
    number: int | None = None
    said: str = ""


class Crowd:
    """One process: it does one thing after the other."""

    def __init__(self, folder: Path, schedule: int, fans: list[int], seats: list[int]) -> None:
        self.schedule, self.fans, self.seats = schedule, fans, seats
        self.over = folder / OVER
        # Line by line, so that a process that is killed has written down all that was answered.
        self.notes = (folder / f"{os.getpid()}.jsonl").open("w", buffering=1)

    def note(self, kind: str, **facts: object) -> None:
        """Write it down."""
        self.notes.write(json.dumps({"kind": kind} | facts, default=str) + "\n")

    def someone(self, *statuses: str):
        """A token in one of these states."""
        from queueing.models import WaitingToken

        line = WaitingToken.objects.filter(concert_schedule=self.schedule, status__in=statuses)
        return line.order_by("?").first()

    def join(self) -> None:
        from reservations.domain import waiting_room

        fan = random.choice(self.fans)
        place = waiting_room.join(user_id=fan, schedule_id=self.schedule)
        self.note("place", token=place.token.token, fan=fan, number=place.token.number)

    def enter(self) -> None:
        from queueing.domain import line

        if found := self.someone("ACTIVE"):
            view = line.enter(user_id=found.user_id, token=found.token)
            self.note("place", token=view.token, fan=found.user_id, number=view.number)

    def leave(self) -> None:
        from queueing.domain import line

        if found := self.someone("ACTIVE", "WAITING"):
            # Before it is done: the answer may be cut off, and the fan have left all the same.
            self.note("leaving", token=found.token)
            line.leave(user_id=found.user_id, token=found.token)

    def hold(self) -> None:
        from reservations.domain import holds

        if found := self.someone("ACTIVE"):
            seats = random.sample(self.seats, 2)
            holds.hold_seats(user_id=found.user_id, schedule=self.schedule, seats=seats, queue_token=found.token)

    def pay(self) -> None:
        from payments.domain import checkout
        from reservations.models import Reservation

        if held := Reservation.objects.filter(status="RESERVING").order_by("?").first():
            checkout.pay(user_id=held.user_id, reservation_ids=[held.pk])

    def lapse(self) -> None:
        """Time passes for somebody inside."""
        from queueing.models import WaitingToken

        if found := self.someone("ACTIVE"):
            WaitingToken.objects.filter(pk=found.pk, status="ACTIVE").update(expired_at=found.created_at)

    def tick(self) -> None:
        from reservations.domain import waiting_room

        waiting_room.tick(self.schedule)

    def draw(self) -> None:
        """The worker's task, for which a tick asks in vain: there is no worker here."""
        from reservations.domain import waiting_room

        if waiting_room.draw_line(self.schedule):
            self.note("drawn")

    def run(self) -> None:
        """Go on until it is over."""
        often = [self.enter, self.hold, self.pay, self.tick] * 2
        steps = [*often, *[self.join] * 5, self.leave, self.lapse, self.draw]
        while not self.over.exists():
            self.do(random.choice(steps))

    def do(self, step: Callable[[], None]) -> None:
        """One step; refusals are part of it, and so are services that are away."""
        drop_dead_connection()
        try:
            step()
            self.note("done", said=step.__name__)
        except DomainError as refusal:
            self.note("refused", said=refusal.code)
        except (OperationalError, InterfaceError) as error:
            is_ours = getattr(error.__cause__, "sqlstate", None) == DEADLOCK
            self.note("broken" if is_ours else "cut", said=f"{step.__name__}: {error}")
        except Exception:  # noqa: BLE001  the test judges it
            self.note("broken", said=traceback.format_exc())
        # As at the end of a request.
        close_old_connections()


def main(folder: Path, schedule: int, processes: int) -> None:
    """Fork the processes, and replace those that are killed, until it is over."""
    django.setup()
    start = beginning(folder, schedule)
    # What is forked must share no connection.
    connections.close_all()
    running = {fork(start) for _ in range(processes)}
    print(READY, flush=True)
    while running:
        pid, status = os.wait()
        running.discard(pid)
        if os.WIFSIGNALED(status) and not (folder / OVER).exists():
            running.add(fork(start))


def beginning(folder: Path, schedule: int) -> Callable[[], Crowd]:
    """How a process of the crowd begins."""
    from concert_site.accounts.models import User
    from reservations.models import ConcertSeat

    fans = list(User.objects.values_list("pk", flat=True))
    seats = list(ConcertSeat.objects.filter(concert_schedule=schedule).values_list("pk", flat=True))
    return partial(Crowd, folder, schedule, fans, seats)


def fork(start: Callable[[], Crowd]) -> int:
    """Start a process of the crowd; its id."""
    pid = os.fork()
    if pid:
        return pid
    random.seed(os.getpid())
    try:
        start().run()
    finally:
        # Nothing of what the first process has to do at its end is this one's to do.
        os._exit(0)


@contextmanager
def storm(folder: Path, schedule: int, *, processes: int) -> Iterator[Popen[str]]:
    """Let a crowd loose on this test's database and Redis; it has calmed down when the block ends."""
    argv = [sys.executable, "-m", "concert_site.tests.storm", str(folder), str(schedule), str(processes)]
    crowd = Popen(argv, cwd=PROJECT, env=environment(), stdout=PIPE, text=True)
    try:
        assert crowd.stdout is not None
        assert crowd.stdout.readline().strip() == READY
        yield crowd
        (folder / OVER).touch()
        assert crowd.wait(PATIENCE_SECONDS) == 0
    finally:
        with suppress(ProcessLookupError):
            crowd.kill()
        crowd.wait()
        crowd.stdout.close()


def environment() -> dict[str, str]:
    """Ours, with the database and the Redis of this test."""
    name = str(connection.settings_dict["NAME"])
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    ours = {"DATABASE_URL": address, "REDIS_URL": settings.REDIS_URL, "DJANGO_SETTINGS_MODULE": "concert_site.settings"}
    # By this name the test finds their backends.
    return os.environ | ours | {"PGAPPNAME": "storm", "LOG_LEVEL": "ERROR"}


def noted(folder: Path) -> list[Note]:
    """All that was written down. The last line of a process that was killed may be cut off."""
    notes = []
    for path in folder.glob("*.jsonl"):
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                facts = json.loads(line)
                notes.append(Note(**facts | {"token": UUID(facts["token"]) if facts.get("token") else None}))
    return notes


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
