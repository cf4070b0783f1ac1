"""How a page learns of seats that others take: all letters, what changed, or a stream, in turns of one run.

    .venv/bin/python bench/seat_transport.py

Fans with a connection each look at a hall of 20,000 seats of which some are taken each second. Told are, for each way,
what the web processes compute for a fan and second, bytes on the wire, and how long after its commit a change is known.
"""

import asyncio
import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

import psycopg
from stack import ROOT, Stack, cpu_seconds, listener, one, running, serving

FANS = 200
SECONDS = 12.0
ROUNDS = 3
# Seats that are taken each time, and how often.
TAKEN, EVERY_SECONDS = 5, 0.7
TAKE = """
update concert_seat set status = 'UNAVAILABLE' where id in (
  select id from concert_seat where concert_schedule_id = %s and status = 'AVAILABLE' order by random() limit %s)"""


@dataclass
class Seen:
    """What all fans together saw: bytes, answers, and by how many seats were left when the first and each knew it."""

    size: int = 0
    answers: int = 0
    known_at: dict[int, list[float]] = field(default_factory=dict)

    def note(self, seats_left: int) -> None:
        self.known_at.setdefault(seats_left, []).append(time.monotonic())


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes, int]:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:-2])}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    size = len(head) + len(body)
    if headers.get("content-encoding") == "gzip":
        body = zlib.decompress(body, 31)
    return int(lines[0].split()[1]), headers, body, size


async def poll(port: int, schedule: int, seen: Seen, until: float, *, every: float, since: bool) -> None:
    """One fan who asks again and again, for all letters or for what changed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    known: dict[str, Any] = {}
    last = -1
    path = f"/api/v1/schedules/{schedule}/availability/"
    while time.monotonic() < until:
        address = f"{path}since/{known['version']}/" if since and known else path
        etag = f'If-None-Match: "{known["version"]}"\r\n' if known and not since else ""
        writer.write(f"GET {address} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n{etag}\r\n".encode())
        status, _, body, size = await read_answer(reader)
        seen.size += size
        seen.answers += 1
        if status == 200:
            known = json.loads(body)
            if known["seats_left"] != last:
                last = known["seats_left"]
                seen.note(last)
        await asyncio.sleep(every * (0.9 + 0.2 * (hash(writer) % 100) / 100))
    writer.close()


async def listen(port: int, seen: Seen, until: float) -> None:
    """One fan of the stream."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    while time.monotonic() < until:
        try:
            line = await asyncio.wait_for(reader.readline(), until - time.monotonic())
        except TimeoutError:
            break
        seen.size += len(line)
        if line.startswith(b"data: "):
            seen.answers += 1
            seen.note(json.loads(line[6:])["seats_left"])
    writer.close()


def take_seats(database: str, schedule: int, until: float, taken_at: dict[int, float]) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        count = "select count(*) from concert_seat where concert_schedule_id = %s and status = 'AVAILABLE'"
        while time.monotonic() < until - 1.5:
            connection.execute(TAKE, (schedule, TAKEN))
            taken_at[one(connection, count, (schedule,))] = time.monotonic()
            time.sleep(EVERY_SECONDS)


def measure(site: Stack, schedule: int, port: int, fan: Callable[[Seen, float], Coroutine[None, None, None]]) -> str:
    seen, taken_at, server = Seen(), dict[int, float](), listener(port)
    until = time.monotonic() + SECONDS
    seller = threading.Thread(target=take_seats, args=(site.database_url, schedule, until, taken_at))
    seller.start()
    before = cpu_seconds(server)

    async def all_fans() -> None:
        await asyncio.gather(*(fan(seen, until) for _ in range(FANS)))

    asyncio.run(all_fans())
    seller.join()
    used = cpu_seconds(server) - before
    late = [at - taken_at[left] for left, each in seen.known_at.items() if left in taken_at for at in each]
    share = FANS * SECONDS
    known = f"known after {median(late):.2f} s, p99 {quantiles(late, n=100)[98]:.2f} s"
    cost = f"{1e6 * used / share:7.0f} us CPU, {seen.size / share:7.0f} bytes"
    return f"{cost}, {seen.answers / share:5.2f} answers; {known}"


def main() -> None:
    with running() as site:
        (show,) = site.manage("make_show", "--seats=20000")
        schedule = show["schedule"]
        environment = {"SCHEDULE": str(schedule), "PYTHONPATH": str(ROOT), "SECRET_KEY": "bench"}
        environment |= {"DATABASE_URL": site.database_url, "REDIS_URL": site.redis_url}
        with serving(site, "bench.seat_stream:application", interface="rsgi", **environment) as port:
            ways: dict[str, tuple[int, Callable[[Seen, float], Coroutine[None, None, None]]]] = {
                "all, each 2 s": (site.port, lambda s, t: poll(site.port, schedule, s, t, every=2, since=False)),
                "all, each 0.5 s": (site.port, lambda s, t: poll(site.port, schedule, s, t, every=0.5, since=False)),
                "changes, each 0.5 s": (site.port, lambda s, t: poll(site.port, schedule, s, t, every=0.5, since=True)),
                "stream": (port, lambda s, t: listen(port, s, t)),
            }
            for nth in range(ROUNDS):
                for name, (at, fan) in ways.items():
                    said = measure(site, schedule, at, fan)
                    print(f"{nth} {name:22} {said}; load {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    main()
