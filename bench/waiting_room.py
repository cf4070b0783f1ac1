#!/usr/bin/env python
"""What joining, polling, admission and the draw cost with 1,000, 100,000 and 1,000,000 people waiting.

    .venv/bin/python bench/waiting_room.py [--sizes 1000,100000,1000000] [--rounds 8] [--only http,domain,draw]

Starts a throw-away site with a line and a lobby of each size at once, and compares them in alternating short rounds.
Those who wait already are written in bulk (bench/crowds.py); everybody who is measured comes over HTTP. Admission and
ticks are calls of the domain from this process, while beat and worker rest. At last the lobbies are opened, and drawn
by the site's own worker, with fans joining meanwhile. Nobody is let into the lines: their cap is 0. It prints one
table. A trial of a minute or two:

    .venv/bin/python bench/waiting_room.py --sizes 1000,3000,20000 --rounds 2
"""

import argparse
import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import admissions
import crowds
import load
import openings
import psutil
import stack
from crowds import Connection, Crowd
from load import request
from stack import Fan, Show, Stack
from turns import CLIENTS, Sheet, Side, in_turns

SIZES = "1000,100000,1000000"
JOINS_A_ROUND, READS_A_ROUND = 100, 2000
SEATS, ARRIVALS = 10_000, 3000
# A lobby is open from an hour before the opening; measuring takes less than that.
LOBBY_OPENS_IN_SECONDS = 3400
TOKENS = """
select user_id, token::text from waiting_token where concert_schedule_id = %(schedule)s and user_id = any(%(fans)s)"""

Requests = Callable[[Crowd, int], list[bytes]]


@dataclass(frozen=True)
class Bench:
    """The site, its crowds from small to large, and the table."""

    site: Stack
    connection: Connection
    crowds: list[Crowd]
    rounds: int
    sheet: Sheet

    # --- how much room they take ----------------------------------------------------------

    def room(self) -> None:
        """Fill the lines and the lobbies: bytes of PostgreSQL for each fan."""
        crowds.make_people(self.connection, self.crowds[-1].size)
        lines = [crowds.filled(self.connection, crowds.LINE, each.line, each.size) for each in self.crowds]
        self.sheet.add("PostgreSQL, bytes a fan in the line (its indexes)", lines)
        lobbies = [crowds.filled(self.connection, crowds.LOBBY, each.lobby, each.size) for each in self.crowds]
        self.sheet.add("- in the lobby", lobbies)
        for each in self.crowds:
            self.connection.execute(crowds.DRAWN, {"schedule": each.line.schedule})
        crowds.settle(self.connection)

    def memory(self) -> None:
        """Bytes of Redis for each line, once people have joined and polled."""
        self.sheet.add(
            "Redis, bytes for the whole line (keys)", [crowds.bytes_in_redis(each.line) for each in self.crowds]
        )
        self.sheet.add("- for the whole lobby", [crowds.bytes_in_redis(each.lobby) for each in self.crowds])

    # --- over HTTP ------------------------------------------------------------------------

    def over_http(self) -> None:
        """Join, join again, look at one's own token, poll; then the same in the lobby."""
        made = self.site.make_fans(JOINS_A_ROUND * self.rounds * len(self.crowds), balance=0)
        # Fans of its own for each crowd: a web process checks an access token the first time that it sees it.
        fans = {crowd.size: made[nth :: len(self.crowds)] for nth, crowd in enumerate(self.crowds)}

        def joins(crowd: Crowd, turn: int) -> list[bytes]:
            return [join(crowd.line, fan) for fan in share(fans[crowd.size], turn)]

        def lobby_joins(crowd: Crowd, turn: int) -> list[bytes]:
            return [join(crowd.lobby, fan) for fan in share(fans[crowd.size], turn)]

        def looks(crowd: Crowd, turn: int) -> list[bytes]:
            return self.looks(crowd.line, share(fans[crowd.size], turn))

        self.compare("join the line", joins, 201)
        self.compare("join again", joins, 200)
        self.compare("look at one's own place", looks, 200)
        self.compare("poll", lambda crowd, _: [poll(crowd.line)] * READS_A_ROUND, 200)
        self.compare("poll, nothing new (304)", lambda crowd, _: self.known(crowd.line), 304)
        self.compare("join the lobby", lobby_joins, 201)
        self.compare("poll the lobby", lambda crowd, _: [poll(crowd.lobby)] * READS_A_ROUND, 200)
        self.memory()

    def compare(self, what: str, requests_of: Requests, status: int) -> None:
        """Rounds of requests for each crowd, in turns."""
        sides = [Side() for _ in self.crowds]

        def one_round(turn: int, nth: int) -> None:
            sides[nth].run(self.site, requests_of(self.crowds[nth], turn), status)

        in_turns(self.rounds, len(sides), one_round)
        self.sheet.add_sides(what, sides)

    def looks(self, show: Show, fans: list[Fan]) -> list[bytes]:
        """Each fan's look at the own token."""
        rows = self.connection.execute(TOKENS, {"schedule": show.schedule, "fans": [fan.id for fan in fans]})
        token_of = dict(rows.fetchall())
        return [request("GET", f"/api/v1/queue-tokens/{token_of[fan.id]}/", headers=fan.bearer) for fan in fans]

    def known(self, show: Show) -> list[bytes]:
        """Polls of who has the latest answer already."""
        connection = load.Connection(self.site.port)
        connection.ask(poll(show))
        etag = connection.header("etag")
        return [poll(show, {"If-None-Match": etag})] * READS_A_ROUND

    # --- calls of the domain --------------------------------------------------------------

    def domain(self) -> None:
        """Ticks and admissions, with nobody else at it."""
        # The worker as well: a setting of the sale that is changed has it tick at once.
        with stack.resting(self.site, "beat"), stack.resting(self.site, "ticks"):
            admissions.measure(self.connection, self.crowds, self.sheet)

    # --- the draw -------------------------------------------------------------------------

    def draw(self) -> None:
        """Open the lobbies, from small to large."""
        fans = self.site.make_fans(ARRIVALS, balance=0)
        found = [openings.open_and_read(self.site, self.connection, each.lobby, fans) for each in self.crowds]
        for row in openings.rows(found):
            self.sheet.add(*row)


def join(show: Show, fan: Fan) -> bytes:
    return request("POST", f"/api/v1/schedules/{show.schedule}/queue-tokens/", headers=fan.bearer, body=b"{}")


def poll(show: Show, headers: dict[str, str] | None = None) -> bytes:
    return request("GET", f"/api/v1/schedules/{show.schedule}/queue/", headers=headers)


def share(fans: list[Fan], turn: int) -> list[Fan]:
    return fans[turn * JOINS_A_ROUND : (turn + 1) * JOINS_A_ROUND]


def gather(site: Stack, size: int) -> Crowd:
    """A sale that is open and lets nobody in, and one that opens later and lets in as many as usual."""
    line = site.make_show(seats=SEATS, max_active=0)
    return Crowd(size, line, site.make_show(seats=SEATS, opens_in=LOBBY_OPENS_IN_SECONDS))


PARTS: dict[str, Callable[[Bench], None]] = {"http": Bench.over_http, "domain": Bench.domain, "draw": Bench.draw}


def machine(site: Stack) -> str:
    from concert_site.lib.redis import client

    gigabytes = psutil.virtual_memory().total / 2**30
    return f"{stack.machine(site)}, Redis {client().info('server')['redis_version']}; {gigabytes:.0f} GB of memory"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the waiting room at three sizes.")
    parser.add_argument("--sizes", default=SIZES, help=f"people in each line, from few to many ({SIZES})")
    parser.add_argument("--rounds", type=int, default=8, help="rounds of each size (8)")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts to measure ({','.join(PARTS)})")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    began = time.monotonic()
    with stack.running() as site, stack.domain_ready(site), closing(site.connect()) as connection:
        bench = Bench(site, connection, [gather(site, size) for size in sizes], options.rounds, Sheet(sizes))
        bench.room()
        for part in options.only.split(","):
            PARTS[part](bench)
        passes = site.passes_audit()
        print(f"{machine(site)}; {CLIENTS} connections, {options.rounds} rounds.\n\n{bench.sheet.text()}\n")
    print(
        f"Audit of all: {'nothing broken' if passes else 'BROKEN'}. {time.monotonic() - began:.0f} s in all,", end=" "
    )
    print(f"load averages {', '.join(f'{each:.1f}' for each in os.getloadavg())}.")


if __name__ == "__main__":
    main()
