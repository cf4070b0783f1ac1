#!/usr/bin/env python
"""How fast the hot paths are, as ratios of one interleaved run.

    .venv/bin/python bench/hot_paths.py [--rounds 8] [--only hold,progress,unchanged]

Starts a throw-away site, measures each path beside what it is compared with, in alternating short rounds, and
prints markdown tables: medians over the rounds, with the range of the ratios. Load generator, web, PostgreSQL and
Redis share the machine's cores; the CPU column is what the web processes alone computed for one request.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import load
import psutil
import stack
from load import Load, request
from stack import Audience, Fan, Show, Stack
from turns import CLIENTS, ratio, turned

HOLDS_A_ROUND = 200
READS_A_ROUND = 1000
# A map of a large hall is megabytes.
WHOLE, A_FEW = "200, not packed", 50
SEATS = 10_000


@dataclass
class Contender:
    """One of those that are compared: where it listens, and what its rounds came to."""

    name: str
    port: int
    server: psutil.Process
    per_second: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def run(self, requests: list[bytes], status: int) -> Load:
        before = stack.cpu_seconds(self.server)
        done = load.run(self.port, requests, clients=CLIENTS).expect(status)
        self.cpu_us.append((stack.cpu_seconds(self.server) - before) / len(requests) * 1e6)
        self.per_second.append(done.per_second)
        self.latencies.append(done.percentile(0.99))
        return done

    def fold(self, rounds: int) -> None:
        """Take the mean of so many rounds as one."""
        for figures in (self.per_second, self.cpu_us, self.latencies):
            figures[:] = [statistics.fmean(figures[at : at + rounds]) for at in range(0, len(figures), rounds)]


def report(title: str, contenders: list[Contender]) -> None:
    """Print a table; ratios are against the last contender, round by round."""
    base = contenders[-1]
    rows = [
        [
            each.name,
            f"{statistics.median(each.per_second):,.0f}",
            ratio(each.per_second, base.per_second) if each is not base else "1",
            f"{statistics.median(each.cpu_us):,.0f}",
            f"{statistics.median(each.latencies):.1f}",
        ]
        for each in contenders
    ]
    print(f"\n### {title}\n")
    print(stack.table(["", "a second", "ratio (range)", "web CPU, µs a request", "p99, ms"], rows), flush=True)


def post(path: str, body: object, headers: dict[str, str]) -> bytes:
    return request("POST", path, headers=headers, body=json.dumps(body).encode())


@dataclass(frozen=True)
class Bench:
    """The site, and the bare application beside it."""

    site: Stack
    bare_port: int
    bare_server: psutil.Process
    rounds: int

    def api(self, name: str) -> Contender:
        return Contender(name, self.site.port, psutil.Process(self.site.pid_of("web")))

    def bare(self, name: str) -> Contender:
        return Contender(name, self.bare_port, self.bare_server)

    def three(self) -> list[Contender]:
        """The API beside the same SQL, with an access token and without."""
        return [self.api("the API"), self.bare("bare WSGI, access token checked"), self.bare("bare WSGI")]

    def hold_and_pay(self) -> None:
        """Hold one seat, then pay it: through the API, and through the bare application with the same SQL."""
        audience = self.site.make_audience(HOLDS_A_ROUND * self.rounds * 3)
        holders, payers = self.three(), self.three()
        queue = audience.seated()
        for turn in range(self.rounds):
            for which in turned([0, 1, 2], turn):
                taken = [next(queue) for _ in range(HOLDS_A_ROUND)]
                hold = [hold_request(which, audience, fan, seat) for fan, seat in taken]
                held = holders[which].run(hold, 201 if which == 0 else 200)
                pay = [pay_request(which, fan, body) for (fan, _), body in zip(taken, held.bodies, strict=True)]
                payers[which].run(pay, 201 if which == 0 else 200)
        report("Hold one seat", holders)
        report("Pay one seat", payers)

    def join(self) -> None:
        """Join a line in which somebody waits: through the API, and bare, with the same read, number and insert."""
        joiners = self.three()
        show = self.site.make_show(seats=100, max_active=1)
        fans = iter(self.site.make_fans(2 + HOLDS_A_ROUND * self.rounds * len(joiners), balance=0))
        # The first is inside, the second waits: from here on nobody is admitted, and the counter is there.
        load.run(self.site.port, [join_request(0, show, next(fans)) for _ in range(2)], clients=1).expect(201)
        for turn in range(self.rounds):
            for which in turned([0, 1, 2], turn):
                asked = [join_request(which, show, next(fans)) for _ in range(HOLDS_A_ROUND)]
                joiners[which].run(asked, 201 if which == 0 else 200)
        report("Join a line", joiners)

    def give_back(self) -> None:
        """Hold a seat and cancel that; hold one, pay and cancel it; hold and extend it: each beside its hold."""
        audience = self.site.make_audience(HOLDS_A_ROUND * self.rounds * 3)
        steps = ["cancel it while held", "cancel it once paid", "extend it"]
        done = {step: self.api(step) for step in steps}
        holder = self.api("hold one seat")
        queue = audience.seated()
        for turn in range(self.rounds):
            for step in turned(steps, turn):
                taken = [next(queue) for _ in range(HOLDS_A_ROUND)]
                hold = [hold_request(0, audience, fan, seat) for fan, seat in taken]
                held = holder.run(hold, 201)
                pairs = [(fan, body) for (fan, _), body in zip(taken, held.bodies, strict=True)]
                if step == "cancel it once paid":
                    load.run(self.site.port, [pay_request(0, *pair) for pair in pairs], clients=CLIENTS).expect(201)
                what = "extend" if step == "extend it" else "cancel"
                done[step].run([step_request(what, *pair) for pair in pairs], 200)
        # One round of the holder stands for three: each step is compared with the holds of its own turn.
        holder.fold(len(steps))
        report("Give one seat back", [*done.values(), holder])

    def progress(self) -> None:
        show = self.site.make_show(seats=100)
        path = f"/api/v1/schedules/{show.schedule}/queue/"
        self.compare(
            "Poll the progress of a line",
            [(self.api("the API"), request("GET", path), 200), (self.bare("bare WSGI"), request("GET", "/bytes"), 200)],
        )

    def unchanged(self) -> None:
        show = self.site.make_show(seats=SEATS)
        for what in ("availability", "seats"):
            path = f"/api/v1/schedules/{show.schedule}/{what}/"
            etag = self.etag_of(path)
            known = request("GET", path, headers={"If-None-Match": etag})
            packed = request("GET", path, headers={"Accept-Encoding": "gzip"})
            whole = (self.api(WHOLE if what == "seats" else "200"), request("GET", path), 200)
            zipped = [(self.api("200, gzip"), packed, 200)] if what == "seats" else []
            self.compare(f"`{what}/` of {SEATS:,} seats", [(self.api("304"), known, 304), *zipped, whole])

    def etag_of(self, path: str) -> str:
        connection = load.Connection(self.site.port)
        connection.ask(request("GET", path))
        return connection.header("etag")

    def compare(self, title: str, contenders: list[tuple[Contender, bytes, int]]) -> None:
        for turn in range(self.rounds):
            for contender, read, status in turned(contenders, turn):
                contender.run([read] * (A_FEW if contender.name == WHOLE else READS_A_ROUND), status)
        report(title, [contender for contender, _, _ in contenders])


def hold_request(which: int, audience: Audience, fan: Fan, seat: int) -> bytes:
    """A hold: of the API, of the bare application with an access token, or without."""
    token, schedule = audience.tokens[fan.id], audience.show.schedule
    if which == 0:
        headers = fan.bearer | {"X-Queue-Token": token}
        return post("/api/v1/reservations/", {"schedule": schedule, "seats": [seat]}, headers)
    body = {"fan": fan.id, "schedule": schedule, "seats": [seat], "token": token, "booking": f"BENCH{seat}"}
    return post("/signed/hold" if which == 1 else "/hold", body, fan.bearer if which == 1 else {})


def join_request(which: int, show: Show, fan: Fan) -> bytes:
    if which == 0:
        return post(f"/api/v1/schedules/{show.schedule}/queue-tokens/", {}, fan.bearer)
    body = {"fan": fan.id, "schedule": show.schedule, "check_seats": False, "now": None}
    return post("/signed/join" if which == 1 else "/join", body, fan.bearer if which == 1 else {})


def pay_request(which: int, fan: Fan, held: bytes) -> bytes:
    booking = json.loads(held)
    if which == 0:
        reservations = [each["id"] for each in booking["reservations"]]
        return post("/api/v1/payments/", {"reservations": reservations}, fan.bearer)
    body = {"fan": fan.id, "reservations": [row["reservation"] for row in booking]}
    return post("/signed/pay" if which == 1 else "/pay", body, fan.bearer if which == 1 else {})


def step_request(what: str, fan: Fan, held: bytes) -> bytes:
    (reservation,) = json.loads(held)["reservations"]
    return request("POST", f"/api/v1/reservations/{reservation['id']}/{what}/", headers=fan.bearer)


@contextmanager
def ready(rounds: int) -> Iterator[Bench]:
    """The site and, beside it, the bare application, which answers the site's own bytes."""
    with stack.running() as site, tempfile.NamedTemporaryFile() as body:
        show = site.make_show(seats=100)
        _, read = load.Connection(site.port).ask(request("GET", f"/api/v1/schedules/{show.schedule}/queue/"))
        Path(body.name).write_bytes(read)
        environment = {"BENCH_DATABASE_URL": site.database_url, "BENCH_REDIS_URL": site.redis_url}
        with stack.serving(site, "bench.bare:application", BENCH_BODY=body.name, **environment) as (port, server):
            yield Bench(site, port, server, rounds)


PARTS: dict[str, Callable[[Bench], None]] = {
    "hold": Bench.hold_and_pay,
    "join": Bench.join,
    "give_back": Bench.give_back,
    "progress": Bench.progress,
    "unchanged": Bench.unchanged,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the hot paths.")
    parser.add_argument("--rounds", type=int, default=8, help="rounds of each contender (8)")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts to measure ({','.join(PARTS)})")
    options = parser.parse_args()
    with ready(options.rounds) as bench:
        print(f"{stack.machine(bench.site)}; {CLIENTS} connections, {options.rounds} rounds.")
        for part in options.only.split(","):
            PARTS[part](bench)


if __name__ == "__main__":
    main()
