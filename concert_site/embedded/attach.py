"""How a command gets at the embedded services: those that run, or a daemon's for as long as it takes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from concert_site.embedded import daemon
from concert_site.embedded.data_dir import PROJECT, DataDir
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.locks import FileLock
from concert_site.embedded.services import READY_SECONDS, Services

POLL_SECONDS = 0.02
GOODBYE_SECONDS = 20.0


@contextmanager
def attached(data_dir: DataDir, services: Services, *, is_throwaway: bool = False) -> Iterator[None]:
    """Have the services running for the duration of the block.

    :raises CannotStart: if that can't be had
    """
    owner, users = data_dir.owner_lock(), data_dir.users_lock()
    # Held alone only while a daemon stops.
    if not users.try_shared(GOODBYE_SECONDS):
        raise CannotStart(f"the services in {data_dir.path} do not finish stopping: see {data_dir.log}")
    try:
        wait_or_start(data_dir, services, owner, is_throwaway=is_throwaway)
        yield
    finally:
        wait_for_daemon(owner, users)
        users.close()
        owner.close()


def wait_or_start(data_dir: DataDir, services: Services, owner: FileLock, *, is_throwaway: bool) -> None:
    """Wait for the services of whoever owns the data directory; if nobody does, start a daemon."""
    deadline = time.monotonic() + READY_SECONDS
    while not services.answer(data_dir):
        if not owner.is_held_alone():
            start_daemon(data_dir, is_throwaway=is_throwaway)
        elif time.monotonic() > deadline:
            holder = owner.read_note()
            raise CannotStart(
                f"PostgreSQL and Redis in {data_dir.path} (run by: {holder}) don't answer: stop that first"
            )
        time.sleep(POLL_SECONDS)


def start_daemon(data_dir: DataDir, *, is_throwaway: bool) -> None:
    """Start a daemon, and wait until the services can be used or somebody else proves to have them.

    :raises CannotStart: with the daemon's reason
    """
    options = ["throwaway"] if is_throwaway else []
    with (data_dir.log / "services.log").open("ab") as log:
        # It returns once the daemon has answered: by then it has left the process that is started here.
        started = subprocess.run(
            [sys.executable, "-m", daemon.__name__, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=PROJECT,
            # The session of its own keeps a Ctrl-C that is meant for the command away from it.
            start_new_session=True,
            env={**os.environ, "DATA_DIR": str(data_dir.path)},
            text=True,
            check=False,
        )
    answer = started.stdout.strip()
    if answer not in (daemon.READY, daemon.TAKEN):
        raise CannotStart(answer or f"PostgreSQL and Redis do not start: see {data_dir.log / 'services.log'}")


def wait_for_daemon(owner: FileLock, users: FileLock) -> None:
    """Leave; if we are the last, not before the daemon has stopped everything."""
    users.unlock()
    deadline = time.monotonic() + GOODBYE_SECONDS
    while owner.read_note().startswith("command") and owner.is_held_alone() and time.monotonic() < deadline:
        # Neither the daemon nor we have it alone: somebody else still uses the services.
        if not users.try_exclusive() and users.try_shared():
            return
        users.unlock()
        time.sleep(POLL_SECONDS)
