"""Lines on a site whose machinery is stopped, killed or buried under other work, seen from outside."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest

from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.postgres import url
from concert_site.tests.test_up_levers import Room
from concert_site.tests.up_process import Up, site_in_a_folder, wait_until

MACHINERY = ("beat", "ticks", "worker")
CAP = 2
# Ticks count as late after five seconds, and the log says so after ten.
SECONDS = 25.0
# Each waits for a lock that somebody keeps: two seconds of a worker's thread.
FLOOD = """
from celery import current_app
for number in range(150):
    for queue in ('celery', 'lines'):
        current_app.send_task('reservations.tick_admission', kwargs={'schedule_id': %s}, queue=queue)
"""
WAITING_LOCKS = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
LOCK = "select pg_advisory_xact_lock((70::bigint << 56) | %s::bigint)"


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


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    with site_in_a_folder("ticks") as site:
        yield site.up


@pytest.fixture
def line(up: Up) -> Line:
    made = Line(up)
    wait_until(lambda: made.inside() == [1, 2], "two are inside")
    return made


def comes_in(line: Line, look: Callable[[], object]) -> None:
    """Whoever is inside leaves, one after the other; each time the next comes in, and never more than may."""
    for number in (1, 2, 3):
        line.leave(number)
        until = time.monotonic() + SECONDS
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
        wait_until(lambda: "Ticks have stopped" in log.read_text(), "the log says it", SECONDS)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: "Ticks run again" in log.read_text(), "the log says that, too", SECONDS)


def test_fans_come_in_while_beat_and_all_workers_are_killed_again_and_again(up: Up, line: Line) -> None:
    def kill_them() -> None:
        line.queue()
        for name in MACHINERY:
            with suppress(ProcessLookupError, KeyError):
                os.kill(up.pids()[name], signal.SIGKILL)

    comes_in(line, kill_them)


def test_ticks_go_on_while_every_other_queue_is_full_of_long_tasks(up: Up, line: Line) -> None:
    other = json.loads(line.command("make_show", "--seats=5"))["schedule"]
    with psycopg.connect(url(DataDir(up.data_dir))) as keeper, psycopg.connect(url(DataDir(up.data_dir))) as looker:
        looker.autocommit = True

        def busy() -> int:
            row = looker.execute(WAITING_LOCKS).fetchone()
            assert row
            return int(row[0])

        keeper.execute(LOCK, [other])
        line.command("shell", "-v0", "-c", FLOOD % other)
        wait_until(lambda: busy() >= 3, "the worker is busy")

        # Nobody looks at the public progress: it is the ticks that let fans in.
        comes_in(line, lambda: None)

        wait_until(lambda: busy() >= 3, "the worker is still busy", 60)
