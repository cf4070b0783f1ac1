"""Two beats on one site: the one that hands work out is killed, and frozen, again and again; the other takes over.

    .venv/bin/python bench/drills/beat_lease.py [--rounds 3]

It starts a throw-away site and a second beat beside it, and watches how old the last tick gets. Of one that is frozen
it also counts, once it goes on, whether more is sent than by one. Exit code 1 if lines stood still for longer than ten
seconds, or if anything was handed out twice for longer than a moment.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import redis

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import stack
from stack import Stack

LONGEST_GAP_SECONDS = 10.0
FROZEN_SECONDS, COUNTED_SECONDS = 12.0, 10.0
KEEP_MS = 86_400_000
TICK = "heartbeat:reservations.tick_admission"
HOLDERS = "select application_name from pg_stat_activity where application_name like 'beat of %%'"


def holders(site: Stack) -> list[int]:
    """The processes that hold the lease: one, or none for a moment. One that waits lets go at once."""
    with site.connect() as database:
        rows = database.execute(f"{HOLDERS} and state = 'idle in transaction'").fetchall()
    return [int(name.rpartition(" ")[2]) for (name,) in rows]


def holder(site: Stack) -> int:
    while not (found := holders(site)):
        time.sleep(0.05)
    return found[0]


def longest_gap(server: "redis.Redis", seconds: float) -> float:
    """How old the last tick got within so many seconds."""
    deadline, oldest = time.monotonic() + seconds, 0.0
    while time.monotonic() < deadline:
        oldest = max(oldest, (KEEP_MS - int(server.pttl(TICK))) / 1000)
        time.sleep(0.05)
    return oldest


def sent_within(server: "redis.Redis", seconds: float) -> int:
    """How many tasks were sent within so many seconds."""
    before = server.info("commandstats")["cmdstat_lpush"]["calls"]
    time.sleep(seconds)
    return int(server.info("commandstats")["cmdstat_lpush"]["calls"] - before)


def start_second(site: Stack) -> subprocess.Popen[str]:
    """Another host's beat: a data directory of its own, the same database."""
    there = {"DATA_DIR": f"{site.data_dir}-2", "DATABASE_URL": site.database_url, "REDIS_URL": site.redis_url}
    secrets = {name: (site.data_dir / name.lower()).read_text() for name in ("SECRET_KEY", "JWT_PRIVATE_KEY")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    second = site.begin("up", "--only=beat", environment=there | secrets, **pipes)
    assert second.stdout is not None
    for line in second.stdout:
        if line.startswith("Running: beat"):
            return second
    raise SystemExit("The second beat did not start.")


def drill(site: Stack, rounds: int) -> list[str]:
    """What went wrong."""
    server, wrong = redis.Redis.from_url(site.redis_url), []
    usual = sent_within(server, COUNTED_SECONDS)
    print(f"one beat of two hands out {usual} tasks in {COUNTED_SECONDS:.0f} s")
    for _ in range(rounds):
        victim = holder(site)
        os.kill(victim, signal.SIGKILL)
        gap = longest_gap(server, 8)
        print(f"kill -9: process {victim}, now {holder(site)}; the last tick was never older than {gap:.1f} s")
        wrong += [f"{gap:.1f} s without a tick after kill -9"] * (gap > LONGEST_GAP_SECONDS)

        victim = holder(site)
        os.kill(victim, signal.SIGSTOP)
        gap = longest_gap(server, FROZEN_SECONDS)
        successor = holder(site)
        os.kill(victim, signal.SIGCONT)
        sent = sent_within(server, COUNTED_SECONDS)
        print(
            f"SIGSTOP for {FROZEN_SECONDS:.0f} s: process {victim}, now {successor}; never older than {gap:.1f} s;"
            f" once it went on, {sent} tasks were sent in {COUNTED_SECONDS:.0f} s by {len(holders(site))}"
        )
        wrong += [f"{gap:.1f} s without a tick while frozen"] * (gap > LONGEST_GAP_SECONDS)
        wrong += [f"{victim} has the lease again"] * (successor == victim)
        wrong += [f"{sent} tasks instead of {usual}"] * (sent > 1.5 * usual)
    return wrong


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with stack.running() as site:
        second = start_second(site)
        try:
            wrong = drill(site, options.rounds)
        finally:
            second.send_signal(signal.SIGTERM)
            second.wait(stack.PATIENCE_SECONDS)
    for line in wrong:
        print(line)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
