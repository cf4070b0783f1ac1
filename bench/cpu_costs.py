#!/usr/bin/env python
"""What each kind of request costs the web, PostgreSQL and Redis: what bench/scaling.py counts with.

    .venv/bin/python bench/cpu_costs.py [--times 1] [--json FILE]

A throw-away site with one web worker; each kind is asked some hundred times over a few connections, through the real
addresses, logged in where a fan would be. Throttles are off. Processor time, unlike the time on the clock, hardly
depends on what else the machine does.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import load
import psutil
import stack
from clients import Client
from hot_paths import hold_request, pay_request, post
from load import request
from stack import Show, Stack

API = "/api/v1"
CLIENTS = 4
AT_REST_SECONDS = 6.0
PROGRAMS = ("web", "postgres", "redis")


@dataclass(frozen=True)
class Cost:
    """Milliseconds of processor time a request."""

    name: str
    count: int
    web: float
    postgres: float
    redis: float


class Meter:
    """What the programs of a site spend, beside what they spend with nobody there: ticks, heartbeats, vacuum."""

    def __init__(self, site: Stack) -> None:
        self.port = site.port
        self.programs = [psutil.Process(site.pid_of(each)) for each in PROGRAMS]
        self.at_rest = [0.0] * len(PROGRAMS)
        self.found: list[Cost] = []
        with self._spending() as spent:
            time.sleep(AT_REST_SECONDS)
        self.at_rest = [each / AT_REST_SECONDS for each in spent]

    @contextmanager
    def _spending(self) -> Iterator[list[float]]:
        before, began = [stack.cpu_seconds(each) for each in self.programs], time.monotonic()
        spent: list[float] = []
        yield spent
        seconds = time.monotonic() - began
        for program, was, rest in zip(self.programs, before, self.at_rest, strict=True):
            spent.append(max(0.0, stack.cpu_seconds(program) - was - rest * seconds))

    def many(self, name: str, requests: Sequence[bytes], status: int, *, clients: int = CLIENTS) -> list[bytes]:
        """Note what requests of a kind cost, the first two unmetered; their answers."""
        first = load.run(self.port, requests[:2], clients=1)
        with self._spending() as spent:
            others = load.run(self.port, requests[2:], clients=clients).expect(status)
        self.found.append(Cost(name, len(others.bodies), *(each * 1000 / len(others.bodies) for each in spent)))
        return [*first.bodies, *others.bodies]


def measure(site: Stack, times: int) -> list[Cost]:
    """All kinds, one after the other."""
    audience = site.make_audience(300 * times + 2)
    show = site.make_show(seats=5000, max_active=1, opens_in=0)
    fans = site.manage("make_fans", str(302 * times), "--balance=0")
    meter = Meter(site)
    measure_line(site, meter, show, fans, times)
    measure_pages(site, meter, show, fans, times)
    held = meter.many("hold", [hold_request(0, audience, *each) for each in audience.seated()], 201)
    meter.many("pay", [pay_request(0, fan, body) for fan, body in zip(audience.fans, held, strict=True)], 201)
    return meter.found


def measure_line(site: Stack, meter: Meter, show: Show, fans: Sequence[dict[str, Any]], times: int) -> None:
    """What an app asks for, whose fan waits."""
    line = f"{API}/schedules/{show.schedule}"
    bearers = {fan["id"]: {"Authorization": f"Bearer {fan['access_token']}"} for fan in fans}
    meter.many("poll", [request("GET", f"{line}/queue/")] * (4000 * times), 200)
    meter.many("availability", [request("GET", f"{line}/availability/")] * (1500 * times), 200)
    meter.many("join", [request("POST", f"{line}/queue-tokens/", headers=each) for each in bearers.values()], 201)
    with site.connect() as connection:
        waiting = "select user_id, token from waiting_token where number > 1 and concert_schedule_id = %s"
        places = connection.execute(waiting, [show.schedule]).fetchall()
    own = [request("GET", f"{API}/queue-tokens/{token}/", headers=bearers[fan]) for fan, token in places]
    meter.many("own place", own * 2, 200)


def measure_pages(site: Stack, meter: Meter, show: Show, fans: Sequence[dict[str, Any]], times: int) -> None:
    """What a browser asks for, logged in where a fan would be, and logins."""
    browser = Client(("127.0.0.1", site.port))
    browser.log_in(fans[5])
    with site.connect() as connection:
        concert = stack.one(connection, "select concert_id from concert_schedule where id = %s", [show.schedule])
    cookies = {"Cookie": browser.cookie}
    meter.many("programme", [request("GET", "/")] * (150 * times), 200)
    waiting = request("GET", f"/schedules/{show.schedule}/queue/", headers=cookies)
    meter.many("waiting page", [waiting] * (150 * times), 200)
    meter.many("concert page", [request("GET", f"/concerts/{concert}/", headers=cookies)] * (150 * times), 200)
    logins = [
        post("/_allauth/app/v1/auth/login", {"email": fan["email"], "password": fan["password"]}, {}) for fan in fans
    ]
    meter.many("login", logins[: 14 * times], 200, clients=2)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what each kind of request costs.")
    parser.add_argument("--times", type=int, default=1, help="so many times as many requests (1)")
    parser.add_argument("--json", help="write what was measured to this file, for bench/scaling.py --costs")
    options = parser.parse_args()
    with stack.running() as site:
        found = measure(site, options.times)
        print(stack.machine(site), "\n")
    rows = [[each.name, each.count, f"{each.web:.2f}", f"{each.postgres:.2f}", f"{each.redis:.3f}"] for each in found]
    print(stack.table(["request", "measured", "web, ms", "PostgreSQL, ms", "Redis, ms"], rows))
    if options.json:
        costs = {each.name: {"web": each.web, "postgres": each.postgres, "redis": each.redis} for each in found}
        Path(options.json).write_text(json.dumps(costs, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
