#!/usr/bin/env python
"""Cause what each alert rule warns of, on a running site under load, and see whether a real Prometheus says so.

    apt-get install --no-install-recommends prometheus     (its service need not run)
    .venv/bin/python bench/drills/alerts.py [--only backups,nobody_pays,...]

As root, for it mounts a small disk. It starts a PostgreSQL with a replica, a site, a payment provider, a mail server
and a Prometheus that scrapes every three seconds; causes one fault after the other, while readers ask, and fans hold
and pay; and ends all that it started. Loopback alone, about eleven minutes: one alert says that a transaction has
been open for ten minutes, and one looks back as long.

The rules are those of deploy/monitoring/alerts.yml, but for `for`, which is divided by twenty: 1m is three seconds.
Expressions, windows and limits are as they are. What would take a day or half of one, a withdrawal that is late and a
message that was given up, a mail that is owed for half an hour, is caused in earnest, and its row then moved back.

Exit code 0: each alert was quiet before, fired, and went; probes answered as they must; whoever was refused while
PostgreSQL or Redis stood still was so within two seconds; and every acknowledged hold and payment is in the database.
"""

import argparse
import re
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import alerts_acts as acts
import stack
from alerts_load import Load
from alerts_site import MONITORING, Drill, require_programs, running

FANS = 1_800
# Each begins where the ones before have left the site well; the slow to go come first.
ACTS: dict[str, acts.Act] = {
    each.__name__: each
    for each in (
        acts.backups, acts.nobody_pays, acts.tasks_fail, acts.mail_away, acts.connections, acts.task_changed,
        acts.money_stuck, acts.table_locked, acts.line_locked, acts.logins_flood, acts.disk_full, acts.replica_late,
        acts.beat_frozen, acts.redis_frozen, acts.workers_frozen, acts.metrics_frozen, acts.postgres_frozen,
        acts.web_dies, acts.replica_killed,
    )
}  # fmt: skip
LONG = "long_transaction"
TEN_MINUTES = 600


def begin_long_transaction(drill: Drill) -> threading.Thread:
    """Somebody begins a transaction and goes home; meanwhile there is time for all the rest."""
    what = "a transaction that writes, and is left open"
    fault = acts.locked(drill, "select pg_current_xact_id()")
    within = {"within": TEN_MINUTES + 60}
    thread = threading.Thread(target=drill.cause, args=(what, fault, "FrontrowLongTransaction"), kwargs=within)
    thread.start()
    return thread


def attempt(drill: Drill, load: Load, name: str) -> None:
    """Do one of them. Where it goes wrong, the others are tried all the same."""
    try:
        ACTS[name](drill, load)
    except SystemExit as error:
        # By a number it is who ends us, by words what was waited for in vain.
        if isinstance(error.code, int):
            raise
        drill.fail(f"{name}: {error}")
    except Exception as error:  # noqa: BLE001  whatever it was, it is told at the end
        drill.fail(f"{name}: {error!r}")


def play(drill: Drill, names: list[str]) -> None:
    """Do these things to the site, one after the other, and judge what came of them."""
    load = Load(drill, drill.site.make_audience(FANS), drill.site.make_show(seats=100).schedule)
    long = begin_long_transaction(drill) if LONG in names else None
    time.sleep(15)
    stack.wait_for(lambda: not drill.watch.firing, "nothing fires while all is well", 90)
    if "nobody_pays" not in names:
        load.may_buy.set()
    for name in names:
        if name != LONG:
            attempt(drill, load, name)
    if long is not None:
        long.join()
    load.end()
    load.check_acknowledged()
    print(drill.table(), flush=True)
    left = set(re.findall(r"alert: (\w+)", (MONITORING / "alerts.yml").read_text()))
    left -= {alert.split()[0] for cause in drill.causes for alert in cause.fired}
    print(f"Not caused in this run: {', '.join(sorted(left)) or 'none'}.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help=f"some of {', '.join([*ACTS, LONG])}; without it all")
    only = parser.parse_args().only
    require_programs()
    with running(lambda text: print(text, flush=True)) as drill:
        play(drill, only.split(",") if only else [*ACTS, LONG])
    print("\n".join(drill.failures) or "All as expected.")
    return 1 if drill.failures else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
