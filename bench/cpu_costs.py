#!/usr/bin/env python
"""What each kind of request costs the web, PostgreSQL and Redis: what bench/scaling.py counts with.

    .venv/bin/python bench/cpu_costs.py [--times 1] [--json FILE]

A throw-away site with one web worker; each kind is asked some hundred times over a few connections, through the real
addresses, logged in where a fan would be. Throttles are off. Processor time, unlike the time on the clock, hardly
depends on what else the machine does.
"""

import argparse
import http.client
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import load
import psutil
import stack
from hot_paths import post
from load import request
from stack import Stack

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

    @contextmanager
    def metered(self, name: str, count: int) -> Iterator[None]:
        """Note what a block of so many requests cost."""
        with self._spending() as spent:
            yield
        self.found.append(Cost(name, count, *(each * 1000 / count for each in spent)))


def log_in(site: Stack, fan: dict[str, str]) -> dict[str, str]:
    """The cookies of a browser that has logged in."""
    cookies: dict[str, str] = {}
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)

    def ask(method: str, body: str = "") -> bytes:
        said = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        words = said | ({"Content-Type": "application/x-www-form-urlencoded"} if body else {})
        connection.request(method, "/accounts/login/", body or None, words)
        answer = connection.getresponse()
        for each in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = each.partition(";")[0].partition("=")
            cookies[name] = value
        return answer.read()

    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', ask("GET"))
    if token is None:
        raise SystemExit("The login page has no form.")
    ask(
        "POST",
        urlencode({"csrfmiddlewaretoken": token[1].decode(), "login": fan["email"], "password": fan["password"]}),
    )
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


def measure(site: Stack, times: int) -> list[Cost]:
    """All kinds, one after the other."""
    port = site.port

    def many(name: str, requests: Sequence[bytes], status: int, *, clients: int = CLIENTS) -> load.Load:
        load.run(port, requests[:2], clients=1)
        with meter.metered(name, len(requests) - 2):
            return load.run(port, requests[2:], clients=clients).expect(status)

    audience = site.make_audience(300 * times + 2)
    show = site.make_show(seats=5000, max_active=1, opens_in=0)
    line = f"{API}/schedules/{show.schedule}"
    fans = site.manage("make_fans", str(302 * times), "--balance=0")
    meter = Meter(site)
    bearers = [{"Authorization": f"Bearer {fan['access_token']}"} for fan in fans]
    many("poll", [request("GET", f"{line}/queue/")] * (4000 * times), 200)
    many("availability", [request("GET", f"{line}/availability/")] * (1500 * times), 200)
    many("join", [request("POST", f"{line}/queue-tokens/", headers=each) for each in bearers], 201)
    with site.connect() as connection:
        places = connection.execute("select user_id, token from waiting_token where number > 1").fetchall()
    token_of = dict(places)
    own = [(each, token_of[fan["id"]]) for fan, each in zip(fans, bearers, strict=True) if fan["id"] in token_of]
    many("own place", [request("GET", f"{API}/queue-tokens/{token}/", headers=each) for each, token in own] * 2, 200)
    many("programme", [request("GET", "/")] * (150 * times), 200)
    cookies = log_in(site, fans[5])
    page = request("GET", f"/schedules/{show.schedule}/queue/", headers=cookies)
    many("waiting page", [page] * (150 * times), 200)
    many(
        "concert page",
        [request("GET", f"/concerts/{concert_of(site, show.schedule)}/", headers=cookies)] * (150 * times),
        200,
    )
    logins = [
        post("/_allauth/app/v1/auth/login", {"email": fan["email"], "password": fan["password"]}, {}) for fan in fans
    ]
    many("login", logins[: 14 * times], 200, clients=2)
    hold, pay = [], []
    for fan, seat in audience.seated():
        words = fan.bearer | {"X-Queue-Token": audience.tokens[fan.id]}
        hold.append(post(f"{API}/reservations/", {"schedule": audience.show.schedule, "seats": [seat]}, words))
    first = load.run(port, hold[:2], clients=1)
    with meter.metered("hold", len(hold) - 2):
        held = load.run(port, hold[2:], clients=CLIENTS).expect(201)
    bodies = [*first.bodies, *held.bodies]
    for (fan, _), body in zip(audience.seated(), bodies, strict=True):
        pay.append(post(f"{API}/payments/", {"reservations": [json.loads(body)["reservations"][0]["id"]]}, fan.bearer))
    many("pay", pay, 201)
    return meter.found


def concert_of(site: Stack, schedule: int) -> int:
    with site.connect() as connection:
        return int(stack.one(connection, "select concert_id from concert_schedule where id = %s", [schedule]))


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
