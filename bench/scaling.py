#!/usr/bin/env python
"""The table of machines and money in docs/scaling.md: on-sales of four sizes, simulated with the real admission.

    .venv/bin/python bench/scaling.py [--costs FILE] [--vcpu-hour 0.045] [--sizes 10000,100000,1000000,10000000]

Each sale runs in accelerated time: fans who will be reached stand in a real PostgreSQL, and each second's free slots
are handed out by the site's own `admission.admit` with that second as its time, so caps, no-shows and lapses are the
real ones. Whoever stands further back than the last ticket only looks, as often as the site's own `pace.POLL` tells
them to; they are counted, not stored, since admission never reads them. What a request costs is what
bench/cpu_costs.py measured (`--costs`, or the figures below). Processors are planned to be busy for `--busy` of
the time at the peak.

What is assumed about people and prices is in `People` and in the options; all of it is a parameter.
"""

import argparse
import json
import math
import random
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import crowds
import stack
from stack import Stack

STEP_SECONDS = 1
LONGEST_SECONDS = 5400
# What docs/scaling.md has of bench/cpu_costs.py, milliseconds of a processor: web, PostgreSQL, Redis.
MEASURED: dict[str, tuple[float, float, float]] = {
    "poll": (0.10, 0.00, 0.002),
    "availability": (0.35, 0.00, 0.000),
    "join": (1.39, 0.59, 0.126),
    "own place": (0.51, 0.06, 0.000),
    "programme": (7.00, 0.00, 0.000),
    "waiting page": (9.49, 1.45, 0.041),
    "concert page": (7.94, 1.11, 0.000),
    "login": (259.13, 6.63, 0.809),
    "hold": (1.39, 0.96, 0.000),
    "pay": (1.49, 1.39, 0.057),
}
# Of each size: tickets, and how many fans may be inside at once.
HOUSES = {10_000: (2_000, 200), 100_000: (10_000, 800), 1_000_000: (50_000, 3_000), 10_000_000: (100_000, 5_000)}
ENTER = """
update waiting_token set entered_at = %(now)s, expired_at = %(now)s + interval '600 s'
 where id = any(%(ids)s) and status = 'ACTIVE'"""
LEAVE = """
update waiting_token set status = 'EXPIRED', expired_reason = %(reason)s
 where id = any(%(ids)s) and status = 'ACTIVE'"""
LET_IN = """
select id from waiting_token
 where concert_schedule_id = %s and status = 'ACTIVE' and updated_active_at = %s"""


@dataclass(frozen=True)
class People:
    """What fans are assumed to do."""

    in_lobby: float = 0.7  # of all, before the opening; the others come after it
    later_seconds: float = 300.0  # the mean of when those come
    logs_in: float = 0.3  # of all, within the last half-hour before the opening or as they come
    login_seconds: float = 1800.0
    no_show: float = 0.08  # of those who are let in
    enters_after: float = 12.0  # seconds, the mean
    stays: float = 120.0  # seconds inside, the median; a tenth takes more than twice that
    buys: float = 0.85  # of those who came in
    tickets: float = 2.2  # of who buys
    looks_at_seats: float = 2.0  # requests a second for each fan inside


@dataclass
class Sale:
    """What a sale came to; loads are requests a second by kind, for each second from the opening."""

    fans: int
    tickets: int
    cap: int
    sold_out_after: float = 0.0
    let_in: int = 0
    most_inside: int = 0
    admit_ms: float = 0.0
    loads: list[dict[str, float]] = field(default_factory=list)


class Sales:
    """One sale, second by second, over a site's PostgreSQL."""

    def __init__(self, site: Stack, fans: int, people: People, seed: int) -> None:
        self.people, self.random = people, random.Random(seed)
        tickets, cap = HOUSES.get(fans, (max(100, fans // 20), max(20, fans // 200)))
        self.sale = Sale(fans, tickets, cap)
        # As many as will ever be let in, with room to spare: behind them nobody is looked at.
        self.stored = min(fans, int(tickets / people.tickets / people.buys / (1 - people.no_show) * 1.15) + 2 * cap)
        self.show = site.make_show(seats=10, max_active=cap, opens_in=0)
        self.left = tickets
        self.due: dict[int, list[tuple[str, int]]] = defaultdict(list)

    def run(self, connection: crowds.Connection) -> Sale:
        """From the opening until the last ticket is sold."""
        from queueing.domain import admission

        crowds.make_people(connection, self.stored)
        connection.execute(crowds.LINE, {"schedule": self.show.schedule, "length": self.stored})
        connection.execute(crowds.DRAWN, {"schedule": self.show.schedule})
        crowds.settle(connection)
        ((began,),) = connection.execute("select now()").fetchall()
        spent: list[float] = []
        for second in range(0, LONGEST_SECONDS, STEP_SECONDS):
            now: datetime = began + timedelta(seconds=second)
            self._come_and_go(connection, second, now)
            if self.left <= 0:
                self.sale.sold_out_after = second
                break
            clock = time.perf_counter()
            moved = admission.admit(self.show.schedule, room=math.ceil(self.left / self.people.tickets), now=now)
            spent.append(time.perf_counter() - clock)
            if moved.active > self.sale.cap:
                raise SystemExit(f"{moved.active} are inside, the cap is {self.sale.cap}.")
            self.sale.let_in += moved.admitted
            self.sale.most_inside = max(self.sale.most_inside, moved.active)
            if moved.admitted:
                self._let_in(connection, second, now)
            self.sale.loads.append(self._load(second, moved.active))
        self.sale.admit_ms = 1000 * sum(spent) / max(1, len(spent))
        return self.sale

    def _let_in(self, connection: crowds.Connection, second: int, now: datetime) -> None:
        """Decide what those who were just let in will do, and when."""
        rows = connection.execute(LET_IN, [self.show.schedule, now]).fetchall()
        for (token,) in rows:
            if self.random.random() < self.people.no_show:
                continue  # admit() takes the slot back by itself
            enters = second + 1 + int(self.random.expovariate(1 / self.people.enters_after))
            if enters >= second + 120:
                continue
            stays = min(590.0, self.random.lognormvariate(math.log(self.people.stays), 0.55))
            self.due[enters].append(("enter", token))
            self.due[enters + 1 + int(stays)].append(("leave", token))

    def _come_and_go(self, connection: crowds.Connection, second: int, now: datetime) -> None:
        steps = self.due.pop(second, [])
        entering = [token for what, token in steps if what == "enter"]
        if entering:
            connection.execute(ENTER, {"ids": entering, "now": now})
        leaving = [token for what, token in steps if what == "leave"]
        paid = [token for token in leaving if self.random.random() < self.people.buys]
        self.left -= round(len(paid) * self.people.tickets)
        for reason, ids in (("PAID", paid), ("LEFT", [each for each in leaving if each not in set(paid)])):
            if ids:
                connection.execute(LEAVE, {"ids": ids, "reason": reason})
        self.entered, self.paid = len(entering), len(paid)

    def _load(self, second: int, inside: int) -> dict[str, float]:
        """Requests a second, by kind."""
        people, fans = self.people, self.sale.fans
        lobby = fans * people.in_lobby
        coming = (fans - lobby) / people.later_seconds * math.exp(-second / people.later_seconds)
        here = lobby + (fans - lobby) * (1 - math.exp(-second / people.later_seconds))
        waiting = max(0.0, here - self.sale.let_in)
        return {
            "poll": polls_a_second(waiting),
            "own place": own_places(lobby, second) + coming,
            "join": coming,
            "login": coming * people.logs_in,
            "programme": coming,
            "waiting page": coming,
            "availability": inside * people.looks_at_seats,
            # The seats page, which needs a token, is counted as this one.
            "concert page": self.entered / STEP_SECONDS,
            "hold": self.paid / STEP_SECONDS,
            "pay": self.paid / STEP_SECONDS,
        }


def polls_a_second(waiting: float) -> float:
    """How often a line of this length asks how it moves, by the site's own rule."""
    from queueing.pace import JITTER, POLL

    bounds = [ahead for ahead, _ in POLL[1:]] + [math.inf]
    total = 0.0
    for (ahead, seconds), end in zip(POLL, bounds, strict=True):
        total += max(0.0, min(waiting, end) - ahead) / (seconds * (1 + JITTER / 2))
    return total


def own_places(lobby: float, second: int) -> float:
    """How many of the lobby ask for their number this second, spread as the site asks them to."""
    from queueing.pace import ARRIVALS_A_SECOND, SPREAD_LEAST, SPREAD_MOST

    spread = min(max(lobby / ARRIVALS_A_SECOND, SPREAD_LEAST), SPREAD_MOST)
    return lobby / spread if second < spread else 0.0


def before_opening(fans: int, people: People) -> dict[str, float]:
    """Requests a second in the busiest minutes before the opening: the lobby fills, and logs in."""
    arriving = fans * people.in_lobby / people.login_seconds * 2
    return {
        "poll": fans * people.in_lobby / 30,
        "join": arriving,
        "login": arriving * people.logs_in,
        "programme": arriving,
        "waiting page": arriving,
    }


@dataclass(frozen=True)
class Machines:
    """So many of one size."""

    count: int
    vcpus: int

    def __str__(self) -> str:
        return f"{self.count} x {self.vcpus}"


@dataclass(frozen=True)
class Plan:
    """Machines for a size, none of which a sale needs alone; and one that would do for it without that."""

    web: Machines
    database: Machines
    edges: Machines
    redis: Machines
    workers: Machines
    alone: int

    def vcpus(self) -> int:
        """All of them."""
        parts = (self.web, self.database, self.edges, self.redis, self.workers)
        return sum(each.count * each.vcpus for each in parts)


def peaks(sale: Sale, people: People, costs: Mapping[str, Any], options: argparse.Namespace) -> dict[str, float]:
    """The busiest second of each resource, in processors and requests a second."""
    found: dict[str, float] = defaultdict(float)
    for load in [before_opening(sale.fans, people), *sale.loads]:
        # One request a second and address comes through a micro-cache, for each edge; a poll is one address.
        through = {
            kind: min(rate, options.edges_ask) if kind in ("poll", "availability") else rate
            for kind, rate in load.items()
        }
        for program in ("web", "postgres", "redis"):
            spent = sum(rate * costs[kind][program] for kind, rate in through.items()) / 1000
            found[program] = max(found[program], spent)
        found["uncached"] = max(found["uncached"], sum(rate * costs[kind]["web"] for kind, rate in load.items()) / 1000)
        found["edge"] = max(found["edge"], sum(load.values()) * options.edge_ms / 1000)
        found["polls"] = max(found["polls"], load["poll"])
        found["reaching"] = max(found["reaching"], sum(through.values()))
        found["logins"] = max(found["logins"], load["login"])
    return dict(found)


def plan_for(sale: Sale, found: Mapping[str, float], options: argparse.Namespace) -> Plan:
    """Machines, each busy for no more than it should be."""

    def size(need: float, sizes: Sequence[int]) -> int:
        return next((each for each in sizes if each * options.busy >= need), sizes[-1])

    def several(need: float, least: int = 2) -> Machines:
        vcpus = size(need / least, (2, 4, 8))
        return Machines(max(least, math.ceil(need / (vcpus * options.busy))), vcpus)

    everything = found["uncached"] + found["postgres"] + found["redis"] + found["edge"]
    alone = size(everything, (2, 4, 8, 16))
    edges = several(found["edge"])
    return Plan(
        web=several(found["web"]),
        # Twice: a standby takes over.
        database=Machines(2, size(found["postgres"], (2, 4, 8, 16, 32, 64, 96, 128))),
        edges=Machines(max(edges.count, math.ceil(sale.fans / options.connections)), edges.vcpus),
        redis=Machines(3, size(found["redis"], (2, 4))),
        workers=Machines(2, 2 if sale.fans <= 100_000 else 4),
        alone=alone if alone * options.busy >= everything and sale.fans <= options.connections else 0,
    )


def asked_for() -> argparse.Namespace:
    """The command line: whatever is assumed of prices and machines."""
    parser = argparse.ArgumentParser(description="Machines and money for on-sales of several sizes.")
    parser.add_argument("--sizes", default=",".join(map(str, HOUSES)), help="fans of each sale")
    parser.add_argument("--costs", help="what bench/cpu_costs.py --json wrote; its figures of the docs without")
    parser.add_argument(
        "--vcpu-hour", type=float, default=0.045, help="price of a virtual processor an hour, in dollars"
    )
    parser.add_argument("--gb", type=float, default=0.05, help="price of a gigabyte that leaves, in dollars")
    parser.add_argument("--busy", type=float, default=0.6, help="how busy a processor may be at the peak (0.6)")
    parser.add_argument(
        "--edge-ms", type=float, default=0.05, help="a request at nginx, TLS included, in ms of a processor"
    )
    parser.add_argument("--edges-ask", type=float, default=20, help="requests a second that pass the micro-caches (20)")
    parser.add_argument("--connections", type=int, default=250_000, help="kept connections of one edge of 4 processors")
    parser.add_argument("--sale-hours", type=float, default=4, help="for how long the machines of a sale are rented")
    parser.add_argument("--poll-kb", type=float, default=1.2, help="a poll with its headers, in kB")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def costs_of(options: argparse.Namespace) -> dict[str, Any]:  # Any: JSON
    """What a request of each kind costs, by program, in milliseconds of a processor."""
    if options.costs:
        return dict(json.loads(Path(options.costs).read_text()))
    return {kind: dict(zip(("web", "postgres", "redis"), each, strict=True)) for kind, each in MEASURED.items()}


def needs_of(sale: Sale, found: Mapping[str, float]) -> list[str]:
    """A row of the first table."""
    return [
        *(f"{sale.fans:,}", f"{sale.tickets:,}", f"{sale.cap:,}"),
        *(f"{sale.sold_out_after / 60:.0f} min", f"{sale.admit_ms:.1f}"),
        *(f"{found['polls']:,.0f}", f"{found['reaching']:,.0f}", f"{found['logins']:,.1f}"),
        *(f"{found['uncached']:,.1f}", f"{found['web']:,.1f}", f"{found['postgres']:,.1f}", f"{found['redis']:,.2f}"),
    ]


def machines_of(sale: Sale, plan: Plan, options: argparse.Namespace) -> list[object]:
    """A row of the second table."""
    hourly = plan.vcpus() * options.vcpu_hour
    traffic = sum(each["poll"] for each in sale.loads) * options.poll_kb / 1e6 * options.gb
    money = [f"{hourly * options.sale_hours + traffic:,.0f}", f"{hourly * 730:,.0f}"]
    parts = (plan.web, plan.database, plan.edges, plan.redis, plan.workers)
    return [f"{sale.fans:,}", plan.alone or "–", *parts, f"{plan.vcpus():,}", *money]


def main() -> int:
    options, people = asked_for(), People()
    costs = costs_of(options)
    needs, machines = [], []
    with stack.throwaway(Stack) as site, stack.domain_ready(site):
        site.manage("migrate", "-v0")
        for fans in map(int, options.sizes.split(",")):
            with site.connect() as connection:
                sale = Sales(site, fans, people, options.seed).run(connection)
            found = peaks(sale, people, costs, options)
            needs.append(needs_of(sale, found))
            machines.append(machines_of(sale, plan_for(sale, found, options), options))
    head = ["fans", "tickets", "inside", "sold out after", "admit, ms", "polls/s", "reach the web/s", "logins/s"]
    print(stack.table([*head, "web without a micro-cache", "web", "PostgreSQL", "Redis"], needs), "\n")
    head = ["fans", "one host of", "or: web", "PostgreSQL", "nginx", "Redis", "workers", "vCPU"]
    print(stack.table([*head, f"$ for {options.sale_hours:g} hours", "$ for a month"], machines), "\n")
    print(f"Assumed of people: {asdict(people)}")
    print(f"A vCPU is ${options.vcpu_hour} an hour, a gigabyte out ${options.gb}; busy {options.busy:.0%} at the peak.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
