#!/usr/bin/env python
"""Sell a hall on a staging site through the API as its fans would, then look up everything that was acknowledged.

    .venv/bin/python bench/rehearsal.py SITE show.json fans.jsonl [--per-fan 2] [--threads 64] [--seconds 900]

SITE is a staging site of yours (https://staging.example.com), show.json what `manage.py make_show` printed there,
fans.jsonl what `manage.py make_fans` did. Each fan joins, waits as the API says, enters, chooses, holds, pays; what is
refused for a reason that passes (503, 429, a seat gone) is tried again. Bounded by --seconds. Exit code 1 if a payment
that was answered isn't in the fan's list afterwards, or a seat is in two. docs/releasing.md says what to look at
meanwhile.
"""

import argparse
import http.client
import json
import random
import statistics
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from load import in_threads

API = "/api/v1"
Json = Any  # what the API answers


class Rehearsal:
    """A sale, its clock, and what came of it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.site = urlsplit(options.site)
        self.per_fan: int = options.per_fan
        self.schedule: int = json.loads(options.show.read_text())["schedule"]
        self.fans: list[Json] = [json.loads(line) for line in options.fans.read_text().splitlines()]
        self.until = time.monotonic() + options.seconds
        self.lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.paid: dict[int, set[int]] = {}
        self.is_over = threading.Event()
        self.seats: list[int] = []
        self.waiting = iter(self.fans)

    @property
    def has_time(self) -> bool:
        return time.monotonic() < self.until and not self.is_over.is_set()

    def next_fan(self) -> Json:
        with self.lock:
            return next(self.waiting, None)

    def note(self, step: str, status: int, seconds: float) -> None:
        with self.lock:
            self.answers[f"{step} {status or 'no answer'}"] += 1
            self.seconds[step].append(seconds)


class Phone:
    """A connection to the site, kept as long as it lasts."""

    def __init__(self, sale: Rehearsal) -> None:
        self.sale = sale
        self.connection: http.client.HTTPConnection | None = None

    def ask(
        self, step: str, method: str, path: str, fan: Json = None, body: Json = None, **headers: str
    ) -> tuple[int, Json]:
        """The answer; status 0 where there was none."""
        words = {"Content-Type": "application/json", "Accept": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        if fan:
            words["Authorization"] = f"Bearer {fan['access_token']}"
        began = time.monotonic()
        try:
            status, answer = self.send(method, path, json.dumps(body) if body is not None else None, words)
        except (OSError, http.client.HTTPException, ValueError):
            self.hang_up()
            status, answer = 0, None
        self.sale.note(step, status, time.monotonic() - began)
        return status, answer

    def send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, Json]:
        if self.connection is None:
            kind = http.client.HTTPSConnection if self.sale.site.scheme == "https" else http.client.HTTPConnection
            self.connection = kind(self.sale.site.netloc, timeout=30)
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None

    def hang_up(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None

    def journey(self, fan: Json) -> None:
        """From joining to a payment, or to the end of the sale."""
        if token := self.join(fan):
            while self.sale.has_time and not self.is_inside(fan, token):
                pass
            while self.sale.has_time and not self.buy(fan, token):
                time.sleep(random.uniform(0.2, 1))

    def join(self, fan: Json) -> str | None:
        while self.sale.has_time:
            status, place = self.ask("join", "POST", f"{API}/schedules/{self.sale.schedule}/queue-tokens/", fan)
            if status in (200, 201):
                return str(place["token"])
            if status == 409 and "sold_out" in str(place):
                self.sale.is_over.set()
            time.sleep(random.uniform(0.5, 2))
        return None

    def is_inside(self, fan: Json, token: str) -> bool:
        """Wait as long as the answer says, then look; enter once it is our turn."""
        status, place = self.ask("place", "GET", f"{API}/queue-tokens/{token}/", fan)
        if status == 200 and place["status"] == "ACTIVE":
            return self.ask("enter", "POST", f"{API}/queue-tokens/{token}/enter/", fan)[0] == 200
        time.sleep((place or {}).get("poll_after_seconds") or 1)
        return False

    def buy(self, fan: Json, token: str) -> bool:
        """One try; whether the fan is done."""
        status, seen = self.ask("availability", "GET", f"{API}/schedules/{self.sale.schedule}/availability/")
        if status != 200:
            return False
        free = [seat for seat, state in zip(self.sale.seats, seen["seats"], strict=True) if state == "A"]
        if not free:
            if "R" not in seen["seats"] and seen["seats_left"] == 0:
                self.sale.is_over.set()
            return False
        body = {"schedule": self.sale.schedule, "seats": random.sample(free, min(len(free), self.sale.per_fan))}
        status, booking = self.ask("hold", "POST", f"{API}/reservations/", fan, body, X_Queue_Token=token)
        return status == 201 and self.pay(fan, [each["id"] for each in booking["reservations"]])

    def pay(self, fan: Json, reservations: list[int]) -> bool:
        """Pay them, again where nobody said whether it was done; what is acknowledged is noted."""
        while True:
            status, _ = self.ask("pay", "POST", f"{API}/payments/", fan, {"reservations": reservations})
            if status in (200, 201):
                with self.sale.lock:
                    self.sale.paid.setdefault(fan["id"], set()).update(reservations)
                return True
            if status and status not in (429, 503):
                return False
            time.sleep(1)


def look_up(sale: Rehearsal, threads: int) -> list[str]:
    """What was acknowledged and isn't there; what is there twice."""
    faults: list[str] = []
    seats: Counter[int] = Counter()
    buyers = iter([fan for fan in sale.fans if fan["id"] in sale.paid])

    def ask_each() -> None:
        phone = Phone(sale)
        while True:
            with sale.lock:
                fan = next(buyers, None)
            if fan is None:
                return
            bookings = lasting(phone, fan)
            found = {each["id"] for each in bookings if each["status"] == "RESERVED"}
            with sale.lock:
                seats.update(each["seat"]["id"] for each in bookings if each["status"] == "RESERVED")
                faults.extend(
                    f"{fan['email']}: reservation {each} was paid and isn't there"
                    for each in sale.paid[fan["id"]] - found
                )

    in_threads(threads, ask_each)
    return faults + [f"seat {seat} is sold {times} times" for seat, times in seats.items() if times > 1]


def lasting(phone: Phone, fan: Json) -> list[Json]:
    """All bookings of a fan, page by page; asked until they are told."""
    found, path = [], f"{API}/reservations/"
    while path:
        status, page = phone.ask("look up", "GET", path, fan)
        if status != 200:
            time.sleep(1)
            continue
        found += page["results"]
        following = urlsplit(page["next"] or "")
        path = f"{following.path}?{following.query}" if page["next"] else ""
    return found


def report(sale: Rehearsal, seconds: float) -> None:
    print(f"\n{sum(map(len, sale.paid.values())):,} seats paid by {len(sale.paid):,} fans in {seconds:.0f} s")
    for step, measured in sale.seconds.items():
        ranked = sorted(measured)
        counts = ", ".join(
            f"{n:,} x {name.removeprefix(step + ' ')}"
            for name, n in sale.answers.items()
            if name.startswith(step + " ")
        )
        middle, slow = statistics.median(ranked) * 1000, ranked[len(ranked) * 99 // 100] * 1000
        print(f"{step:>14}: median {middle:6.0f} ms, p99 {slow:6.0f} ms; {counts}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site")
    parser.add_argument("show", type=Path)
    parser.add_argument("fans", type=Path)
    parser.add_argument("--per-fan", type=int, default=2)
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=900)
    options = parser.parse_args()
    sale = Rehearsal(options)
    status, plan = Phone(sale).ask("seats", "GET", f"{API}/schedules/{sale.schedule}/seats/")
    if status != 200:
        sys.exit(f"{options.site} answers {status} to who asks for the seats of schedule {sale.schedule}")
    sale.seats = [seat["id"] for seat in plan["seats"]]

    def walk_all() -> None:
        phone = Phone(sale)
        while sale.has_time and (fan := sale.next_fan()):
            phone.journey(fan)

    began = time.monotonic()
    in_threads(options.threads, walk_all)
    report(sale, time.monotonic() - began)
    faults = look_up(sale, min(options.threads, 16))
    print("\n".join(faults) or "All that was acknowledged is there, and no seat is sold twice.")
    sys.exit(1 if faults or not sale.paid else 0)


if __name__ == "__main__":
    main()
