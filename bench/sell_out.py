#!/usr/bin/env python
"""Sell a hall through the whole journey over HTTP: join, wait, enter, look, hold, pay.

    .venv/bin/python bench/sell_out.py [--seats 10000] [--per-fan 2] [--processes 2] [--threads 24] [--cap 200]

Every fan joins first, then each is walked through in the order of the line: poll the public progress until it is
their turn, enter, read the availability, hold seats picked at random, pick again where someone was quicker, pay.
Throttles are on. The clients share the machine's cores with the site. The audit has the last word.
"""

import argparse
import json
import multiprocessing
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

import psutil
import stack
from load import Connection, in_threads, request
from stack import Fan, Show

API = "/api/v1"
MOST_TRIES = 200
LONGEST_SECONDS = 300


@dataclass
class Tally:
    """What the fans of one process met."""

    answers: Counter[str] = field(default_factory=Counter)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)

    def note(self, step: str, status: int, seconds: float) -> None:
        self.answers[f"{step} {status}"] += 1
        self.milliseconds.setdefault(step, []).append(seconds * 1000)


@dataclass(frozen=True)
class Task:
    """What a process has to do."""

    port: int
    show: Show
    fans: list[Fan]
    per_fan: int
    threads: int


class Phone:
    """A kept connection that fans use one after the other."""

    def __init__(self, task: Task, tally: Tally) -> None:
        self.task, self.tally = task, tally
        self.connection = Connection(task.port)

    def ask(
        self, step: str, method: str, path: str, fan: Fan | None = None, **more: Any
    ) -> tuple[int, Any]:  # Any: JSON
        headers = fan.bearer if fan else {}
        body = json.dumps(more["body"]).encode() if "body" in more else b""
        began = time.perf_counter()
        sent = request(method, API + path, headers=headers | more.get("headers", {}), body=body)
        status, answer = self.connection.ask(sent)
        self.tally.note(step, status, time.perf_counter() - began)
        return status, json.loads(answer)

    def join(self, fan: Fan) -> tuple[int, str]:
        _, place = self.ask("join", "POST", f"/schedules/{self.task.show.schedule}/queue-tokens/", fan)
        return place["number"], place["token"]

    def book(self, fan: Fan, number: int, token: str) -> None:
        """The rest of the journey."""
        while self.ask("progress", "GET", f"/schedules/{self.task.show.schedule}/queue/")[1]["serving"] < number:
            time.sleep(0.2)
        while self.ask("enter", "POST", f"/queue-tokens/{token}/enter/", fan)[0] != 200:
            time.sleep(0.1)
        for _ in range(MOST_TRIES):
            seats = self.pick()
            status, booking = self.hold(fan, token, seats)
            if status == 201:
                reservations = [each["id"] for each in booking["reservations"]]
                self.ask("pay", "POST", "/payments/", fan, body={"reservations": reservations})
                return
            # Someone was quicker, and the picture is a second old at most.
            time.sleep(0.2)

    def pick(self) -> list[int]:
        _, seen = self.ask("availability", "GET", f"/schedules/{self.task.show.schedule}/availability/")
        free = [seat for seat, state in zip(self.task.show.seats, seen["seats"], strict=True) if state == "A"]
        return random.sample(free, min(len(free), self.task.per_fan))

    def hold(self, fan: Fan, token: str, seats: list[int]) -> tuple[int, Any]:  # Any: JSON
        """Hold them; nothing is asked if nothing looks free."""
        if not seats:
            return 0, None
        body = {"schedule": self.task.show.schedule, "seats": seats}
        return self.ask("hold", "POST", "/reservations/", fan, body=body, headers={"X-Queue-Token": token})


def run_fans(task: Task, tallies: "Queue[Tally]") -> None:
    """All fans of a process: everyone joins, then they come in by number."""
    tally, places = Tally(), list[tuple[int, str, Fan]]()
    joining = iter(task.fans)

    def join_all() -> None:
        phone = Phone(task, tally)
        for fan in joining:
            number, token = phone.join(fan)
            places.append((number, token, fan))

    in_threads(task.threads, join_all, LONGEST_SECONDS)
    booking = iter(sorted(places, key=lambda place: place[0]))

    def book_all() -> None:
        phone = Phone(task, tally)
        for number, token, fan in booking:
            phone.book(fan, number, token)

    in_threads(task.threads, book_all, LONGEST_SECONDS)
    tallies.put(tally)


def open_sale(site: stack.Stack, options: argparse.Namespace) -> tuple[Show, list[Fan]]:
    show = site.make_show(seats=options.seats, price=1000, max_active=options.cap, tickets_per_fan=options.per_fan)
    return show, site.make_fans(-(-options.seats // options.per_fan), balance=1000 * options.per_fan)


def sell(site: stack.Stack, options: argparse.Namespace, show: Show, fans: list[Fan]) -> tuple[float, Tally]:
    """Sell the hall; seconds from the first join to the last answer."""
    tallies: Queue[Tally] = multiprocessing.Queue()
    shares = [fans[nth :: options.processes] for nth in range(options.processes)]
    tasks = [Task(site.port, show, share, options.per_fan, options.threads) for share in shares]
    clients = [multiprocessing.Process(target=run_fans, args=(task, tallies)) for task in tasks]
    began = time.perf_counter()
    for client in clients:
        client.start()
    total = Tally()
    for _ in clients:
        part = tallies.get(timeout=LONGEST_SECONDS)
        total.answers += part.answers
        for step, measured in part.milliseconds.items():
            total.milliseconds.setdefault(step, []).extend(measured)
    seconds = time.perf_counter() - began
    for client in clients:
        client.join()
    return seconds, total


def print_report(site: stack.Stack, options: argparse.Namespace, seconds: float, tally: Tally) -> None:
    calls = sum(tally.answers.values())
    print(stack.machine(site) + ".\n")
    print(
        f"**{options.seats:,} seats, {options.per_fan} a fan, {options.cap} fans inside at once:"
        f" {seconds:.1f} s** from the first join to the last payment; {calls:,} calls, {calls / seconds:,.0f} a second,"
        f" from {options.processes} processes of {options.threads} connections.\n"
    )
    rows = []
    for step, measured in tally.milliseconds.items():
        statuses = ", ".join(
            f"{count:,} x {name.rpartition(' ')[2]}"
            for name, count in sorted(tally.answers.items())
            if name.startswith(step + " ")
        )
        p99 = sorted(measured)[int(len(measured) * 0.99)]
        rows.append([step, statuses, f"{statistics.median(measured):.1f}", f"{p99:.1f}"])
    print(stack.table(["step", "answers", "median, ms", "p99, ms"], rows))


def computed(site: stack.Stack) -> dict[str, float]:
    """CPU seconds so far: of the site's programs, and of clients that have ended."""
    programs = ("web", "postgres", "ticks", "worker", "redis", "beat")
    spent = {name: stack.cpu_seconds(psutil.Process(site.pid_of(name))) for name in programs}
    ours = getrusage(RUSAGE_CHILDREN)
    return spent | {"clients": ours.ru_utime + ours.ru_stime}


def print_proof(site: stack.Stack, show: Show) -> None:
    with site.connect() as connection:
        sold = "select status, count(*) from concert_seat where concert_schedule_id = %s group by status"
        print("\nSeats:", dict(connection.execute(sold, [show.schedule]).fetchall()))
    print("Audit:", "nothing broken" if site.passes_audit() else "BROKEN")


def main() -> None:
    parser = argparse.ArgumentParser(description="Sell a hall through the whole journey.")
    parser.add_argument("--seats", type=int, default=10_000)
    parser.add_argument("--per-fan", type=int, default=2)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=24, help="connections of each process")
    parser.add_argument("--cap", type=int, default=200, help="fans inside at once")
    options = parser.parse_args()
    with stack.running(THROTTLE="on") as site:
        show, fans = open_sale(site, options)
        before = computed(site)
        seconds, tally = sell(site, options, show, fans)
        print_report(site, options, seconds, tally)
        spent = {name: after - before[name] for name, after in computed(site).items()}
        print("\nCPU seconds:", ", ".join(f"{name} {each:.1f}" for name, each in spent.items()))
        print_proof(site, show)


if __name__ == "__main__":
    main()
