#!/usr/bin/env python
"""Kill the primary under a sale, promote its synchronous standby, and look up every acknowledged write.

    .venv/bin/python bench/drills/failover.py [--rounds 3] [--fans 500] [--threads 6] [--postgres 18] [--notice 3]

The site has one DATABASE_URL with both servers in it. In each round fans hold and pay for their seats while, at a
random moment, the primary is killed by SIGKILL with all its processes. `--notice` seconds later, as a cluster manager
would, the standby is promoted. Then the old primary is started as it is (a split brain: does it take writes?),
brought back by pg_rewind as the standby of the new one, and the next round kills that. Ends with 1 on any loss.
"""

import argparse
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import servers
import stack
from servers import Pair
from stack import Audience, Fan, Stack

# A killed server's pages and those of who took its place differ: pg_rewind needs to know in what.
SETTINGS = {"wal_log_hints": "on", "synchronous_commit": "on", "wal_keep_size": "512MB"}
AGAIN_SECONDS = 0.2
LAST_SECONDS = 90.0
MOST_GAP_SECONDS = 30.0
SPLIT_SECONDS = 3.0
HELD = """
select r.user_id, r.concert_seat_id, r.status from reservation r where r.id = %s"""
PAID = """
select r.user_id, r.status from payment p join reservation r on r.id = p.reservation_id where p.id = %s"""


def old_one_takes_writes(pair: Pair) -> bool:
    """Start the old primary as it is, and see whether it acknowledges a write: it must not."""
    pair.standby.start()
    try:
        with psycopg.connect(pair.standby.url, autocommit=True) as connection:
            threading.Timer(SPLIT_SECONDS, lambda: pair.standby.stop(signal.SIGQUIT)).start()
            connection.execute("create table split_brain (id int)")
            return True
    except psycopg.OperationalError:
        return False
    finally:
        time.sleep(SPLIT_SECONDS)
        pair.standby.stop(signal.SIGINT)


class Site(Stack):
    """A site whose database is ours."""

    def connect(self) -> psycopg.Connection[Any]:  # Any: rows of any shape
        url = f"{self.environment['DATABASE_URL']}?target_session_attrs=read-write"
        return psycopg.connect(url, autocommit=True, connect_timeout=2)


@dataclass
class Diary:
    """What was answered, and when."""

    answers: Counter[str] = field(default_factory=Counter)
    holds: list[tuple[int, int, int]] = field(default_factory=list)
    payments: list[tuple[int, int]] = field(default_factory=list)
    acknowledged_at: list[float] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)

    def gap_after(self, moment: float) -> float:
        """For how long from about this moment on nothing was acknowledged, in seconds; what was on its way came yet."""
        times = sorted(at for at in self.acknowledged_at if at >= moment - 1)
        return max((after - before for before, after in pairwise(times)), default=float("inf"))


class Buyer(threading.Thread):
    """Holds and pays for one fan after another, and asks again until that is answered."""

    # For so many seconds.
    patience = LAST_SECONDS

    def __init__(self, site: Stack, audience: Audience, work: Iterator[tuple[Fan, int]], diary: Diary) -> None:
        super().__init__(daemon=True)
        self.site, self.audience, self.work, self.diary = site, audience, work, diary

    def run(self) -> None:
        for fan, seat in self.work:
            self.buy(fan, seat)

    def buy(self, fan: Fan, seat: int) -> None:
        token = {"X-Queue-Token": self.audience.tokens[fan.id]}
        body = {"schedule": self.audience.show.schedule, "seats": [seat]}
        booking = self.until_answered("hold", fan, "reservations/", body, token)
        if booking is None:
            return
        (held,) = booking["reservations"]
        self.diary.holds.append((held["id"], fan.id, seat))
        paid = self.until_answered("pay", fan, "payments/", {"reservations": [held["id"]]}, {})
        if paid is not None:
            self.diary.payments.extend((each["id"], fan.id) for each in paid["payments"])

    def until_answered(self, step: str, fan: Fan, path: str, body: object, headers: dict[str, str]) -> Any:  # Any: JSON
        deadline = time.monotonic() + self.patience
        while (asked_at := time.monotonic()) < deadline:
            status, said = self.site.ask("POST", path, body, fan.bearer | headers)
            self.note(step, asked_at, status, said)
            if status in (200, 201):
                self.diary.acknowledged_at.append(time.monotonic())
                return said
            time.sleep(AGAIN_SECONDS)
        self.diary.unfinished.append(f"{step} of fan {fan.id}: {status} {said}")
        return None

    def note(self, step: str, asked_at: float, status: int, said: Any) -> None:  # Any: JSON
        """Write an answer down."""
        self.diary.answers[f"{step} {status}"] += 1


def lost(site: Stack, diary: Diary) -> list[str]:
    """Acknowledged writes that the database doesn't have."""
    missing = []
    with site.connect() as connection:
        for reservation, fan, seat in diary.holds:
            row = connection.execute(HELD, [reservation]).fetchone()
            if row is None or row[:2] != (fan, seat) or row[2] == "CANCELED":
                missing.append(f"hold {reservation} of fan {fan}: {row}")
        for payment, fan in diary.payments:
            row = connection.execute(PAID, [payment]).fetchone()
            if row != (fan, "RESERVED"):
                missing.append(f"payment {payment} of fan {fan}: {row}")
    return missing


def line_moves(site: Stack) -> float:
    """How long a fan who joins now waits for their turn: worker, ticks and beat have found the new primary."""
    show = site.make_show(seats=10, max_active=10)
    (fan,) = site.make_fans(1, balance=1000)
    began = time.monotonic()
    line = f"schedules/{show.schedule}/queue-tokens/"
    stack.wait_for(lambda: site.ask("POST", line, {}, fan.bearer)[0] in (200, 201), "joined")
    _, place = site.ask("POST", line, {}, fan.bearer)
    path = f"queue-tokens/{place['token']}/enter/"
    stack.wait_for(lambda: site.ask("POST", path, {}, fan.bearer)[0] == 200, "the line moves")
    return time.monotonic() - began


def play_round(site: Stack, pair: Pair, options: argparse.Namespace, nth: int) -> list[str]:
    """One failover under load; what went wrong."""
    audience = site.make_audience(options.fans)
    work, diary = audience.seated(), Diary()
    buyers = [Buyer(site, audience, work, diary) for _ in range(options.threads)]
    for buyer in buyers:
        buyer.start()
    began = time.monotonic()
    # Of two writes a fan, at some moment while most are still to come.
    enough = random.randint(options.fans // 5, options.fans)
    stack.wait_for(lambda: len(diary.acknowledged_at) >= enough, "the load runs")
    before, killed_at = len(diary.acknowledged_at), time.monotonic()
    moment = killed_at - began
    promotion = pair.fail_over(options.notice)
    for buyer in buyers:
        buyer.join()
    gap, missing = diary.gap_after(killed_at), lost(site, diary)
    waited = line_moves(site)
    split = old_one_takes_writes(pair)
    pair.rejoin()
    audit = site.passes_audit()
    print(
        f"{nth}. killed after {moment:.1f} s and {before} acknowledged writes, promoted {options.notice:.0f} s later"
        f" in {promotion:.1f} s; nothing acknowledged for {gap:.1f} s;"
        f" {len(diary.holds)} holds and {len(diary.payments)} payments acknowledged, {len(missing)} lost;"
        f" a line moved within {waited:.1f} s; old primary {'TOOK A WRITE' if split else 'took no write'},"
        f" rejoined; audit {'green' if audit else 'RED'}; answers {dict(sorted(diary.answers.items()))}",
        flush=True,
    )
    wrong = [*missing, *diary.unfinished]
    wrong += [f"a gap of {gap:.1f} s"] if gap > MOST_GAP_SECONDS else []
    wrong += ["the old primary acknowledged a write"] if split else []
    return wrong if audit else [*wrong, "the audit is red"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fans", type=int, default=500)
    parser.add_argument("--threads", type=int, default=6)
    parser.add_argument("--postgres", type=int, default=servers.EMBEDDED_VERSION)
    parser.add_argument("--notice", type=float, default=3.0, help="seconds until somebody promotes")
    options = parser.parse_args()
    with (
        servers.folder_for_servers() as folder,
        servers.paired(servers.binaries(options.postgres), folder, **SETTINGS) as pair,
        stack.throwaway(Site, DATABASE_URL=pair.url, LOG_LEVEL="ERROR") as site,
        stack.launched(site),
    ):
        wrong = [each for nth in range(1, options.rounds + 1) for each in play_round(site, pair, options, nth)]
    print("\n".join(wrong) or "Nothing that was acknowledged is lost.")
    return 1 if wrong else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
