"""Keeps PostgreSQL and Redis running for lone commands, as long as one of them needs them.

`python -m concert_site.embedded.daemon [throwaway]`, with DATA_DIR in the environment. It is a process
of its own so that the command that came first can end before those that came later. It says one
word on standard output once that is decided: `ready`, `taken`, or the reason why it failed.
"""

import os
import sys
import time
from pathlib import Path

from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.roles import PROGRAMS, SERVICES
from concert_site.embedded.services import STOP_ORDER, Services, embedded_services
from concert_site.embedded.signals import StopRequested, StopSignals
from concert_site.embedded.supervisor import POLL_SECONDS, Supervisor

READY = "ready"
TAKEN = "taken"


def main() -> None:
    """Leave the command's process, and run the services until nobody uses them."""
    command = os.getppid()
    if os.fork():
        return
    data_dir = DataDir(Path(os.environ["DATA_DIR"]))
    owner = data_dir.owner_lock()
    if not owner.try_exclusive():
        answer(TAKEN)
        return
    owner.note(f"command {command}")
    try:
        services = embedded_services(os.environ, data_dir)
        run_services(data_dir, services, is_throwaway="throwaway" in sys.argv)
    except CannotStart as error:
        answer(str(error))


def run_services(data_dir: DataDir, services: Services, *, is_throwaway: bool) -> None:
    """Start them, tell the command, wait for the last user to go, stop them."""
    signals = StopSignals()
    users = data_dir.users_lock()
    supervisor = Supervisor(data_dir, report, unattended(data_dir))
    try:
        services.start(supervisor, data_dir, is_throwaway=is_throwaway)
        services.wait(supervisor, data_dir, signals.stop_if_asked)
        answer(READY)
        # Commands that come while they stop wait for this lock, and then start anew.
        while not signals.count and not users.try_exclusive():
            supervisor.check()
            time.sleep(POLL_SECONDS)
    except StopRequested:
        report("told to stop")
    finally:
        supervisor.stop(STOP_ORDER, lambda: signals.is_hurried)


def unattended(data_dir: DataDir) -> list[str]:
    """The programs that nobody runs here: if there are any, they are left of an `up` that is gone."""
    names = dict.fromkeys(name for programs in PROGRAMS.values() for name in programs)
    return [name for name in names if name in PROGRAMS[SERVICES] or not data_dir.is_attended(name)]


def answer(text: str) -> None:
    """Tell the command that started us, and let go of its pipe."""
    print(text, flush=True)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def report(text: str) -> None:
    """Note what happened; standard error is our log."""
    print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
