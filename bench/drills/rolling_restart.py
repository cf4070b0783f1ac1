"""Ten thousand requests while the web server is renewed again and again: none lost, each acknowledged write looked up.

    .venv/bin/python bench/drills/rolling_restart.py [--fans 1500] [--reloads 4] [--threads 6]

It starts a throw-away site of its own, lets fans join, hold, pay and poll over connections that are kept open, and
sends `up` SIGHUP as often as told meanwhile. A connection that ends before its next request is opened again, as any
client does; one that ends with a request on it and no answer is asked again, once, and counted apart; everything else
that is no answer is lost. Exit code 1 if anything was.
"""

import argparse
import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from load import in_threads
from stack import Fan, Stack, launched, throwaway

API = "/api/v1/"
POLLS, PAUSE_SECONDS = 5, 0.03
PATIENCE_SECONDS = 180.0


@dataclass
class Seen:
    """What came of all requests, of every thread."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    counts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    paid: dict[int, list[int]] = field(default_factory=dict)
    slowest: float = 0.0

    def note(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1


class Client:
    """One fan's browser: a connection that is kept open."""

    def __init__(self, port: int, seen: Seen) -> None:
        self.port, self.seen = port, seen
        self.connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: object, headers: dict[str, str]) -> Any:  # Any: JSON
        """Ask; the answer, or None if it was lost."""
        data = None if body is None else json.dumps(body)
        for attempt in (1, 2):
            is_reused = self.connection is not None
            begun = time.monotonic()
            try:
                answer, text = self._send(method, path, data, headers)
            except (OSError, http.client.HTTPException) as error:
                self.connection = None
                if is_reused and attempt == 1:
                    self.seen.note("asked again")
                    continue
                self.seen.note("lost")
                self.seen.lost.append(f"{method} {path}: {error!r}")
                return None
            self.seen.slowest = max(self.seen.slowest, time.monotonic() - begun)
            self.seen.note(f"{method} {answer.status}")
            if answer.getheader("connection") == "close":
                self.seen.note("connections closed in order")
                self.connection = None
            if answer.status >= 400:
                self.seen.lost.append(f"{method} {path}: {answer.status} {text[:200]!r}")
                return None
            return json.loads(text)
        return None

    def _send(
        self, method: str, path: str, data: str | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        self.connection.request(method, path, data, headers | {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer, answer.read()


def buy(client: Client, schedule: int, seat: int, fan: Fan, token: str) -> None:
    """A fan who is inside: hold, pay, look."""
    headers = {"Authorization": f"Bearer {fan.access_token}", "X-Queue-Token": token}
    body: dict[str, object] = {"schedule": schedule, "seats": [seat]}
    held = client.ask("POST", f"{API}reservations/", body, headers | {"Idempotency-Key": str(uuid4())})
    if held is None:
        return
    ids = [each["id"] for each in held["reservations"]]
    headers["Idempotency-Key"] = str(uuid4())
    if client.ask("POST", f"{API}payments/", {"reservations": ids}, headers) is not None:
        with client.seen.lock:
            client.seen.paid[fan.id] = ids
    for _ in range(POLLS):
        client.ask("GET", f"{API}schedules/{schedule}/queue/", None, {})
        time.sleep(PAUSE_SECONDS)


def look_up(site: Stack, seen: Seen) -> list[str]:
    """What of the acknowledged payments isn't there, or is there twice."""
    with site.connect() as database:
        rows = database.execute(
            "select r.id, r.status, count(p.id) from reservation r left join payment p on p.reservation_id = r.id"
            " and p.state = 'COMPLETED' group by r.id"
        ).fetchall()
    found = {number: (status, count) for number, status, count in rows}
    wanted = [number for ids in seen.paid.values() for number in ids]
    return [f"reservation {each}: {found.get(each)}" for each in wanted if found.get(each) != ("RESERVED", 1)]


def reload_again_and_again(up: subprocess.Popen[str], log: Path, times: int, is_over: threading.Event) -> int:
    """Send SIGHUP, wait for `reloaded`, and again; how often that came about."""
    for number in range(1, times + 1):
        up.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while log.read_text().count("frontrow: reloaded") < number:
            if time.monotonic() > deadline or "does not start" in log.read_text():
                return number - 1
            time.sleep(0.1)
        if is_over.is_set():
            return number
    return times


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fans", type=int, default=1450)
    parser.add_argument("--reloads", type=int, default=4)
    parser.add_argument("--threads", type=int, default=6)
    options = parser.parse_args()
    with throwaway(Stack) as site:
        log = site.data_dir.with_suffix(".stderr")
        with log.open("w") as stderr, launched(site, stderr=stderr, start_new_session=True) as up:
            return drill(site, up, log, options)


def drill(site: Stack, up: subprocess.Popen[str], log: Path, options: argparse.Namespace) -> int:
    """Let the fans in, renew the web server meanwhile, and look everything up."""
    audience = site.make_audience(options.fans)
    seen, is_over = Seen(), threading.Event()
    waiting = audience.seated()

    def work() -> None:
        client = Client(site.port, seen)
        for fan, seat in waiting:
            buy(client, audience.show.schedule, seat, fan, audience.tokens[fan.id])

    begun = time.monotonic()
    reloads: list[int] = []
    other = threading.Thread(target=lambda: reloads.append(reload_again_and_again(up, log, options.reloads, is_over)))
    other.start()
    in_threads(options.threads, work)
    is_over.set()
    seconds = time.monotonic() - begun
    other.join()
    missing = look_up(site, seen)
    total = sum(count for what, count in seen.counts.items() if what.split()[0] in {"GET", "POST"})
    print(f"{total} answers in {seconds:.0f} s, the slowest in {seen.slowest:.2f} s; {reloads[0]} reloads meanwhile")
    print(", ".join(f"{what}: {count}" for what, count in sorted(seen.counts.items())))
    print(
        f"acknowledged payments: {len(seen.paid)}, of which missing: {len(missing)}; lost or refused: {len(seen.lost)}"
    )
    for line in (*missing[:5], *seen.lost[:5]):
        print(line)
    return int(bool(missing or seen.lost or not reloads[0]))


if __name__ == "__main__":
    sys.exit(main())
