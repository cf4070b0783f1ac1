"""`manage.py up`: the whole site in the foreground, from the first process to the last."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from concert_site.embedded import reachable, services, web
from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.locks import FileLock
from concert_site.embedded.modes import PRODUCTION
from concert_site.embedded.services import Services
from concert_site.embedded.signals import StopRequested, StopSignals
from concert_site.embedded.supervisor import POLL_SECONDS, Supervisor

# A command that just ends still needs a moment to stop its services.
OWNER_SECONDS = 5.0
READY_SECONDS = 60.0
# First those who take requests, then those who work for them, then what they all write to.
STOP_ORDER = (("web", "beat"), ("ticks", "worker"), *services.STOP_ORDER)


@dataclass(frozen=True)
class Site:
    """What is to run, and where."""

    data_dir: DataDir
    services: Services
    address: web.Address
    workers: int

    def run(self, prepare: Callable[[], list[str]]) -> None:
        """Run until a signal says stop.

        `prepare` is called once PostgreSQL and Redis answer; the lines it returns are shown
        before the address.
        :raises CannotStart: if something is in the way
        """
        owner = own(self.data_dir)
        signals = StopSignals()
        # Whatever an `up` that was killed left behind ends here, also what may still hold the port.
        supervisor = Supervisor(self.data_dir, report)
        try:
            self._start(supervisor, signals, prepare)
            while True:
                signals.stop_if_asked()
                supervisor.check()
                time.sleep(POLL_SECONDS)
        except StopRequested:
            report("stopping")
        finally:
            supervisor.stop(STOP_ORDER, lambda: signals.is_hurried)
            owner.close()

    def _start(self, supervisor: Supervisor, signals: StopSignals, prepare: Callable[[], list[str]]) -> None:
        address = web.require_free(self.address)
        with signals.interruptible():
            reachable.require(others(self.services), ("DATABASE_URL", "REDIS_URL"))
        report(f"starting in {self.data_dir.path} (MODE={os.environ['MODE']}); logs: {self.data_dir.log}")
        self.services.start(supervisor, self.data_dir)
        self.services.wait(supervisor, self.data_dir, signals.stop_if_asked)
        if os.environ["MODE"] != PRODUCTION:
            # Mails lead here, unless told otherwise; what is started below inherits it.
            os.environ.setdefault("SITE_URL", address.reachable_url)
        with signals.interruptible():
            lines = prepare()
        supervisor.start(web.web_program(address, self.workers))
        supervisor.start(web.ticks_program())
        supervisor.start(web.worker_program())
        supervisor.start(web.beat_program())
        supervisor.wait_for(lambda: web.is_ready(address), f"{address.url}readyz", READY_SECONDS, signals.stop_if_asked)
        for line in (*lines, f"Ready: {address.url}"):
            print(line, flush=True)


def own(data_dir: DataDir) -> FileLock:
    """Take the data directory.

    :raises CannotStart: naming who has it
    """
    owner = data_dir.owner_lock()
    deadline = time.monotonic() + OWNER_SECONDS
    while not owner.try_exclusive():
        kind, _, pid = owner.read_note().partition(" ")
        # The note may be that of an earlier holder.
        if kind == "up" and pid.isdecimal() and psutil.pid_exists(int(pid)):
            raise CannotStart(
                f"another `manage.py up` (process {pid}) runs in {data_dir.path}:"
                " stop it, or choose another data directory with --data-dir and another --port"
            )
        if time.monotonic() > deadline:
            raise CannotStart(
                f"a manage.py command (process {pid}) uses {data_dir.path}:"
                " wait until it is done, or choose another with --data-dir"
            )
        time.sleep(POLL_SECONDS)
    owner.note(f"up {os.getpid()}")
    return owner


def others(embedded: Services) -> dict[str, str]:
    ours = {"DATABASE_URL": embedded.has_postgres, "REDIS_URL": embedded.has_redis}
    return {name: os.environ[name] for name, is_ours in ours.items() if not is_ours}


def report(text: str) -> None:
    """Tell the person at the terminal. Standard output is for what a script may wait for."""
    print(f"frontrow: {text}", file=sys.stderr, flush=True)
