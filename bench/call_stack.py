#!/usr/bin/env python
"""What it saves that the threads of a lane have room for all frames of their calls (concert_site/lib/call_stack.py).

    .venv/bin/python bench/call_stack.py [--rounds 12] [--count 40]

Pages are made in this process, by the thread of a lane with that room and by one without, in alternating short rounds,
with a throw-away site's PostgreSQL and Redis. Printed are microseconds of the thread's CPU and page faults, a request.
"""

import argparse
import resource
import statistics
import time
from concurrent.futures import Future
from unittest import mock

import stack
from one_process import Asked, Process
from turns import ratio, turned

from concert_site.tests.rsgi_client import Headers, Scope

PATHS = ("/", "/concerts/1/", "/schedules/1/", "/accounts/login/", "/accounts/signup/", "/api/v1/concerts/")


class Round:
    """Requests, one after the other, in the thread of a lane."""

    def __init__(self, process: Process, path: str, count: int) -> None:
        self.process, self.count = process, count
        self.asked = Asked(Scope("GET", path, Headers({"host": "127.0.0.1", "accept": "*/*"})))
        self.costs: Future[tuple[float, float]] = Future()

    def run(self) -> None:
        faults, began = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt, time.thread_time()
        for _ in range(self.count):
            self.process.ask(self.asked)
        spent, faults = time.thread_time() - began, resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - faults
        self.costs.set_result((spent / self.count * 1e6, faults / self.count))

    def give_up(self) -> None:
        """Nothing else waits in these lanes."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure pages in threads with room for their frames, and without.")
    parser.add_argument("--rounds", type=int, default=12, help="rounds of each page and thread (12)")
    parser.add_argument("--count", type=int, default=40, help="requests a round (40)")
    options = parser.parse_args()
    with stack.running() as site, stack.domain_ready(site):
        from concert_site.front import lanes

        site.make_show(seats=200)
        process = Process()
        with_room, without = (lanes.Lane(name, threads=1, waiting=1, seconds=60) for name in ("with", "without"))
        with_room.start()
        with mock.patch.object(lanes, "with_room", lambda call: call()):
            without.start()
        rows = []
        for path in PATHS:
            costs: dict[lanes.Lane, list[tuple[float, float]]] = {with_room: [], without: []}
            for turn in range(options.rounds + 1):
                for lane in turned([with_room, without], turn):
                    lane.submit(work := Round(process, path, options.count))
                    if turn:  # the first one warms up
                        costs[lane].append(work.costs.result())
                    else:
                        work.costs.result()
            (cpu, faults), (cpu_without, faults_without) = (list(zip(*each, strict=True)) for each in costs.values())
            figures = [statistics.median(each) for each in (cpu, cpu_without, faults, faults_without)]
            rows.append([f"`{path}`", *(f"{each:,.0f}" for each in figures), ratio(cpu, cpu_without)])
    print(stack.table(["", "µs with room", "without", "page faults with room", "without", "ratio of µs (range)"], rows))


if __name__ == "__main__":
    main()
