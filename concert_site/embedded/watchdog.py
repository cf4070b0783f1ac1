"""End what a supervisor left behind, should it be killed outright.

Run as a script whose standard input is a pipe from the supervisor: `add PID SIGNAL` and `remove PID`,
one per line. The pipe's end means that the supervisor is gone, however it went.
"""

import os
import signal
import sys
import time
from contextlib import suppress

GRACE_SECONDS = 15.0


def is_running(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end(groups: dict[int, int]) -> None:
    """Send every group its signal, and SIGKILL to those that don't end in time."""
    for pid, number in groups.items():
        with suppress(ProcessLookupError):
            # A gentle signal is for the leader, which stops its group in order.
            (os.killpg if number == signal.SIGKILL else os.kill)(pid, number)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(map(is_running, groups)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in groups:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def main() -> None:
    """Keep the list until the pipe ends, then end those on it."""
    # Whoever stops the supervisor from a terminal or a script must not stop its watchdog first.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        word, pid, *number = line.split()
        if word == "add":
            groups[int(pid)] = int(number[0])
        else:
            groups.pop(int(pid), None)
    end(groups)


if __name__ == "__main__":
    main()
