#!/usr/bin/env python
"""What slow clients, and logins by the dozen, cost those who only want to poll, read and hold.

    .venv/bin/python bench/slow_clients.py [--rounds 4]

Starts a throw-away site. Each round measures polls, a fan's wallet and holds three times: undisturbed, beside 64 slow
clients of each kind, and beside 16 clients that log in with wrong passwords. Prints a markdown table of medians; ratios
are against the undisturbed part of the same round.
"""

import argparse
import http.client
import json
import multiprocessing
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import load
import stack
from hot_paths import hold_request
from load import request
from turns import CLIENTS, ratio

from concert_site.tests.slow_clients import KINDS, SlowClients

SLOW_OF_EACH_KIND = 64
LOGINS = 16
POLLS, READS, HOLDS = 2_000, 300, 150
UNDISTURBED = "undisturbed"
Figures = dict[tuple[str, str], list[load.Load]]


def log_in_for_ever(port: int, number: int) -> None:
    tries = 0
    while True:
        tries += 1
        body = json.dumps({"email": f"nobody{number}-{tries}@example.com", "password": "a wrong password"})
        connection = http.client.HTTPConnection(load.HOST, port, timeout=60)
        connection.request("POST", "/_allauth/app/v1/auth/login", body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        connection.close()


def log_in_all(port: int) -> None:
    """All who log in, in a process of their own: the load generator's interpreter is busy enough."""
    for number in range(LOGINS):
        threading.Thread(target=log_in_for_ever, args=(port, number), daemon=True).start()
    threading.Event().wait()


@contextmanager
def logins(port: int) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=log_in_all, args=(port,), daemon=True)
    process.start()
    time.sleep(2)
    try:
        yield
    finally:
        process.kill()
        process.join()
        # What they left in the queue is hashed first.
        time.sleep(3)


class Bench:
    """A site with a show, and fans who are inside."""

    def __init__(self, site: stack.Stack, rounds: int) -> None:
        self.site = site
        self.audience = site.make_audience(HOLDS * 3 * rounds)
        self.free = self.audience.seated()

    def measure(self, beside: str, figures: Figures) -> None:
        """One round beside something."""
        port, schedule = self.site.port, self.audience.show.schedule
        poll = request("GET", f"/api/v1/schedules/{schedule}/queue/")
        read = request("GET", "/api/v1/wallet/", headers=self.audience.fans[0].bearer)
        holds = [hold_request(0, self.audience, *next(self.free)) for _ in range(HOLDS)]
        parts: list[tuple[str, Sequence[bytes], int]] = [
            ("poll", [poll] * POLLS, 200),
            ("a fan's wallet", [read] * READS, 200),
            ("hold", holds, 201),
        ]
        for what, requests, status in parts:
            done = load.run(port, list(requests), clients=CLIENTS).expect(status)
            figures.setdefault((what, beside), []).append(done)

    def round(self, figures: Figures) -> None:
        """Undisturbed, beside slow clients, beside logins."""
        port, path = self.site.port, f"/api/v1/schedules/{self.audience.show.schedule}/seats/"
        slow = f"{SLOW_OF_EACH_KIND} slow clients of each of {len(KINDS) + 1} kinds"
        self.measure(UNDISTURBED, figures)
        with SlowClients(port, each=SLOW_OF_EACH_KIND, path=path):
            self.measure(slow, figures)
        with logins(port):
            self.measure(f"{LOGINS} clients that log in", figures)


def report(figures: Figures) -> None:
    rows = []
    for (what, beside), done in figures.items():
        base = figures[what, UNDISTURBED]
        rows.append(
            [
                what,
                beside,
                f"{statistics.median(each.per_second for each in done):,.0f}",
                ratio([each.per_second for each in done], [each.per_second for each in base]),
                f"{statistics.median(each.percentile(0.95) for each in done):.1f}",
                f"{statistics.median(each.percentile(0.99) for each in done):.1f}",
            ]
        )
    rows.sort(key=lambda row: row[0])
    print(stack.table(["", "beside", "a second", "ratio (range)", "p95, ms", "p99, ms"], rows))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what slow clients and logins cost the others.")
    parser.add_argument("--rounds", type=int, default=4, help="rounds (4)")
    options = parser.parse_args()
    figures: Figures = {}
    with stack.running() as site:
        bench = Bench(site, options.rounds)
        for _ in range(options.rounds):
            bench.round(figures)
        print(f"{stack.machine(site)}; {CLIENTS} connections, {options.rounds} rounds.\n")
    report(figures)


if __name__ == "__main__":
    main()
