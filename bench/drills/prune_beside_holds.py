#!/usr/bin/env python
"""Hold seats while retention takes old rows, and while it doesn't, in turns: what a fan notices of it.

    .venv/bin/python bench/drills/prune_beside_holds.py [--rows 100000] [--rate 30] [--seconds 6] [--rounds 2]

As many old holds as asked are written by SQL. Then fans hold seats by the API at a steady rate, by turns alone, beside
`manage.py prune` as beat runs it, and beside `--at-once`, which rests nowhere. Each hold is timed from when it was due.
Ends with 1 if a hold failed, if the audit finds anything, if nothing was pruned meanwhile, or if beside `prune` the
median hold takes `--most-ratio` times as long as alone.
"""

import argparse
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import stack
from stack import Audience, Fan, Stack

OLD = """
insert into reservation (booking_reference, concert_id, concert_schedule_id, concert_seat_id, user_id, concert_name,
                         concert_date, price, complimentary, status, created_at, updated_state_at)
select 'OLD-' || n, s.concert_id, s.concert_schedule_id, s.id, u.ids[1 + n %% cardinality(u.ids)], 'Long ago',
       '2020-01-01', 1000, false, 'CANCELED', now() - interval '1 year', now() - interval '1 year'
  from (select array_agg(id) as ids from users) u,
       (select id, concert_id, concert_schedule_id from concert_seat limit 1) s,
       generate_series(1, %(rows)s) as n
"""
# Its sale isn't young any more, so that retention doesn't wait.
NOT_YOUNG = "update concert_schedule set reservation_available_at = now() - interval '2 hours'"
OLD_ROWS = "select count(*) from reservation where concert_name = 'Long ago'"
KEEP = {"KEEP_CANCELED_HOLDS_DAYS": "30"}
ALONE, BESIDE, AT_ONCE = "alone", "prune", "prune --at-once"
WARM_UP_SECONDS = 3.0


@dataclass
class Turn:
    """What was seen in all turns of a kind: milliseconds of each hold, how many failed, and the old rows that went."""

    took: list[float] = field(default_factory=list)
    failed: int = 0
    pruned: int = 0

    @property
    def quantiles(self) -> tuple[float, float, float, float]:
        """The median, the 95th and the 99th percentile, and the worst."""
        cut = statistics.quantiles(self.took, n=100)
        return cut[49], cut[94], cut[98], max(self.took)


class Fans:
    """Hold a seat each, at a steady rate."""

    def __init__(self, site: Stack, audience: Audience) -> None:
        self.site, self.audience = site, audience
        self.seated: Iterator[tuple[Fan, int]] = audience.seated()

    def hold_on(self, turn: Turn, rate: float, seconds: float) -> None:
        """Hold for so long, whatever the last one takes."""
        threads, started = [], time.monotonic()
        for nth in range(int(rate * seconds)):
            due = started + nth / rate
            time.sleep(max(0.0, due - time.monotonic()))
            thread = threading.Thread(target=self._hold, args=(*next(self.seated), due, turn))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()

    def _hold(self, fan: Fan, seat: int, due: float, turn: Turn) -> None:
        headers = fan.bearer | {"X-Queue-Token": self.audience.tokens[fan.id]}
        body = {"schedule": self.audience.show.schedule, "seats": [seat]}
        status, _ = self.site.ask("POST", "reservations/", body, headers)
        turn.failed += status != 201
        turn.took.append((time.monotonic() - due) * 1000)


def take_turn(site: Stack, fans: Fans, words: str, turn: Turn, asked: argparse.Namespace) -> None:
    """Hold beside a command of retention, or beside none."""
    with site.connect() as database:
        before = old_rows(database)
        pruning = None if words == ALONE else start_pruning(site, words.split(), database, before)
        fans.hold_on(turn, asked.rate, asked.seconds)
        turn.pruned += before - old_rows(database)
    if pruning is not None:
        pruning.terminate()
        pruning.wait()


def start_pruning(
    site: Stack, words: list[str], database: psycopg.Connection[Any], before: int
) -> subprocess.Popen[str]:
    """Start it; it has loaded and taken something when this returns. Any: rows of any shape."""
    pruning = site.begin(*words, stdout=subprocess.DEVNULL)
    while old_rows(database) == before and pruning.poll() is None:
        time.sleep(0.05)
    return pruning


def old_rows(database: psycopg.Connection[Any]) -> int:  # Any: rows of any shape
    (count,) = database.execute(OLD_ROWS).fetchone() or (0,)
    return int(count)


def write_old(site: Stack, rows: int) -> None:
    with site.connect() as database:
        # Past the triggers, which keep an opening as it was and ask each row for its step.
        database.execute("set session_replication_role = replica")
        database.execute(OLD, {"rows": rows})
        database.execute(NOT_YOUNG)
        database.execute("set session_replication_role = origin")
        database.execute("vacuum analyze reservation")


def faults(seen: dict[str, Turn], most_ratio: float, *, is_sound: bool) -> Iterator[str]:
    failed = sum(turn.failed for turn in seen.values())
    if failed:
        yield f"{failed} holds failed"
    if not is_sound:
        yield "the audit found breaches"
    if not (seen[BESIDE].pruned and seen[AT_ONCE].pruned):
        yield "nothing was pruned: there was nothing beside the holds"
    ratio = seen[BESIDE].quantiles[0] / seen[ALONE].quantiles[0]
    if ratio > most_ratio:
        yield f"beside prune the median is {ratio:.2f} times as long as alone"


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=30, help="holds a second")
    parser.add_argument("--seconds", type=float, default=6, help="of each turn")
    parser.add_argument("--rounds", type=int, default=2, help="of turns alone and beside prune; then one --at-once")
    parser.add_argument("--most-ratio", type=float, default=2.0)
    asked = parser.parse_args()
    turns = [ALONE, BESIDE] * asked.rounds + [AT_ONCE]
    seen: dict[str, Turn] = defaultdict(Turn)
    with stack.running(**KEEP, LOG_LEVEL="ERROR") as site:
        audience = site.make_audience(int(asked.rate * (asked.seconds * len(turns) + WARM_UP_SECONDS)) + 1)
        fans = Fans(site, audience)
        fans.hold_on(Turn(), asked.rate, WARM_UP_SECONDS)
        for words in turns:
            if words != ALONE:
                write_old(site, asked.rows)
            take_turn(site, fans, words, seen[words], asked)
        is_sound = site.passes_audit()
    alone = seen[ALONE].quantiles
    rows = []
    for words, turn in seen.items():
        found = turn.quantiles
        ratios = f"{found[0] / alone[0]:.2f}, {found[2] / alone[2]:.2f}"
        rows.append([words, turn.pruned, len(turn.took), *(f"{each:.1f}" for each in found), ratios])
    head = ["beside", "rows taken", "holds", "p50 ms", "p95 ms", "p99 ms", "worst ms", "p50, p99 to alone"]
    print(stack.table(head, rows))
    wrong = list(faults(seen, asked.most_ratio, is_sound=is_sound))
    print(*(wrong or ["No hold failed, and the audit is green."]), sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
