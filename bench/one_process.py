#!/usr/bin/env python
"""What a request computes in one process, without a web server and without other requests.

    .venv/bin/python bench/one_process.py [--count 500] [--profile hold]
    .venv/bin/python bench/one_process.py --observed [--only hold,pay,progress]

Each request goes through the front's own dispatcher and handler in this process, to a throw-away site's PostgreSQL and
Redis. Printed are microseconds of this process's CPU a request, the waiting for services left out; `--profile` prints
where the ones of one kind were spent. With `--observed` they go through all of the front, its loop and lanes too: with
metrics, with metrics and a line of JSON each, and without either, in turns.
"""

import argparse
import asyncio
import cProfile
import json
import logging
import os
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import stack
from turns import ratio, turned

from concert_site.tests.rsgi_client import Answer, Headers, Scope, Transport, taken

if TYPE_CHECKING:
    from concert_site.front.server import Front

API = "/api/v1"
ROUNDS = 8
# Whether metrics are counted, and whether each request is a line of JSON.
WATCHED = {"neither": (False, False), "metrics": (True, False), "metrics and JSON logs": (True, True)}
# Polls are so cheap that a round of few of them is mostly the clock's.
POLLS_FOR_ONE = 10


@dataclass(frozen=True)
class Asked:
    """A request, as the web server has it once its body is read."""

    scope: Scope
    body: bytes = b""


class Process:
    """The site's handlers in this process."""

    def __init__(self) -> None:
        from concert_site.front.environ import environ_of
        from concert_site.front.responses import Sender
        from concert_site.wsgi import application

        # Any: requests that come from no web server
        self.environ_of: Any = environ_of
        self.dispatcher, self.sender = application, cast("Any", Sender())

    def ask(self, asked: Asked) -> Answer:
        scope, transport = asked.scope, Transport([])
        handler = self.dispatcher.handler_of(scope.method, scope.path, has_cookie=False)
        environ = self.environ_of(scope, scope.path, BytesIO(asked.body), len(asked.body))
        self.sender.send(transport, scope.method, scope.path, handler.respond(environ))
        return cast("Answer", transport.answer)


def request(method: str, path: str, body: object = None, **headers: str) -> Asked:
    """A request of a client that sends the headers which all do."""
    sent = {"host": "127.0.0.1", "accept": "*/*", "user-agent": "bench"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    content = b"" if body is None else json.dumps(body).encode()
    if method != "GET":
        sent |= {"content-type": "application/json", "content-length": str(len(content))}
    return Asked(Scope(method, f"{API}{path}", Headers(sent)), content)


@dataclass
class Fans:
    """Fans of one show, who are walked through it one after the other."""

    process: Process
    audience: stack.Audience
    queue: Iterator[tuple[stack.Fan, int]]
    joining: Iterator[stack.Fan]
    lobby: int
    held: list[tuple[stack.Fan, int]] = field(default_factory=list)

    def hold(self, count: int) -> list[Asked]:
        return [
            request(
                "POST", "/reservations/", {"schedule": self.audience.show.schedule, "seats": [seat]},
                authorization=f"Bearer {fan.access_token}", x_queue_token=self.audience.tokens[fan.id],
            )
            for fan, seat in (next(self.queue) for _ in range(count))
        ]  # fmt: skip

    def pay(self, count: int) -> list[Asked]:
        asked = []
        for hold in self.hold(count):
            (reservation,) = json.loads(self.process.ask(hold).body)["reservations"]
            body = {"reservations": [reservation["id"]]}
            asked.append(request("POST", "/payments/", body, authorization=hold.scope.headers["authorization"]))
        return asked

    def join(self, count: int) -> list[Asked]:
        path = f"/schedules/{self.lobby}/queue-tokens/"
        return [request("POST", path, authorization=f"Bearer {next(self.joining).access_token}") for _ in range(count)]

    def wallet(self, count: int) -> list[Asked]:
        return [request("GET", "/wallet/", authorization=f"Bearer {self.audience.fans[0].access_token}")] * count

    def availability(self, count: int) -> list[Asked]:
        return [request("GET", f"/schedules/{self.audience.show.schedule}/availability/")] * count

    def unchanged(self, count: int) -> list[Asked]:
        """Looks at the hall of who has seen it a moment ago."""
        etag = self.process.ask(self.availability(1)[0]).headers["etag"]
        path = f"/schedules/{self.audience.show.schedule}/availability/"
        return [request("GET", path, if_none_match=etag)] * count

    def progress(self, count: int) -> list[Asked]:
        return [request("GET", f"/schedules/{self.lobby}/queue/")] * count


KINDS: dict[str, Callable[[Fans, int], list[Asked]]] = {
    "hold": Fans.hold,
    "pay": Fans.pay,
    "join": Fans.join,
    "wallet": Fans.wallet,
    "availability": Fans.availability,
    "unchanged": Fans.unchanged,
    "progress": Fans.progress,
}


def fans_of(site: stack.Stack, process: Process, count: int) -> Fans:
    """A show with enough fans inside, and another one whose line nobody leaves."""
    audience = site.make_audience(count)
    lobby = site.make_show(seats=100, max_active=0)
    return Fans(process, audience, audience.seated(), iter(audience.fans), lobby.schedule)


def cost_of(process: Process, asked: Sequence[Asked]) -> float:
    before = time.process_time()
    answers = [process.ask(scope) for scope in asked]
    return microseconds(before, answers)


def microseconds(before: float, answers: Sequence[Answer]) -> float:
    """What each of these has cost since a time of the process's own clock."""
    spent = time.process_time() - before
    odd = next((each for each in answers if each.status not in (200, 201, 304)), None)
    if odd:
        raise SystemExit(f"Answered {odd.status}: {odd.body!r}")
    return spent / len(answers) * 1e6


def calls_of(process: Process, asked: Sequence[Asked]) -> float:
    """How many functions a request calls: a figure that no neighbour on the machine changes."""
    with cProfile.Profile() as profile:
        cost_of(process, asked)
    return float(cast("Any", pstats.Stats(profile)).total_calls) / len(asked)


# --- With metrics and logs, and without ----------------------------------------------------------


@contextmanager
def observing(folder: Path, *, has_metrics: bool, has_logs: bool) -> Iterator[None]:
    """Have this process count, and log each request, as METRICS_ADDRESS and LOG_FORMAT=json would have it."""
    from django.conf import settings

    from concert_site.lib import metrics
    from concert_site.lib.log_format import JsonFormatter, LineFormatter

    (handler,) = logging.getLogger().handlers
    handler.setFormatter(JsonFormatter() if has_logs else LineFormatter())
    settings.LOG_REQUESTS = has_logs
    metrics.begin("web", folder if has_metrics else None)
    try:
        yield
    finally:
        metrics.end()


async def cost_in_front(front: "Front", asked: Sequence[Asked]) -> float:
    """All at once, as many fans ask."""

    async def answer_to(each: Asked) -> Answer:
        transport = Transport([each.body])
        await taken(front, each.scope, transport)
        return cast("Answer", transport.answer)

    before = time.process_time()
    return microseconds(before, await asyncio.gather(*map(answer_to, asked)))


async def costs_in_turns(fans: Fans, kinds: Sequence[str], count: int, folder: Path) -> dict[str, list[list[float]]]:
    """By kind: the rounds of each way to be watched."""
    from concert_site.front.server import Front

    front, loop = Front(fans.process.dispatcher), asyncio.get_running_loop()
    front.__rsgi_init__(loop)
    costs: dict[str, list[list[float]]] = {kind: [[] for _ in WATCHED] for kind in kinds}
    for turn in range(ROUNDS + 1):
        for kind in kinds:
            for way in turned(range(len(WATCHED)), turn):
                many = count * (POLLS_FOR_ONE if kind == "progress" else 1)
                asked = await asyncio.to_thread(KINDS[kind], fans, many)
                has_metrics, has_logs = list(WATCHED.values())[way]
                with observing(folder, has_metrics=has_metrics, has_logs=has_logs):
                    cost = await cost_in_front(front, asked)
                if turn:  # the first one warms up
                    costs[kind][way].append(cost)
    front.__rsgi_del__(loop)
    return costs


def print_observed(fans: Fans, kinds: Sequence[str], count: int) -> None:
    """Tell what watching costs."""
    handler = cast("logging.StreamHandler[Any]", logging.getLogger().handlers[0])
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        handler.setStream(nowhere)
        costs = asyncio.run(costs_in_turns(fans, kinds, count, Path(folder)))
    rows = [
        [kind if not way else "", name, f"{statistics.median(each[way]):,.0f}", ratio(each[way], each[0])]
        for kind, each in costs.items()
        for way, name in enumerate(WATCHED)
    ]
    print(stack.table(["", "", "CPU, µs a request", "ratio (range)"], rows))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure requests in one process.")
    parser.add_argument("--count", type=int, default=150, help="requests of a kind and round (150)")
    parser.add_argument("--only", default=",".join(KINDS), help=f"kinds to measure ({','.join(KINDS)})")
    parser.add_argument("--profile", default="", help="a kind whose calls to print")
    parser.add_argument("--sort", default="tottime", help="order of the profile (tottime)")
    parser.add_argument("--lines", type=int, default=60, help="lines of the profile")
    parser.add_argument("--observed", action="store_true", help="compare with metrics and logs, and without")
    options = parser.parse_args()
    kinds = options.only.split(",")
    with stack.running(LOG_LEVEL="INFO" if options.observed else "WARNING") as site, stack.domain_ready(site):
        process = Process()
        fans = fans_of(site, process, options.count * (ROUNDS + 2) * (6 if options.observed else 2))
        if options.observed:
            print_observed(fans, kinds, options.count)
            return
        costs: dict[str, list[float]] = {kind: [] for kind in kinds}
        for turn in range(ROUNDS + 1):
            for kind in kinds:
                cost = cost_of(process, KINDS[kind](fans, options.count))
                if turn:  # the first one warms up
                    costs[kind].append(cost)
        rows = [
            [
                kind,
                f"{min(each):,.0f}",
                f"{statistics.median(each):,.0f}",
                f"{calls_of(process, KINDS[kind](fans, 20)):,.0f}",
            ]
            for kind, each in costs.items()
        ]
        print(stack.table(["", "CPU, µs a request: best round", "median", "calls of functions"], rows))
        if options.profile:
            asked = KINDS[options.profile](fans, options.count)
            with cProfile.Profile() as profile:
                cost_of(process, asked)
            pstats.Stats(profile).strip_dirs().sort_stats(options.sort).print_stats(options.lines)


if __name__ == "__main__":
    main()
