"""What an installed host does while its services are away, its clock is set back or its disk is full.

Each once, on the host that bare_drill.py has installed, while a visitor asks for pages by nginx: it says what each
address answered, and fails if the site isn't whole again by itself soon after.
"""

import subprocess
import time
from pathlib import Path

from bare_drill import Drill

REDIS_SECONDS, FROZEN_SECONDS, CLOCK_SECONDS, FULL_SECONDS = 60, 35, 45, 20
WHOLE_SECONDS = 60
# A clock of their own for the site's processes, nginx and Redis, the machine's being everybody's; PostgreSQL is started
# by a program of Debian's that passes nothing on. (libfaketime 0.9.10, Debian 12's, breaks
# Python's sleep and keeps Redis from starting.)
CLOCK = Path(__file__).with_name("bare_clock.c")
LIBRARY, SHIFT = Path("usr/lib/frontrow-clock.so"), "/etc/clock-shift"
# Everything that is written lies on one small disk.
SMALL_DISK = r"""
set -eu
systemctl stop frontrow.target 'postgresql@*' redis-server@frontrow
mkdir -p /disk && mount -t tmpfs -o size=400m tmpfs /disk
for place in postgresql redis-frontrow frontrow; do
    cp -a /var/lib/$place /disk/ && mount --bind /disk/$place /var/lib/$place
done
systemctl start postgresql && systemctl start redis-server@frontrow frontrow.target
"""
# Filled to the last byte, and somebody wants to write.
FULL = (
    "dd if=/dev/zero of=/disk/full bs=64k 2>/dev/null; df /disk | tail -n 1; "
    "python3 visitor.py signup full@example.com Second-night-of-1987 2>&1 | tail -n 1"
)


def see_whole(drill: Drill) -> None:
    """Wait until the site serves and the lines move, say how long that took, and look at everything."""
    began = time.monotonic()
    drill.must("serving", f"frontrow wait --port 8001 --port 8002 --with-ticks --seconds {WHOLE_SECONDS}")
    drill.say(f"whole by itself after {time.monotonic() - began:.1f} s")
    drill.must("all units, all invariants", "frontrow status && frontrow audit | tail -n 1")


def while_away(drill: Drill, what: str, breaks: str, mends: str, seconds: float) -> None:
    """Break something, leave it so for a while, mend it, and have the site come back."""

    def work() -> None:
        time.sleep(2)
        drill.must(what, breaks)
        time.sleep(seconds)
        drill.must(f"after {seconds:.0f} s", mends)
        see_whole(drill)

    drill.tallied(what, work)


def try_outages(drill: Drill) -> None:
    """Redis stopped, PostgreSQL frozen, the clock set back, the disk full."""
    while_away(
        drill,
        "Redis stopped",
        "systemctl stop redis-server@frontrow",
        "systemctl start redis-server@frontrow",
        REDIS_SECONDS,
    )
    while_away(
        drill,
        "PostgreSQL frozen",
        "systemctl kill --kill-whom=all --signal=STOP 'postgresql@*'",
        "systemctl kill --kill-whom=all --signal=CONT 'postgresql@*'",
        FROZEN_SECONDS,
    )
    drill.must("a small disk", SMALL_DISK)
    while_away(drill, "disk full", FULL, "rm /disk/full", FULL_SECONDS)
    drill.must("a fan signs up again", "python3 visitor.py signup full2@example.com Second-night-of-1987")
    set_clock_back(drill)


def set_clock_back(drill: Drill) -> None:
    """Ten minutes, while everything runs; and forth again, as NTP would."""
    library = drill.machine.root / LIBRARY
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, CLOCK], check=True)
    drill.must(
        "a clock of their own",
        f"echo 0 > {SHIFT}; systemctl set-environment LD_PRELOAD=/{LIBRARY}; "
        "systemctl restart 'postgresql@*' redis-server@frontrow nginx && systemctl restart frontrow.target",
    )
    back = f"echo -600 > {SHIFT}; date; cd / && runuser -u postgres -- psql -Atc 'select now()'"
    while_away(drill, "clock set back ten minutes", back, "frontrow status", CLOCK_SECONDS)
    while_away(drill, "clock set forth again", f"echo 0 > {SHIFT}", "frontrow status", CLOCK_SECONDS)
