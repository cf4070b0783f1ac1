"""Open the sale of a lobby: how long the draw takes, what becomes of who arrives meanwhile, and reading its list."""

import hashlib
import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import load
import psutil
from crowds import Connection
from load import request
from stack import Fan, Show, Stack

# From the moment at which it is asked for until the opening; facts of a sale may be remembered for a second.
OPENS_IN_SECONDS = 6
AFTERWARDS_SECONDS = 3
LONGEST_SECONDS = 600
# People who come while it is opened: so many at once, so many a second in all.
PHONES, ARRIVALS_A_SECOND = 4, 40
PIECE = 1 << 16
# So long the record of a draw is waited for.
RECORD_SECONDS = 60

OPEN_SOON = """
update concert_schedule set reservation_available_at = clock_timestamp() + make_interval(secs => %(seconds)s)
 where id = %(schedule)s returning reservation_available_at"""
SEEN = """
select s.drawn_at is not null, extract(epoch from clock_timestamp() - s.reservation_available_at)::float8,
       coalesce((select max(extract(epoch from clock_timestamp() - a.query_start)::float8) from pg_stat_activity a
                  where a.state = 'active' and a.query ilike '%%draw_line%%' and a.pid <> pg_backend_pid()), 0)
  from concert_schedule s where s.id = %(schedule)s"""
# Whoever joined before the opening has one of the first numbers, each of them once; whoever joined later a later one.
PLACES = """
select count(*) filter (where t.number is null),
       count(*) filter (where t.created_at < s.reservation_available_at),
       count(distinct t.number) filter (where t.created_at < s.reservation_available_at),
       coalesce(max(t.number) filter (where t.created_at < s.reservation_available_at), 0),
       coalesce(min(t.number) filter (where t.created_at >= s.reservation_available_at), 0),
       count(*) filter (where t.updated_active_at < s.drawn_at),
       coalesce(max(t.number) filter (where t.status <> 'WAITING'), 0),
       coalesce(min(t.number) filter (where t.status = 'WAITING'), 0)
  from waiting_token t join concert_schedule s on s.id = t.concert_schedule_id
 where t.concert_schedule_id = %(schedule)s"""
KNOWN = "select token::text from waiting_token where concert_schedule_id = %(schedule)s and user_id = any(%(fans)s)"


@dataclass
class Arrivals:
    """Fans who keep coming over HTTP, each with an answer of its own: the token, or what went wrong."""

    port: int
    show: Show
    fans: Iterator[Fan]
    tokens: dict[int, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    # When each came, and how many milliseconds the answer took.
    took: list[tuple[float, float]] = field(default_factory=list)
    is_over: bool = False

    def __post_init__(self) -> None:
        self.threads = [threading.Thread(target=self.keep_coming, daemon=True) for _ in range(PHONES)]
        for thread in self.threads:
            thread.start()

    def keep_coming(self) -> None:
        phone = load.Connection(self.port)
        path = f"/api/v1/schedules/{self.show.schedule}/queue-tokens/"
        while not self.is_over:
            # One step of a shared iterator of a list is never interrupted.
            fan = next(self.fans)
            began = time.time()
            status, body = phone.ask(request("POST", path, headers=fan.bearer, body=b"{}"))
            self.took.append((began, (time.time() - began) * 1000))
            if status in (200, 201):
                self.tokens[fan.id] = json.loads(body)["token"]
            else:
                self.refused.append(f"{status} {body[:200]!r}")
            time.sleep(max(0.0, PHONES / ARRIVALS_A_SECOND - (time.time() - began)))

    def stop(self) -> None:
        self.is_over = True
        for thread in self.threads:
            thread.join(load.STUCK_SECONDS)

    def slowest_ms(self, since: float, until: float) -> float:
        return max((took for came, took in self.took if since <= came < until), default=0.0)


@dataclass(frozen=True)
class Opening:
    """What came of one opening."""

    seconds: float
    statement_seconds: float
    arrivals: int
    slowest_ms: float
    opens_at: datetime
    breaches: list[str]


def open_sale(site: Stack, connection: Connection, show: Show, fans: Sequence[Fan]) -> Opening:
    """Open the sale of a lobby, have fans come before, during and after the draw, and look what became of them."""
    # Should they not suffice, the first come again and are told their place again.
    arrivals = Arrivals(site.port, show, itertools.cycle(fans))
    soon = {"schedule": show.schedule, "seconds": OPENS_IN_SECONDS}
    ((opens_at,),) = connection.execute(OPEN_SOON, soon).fetchall()
    seconds, statement_seconds = watch(connection, show)
    # Late enough that the numbers of Redis are seen too, and the first admissions.
    time.sleep(AFTERWARDS_SECONDS)
    arrivals.stop()
    return Opening(
        seconds,
        statement_seconds,
        len(arrivals.tokens),
        slowest(arrivals, opens_at, seconds),
        opens_at,
        [*arrivals.refused[:3], *breaches(connection, show, arrivals)],
    )


def slowest(arrivals: Arrivals, opens_at: datetime, seconds: float) -> float:
    return arrivals.slowest_ms(opens_at.timestamp(), opens_at.timestamp() + seconds)


def watch(connection: Connection, show: Show) -> tuple[float, float]:
    """Wait for the draw: seconds from the opening until it is seen, and of the statement alone."""
    deadline, statement = time.monotonic() + LONGEST_SECONDS, 0.0
    while time.monotonic() < deadline:
        ((is_drawn, seconds, running),) = connection.execute(SEEN, {"schedule": show.schedule}).fetchall()
        statement = max(statement, running)
        if is_drawn:
            return seconds, statement
        time.sleep(0.05)
    raise SystemExit(f"Nothing was drawn within {LONGEST_SECONDS} s.")


def breaches(connection: Connection, show: Show, arrivals: Arrivals) -> list[str]:
    ((without, early, numbers, last, first_late, too_soon, served, waits),) = connection.execute(
        PLACES, {"schedule": show.schedule}
    ).fetchall()
    fans = {"schedule": show.schedule, "fans": list(arrivals.tokens)}
    known = {token for (token,) in connection.execute(KNOWN, fans).fetchall()}
    found = {
        f"{without} have no number": without,
        f"{early} were drawn, but have {numbers} numbers up to {last}": not early == numbers == last,
        f"number {first_late} came after the opening": first_late and first_late <= last,
        f"{too_soon} were admitted before the draw": too_soon,
        f"{served} was admitted before {waits}": waits and served > waits,
        "arrivals are lost": set(arrivals.tokens.values()) - known,
    }
    return [what for what, is_so in found.items() if is_so]


@dataclass(frozen=True)
class Reading:
    """The list of a draw, read as a stream."""

    lines: int
    megabytes: float
    seconds: float
    entries_hash: str
    # By how many megabytes the web process that grew most grew meanwhile.
    grown: float


def read_draw(site: Stack, show: Show) -> Reading:
    """Read `GET draw/` piece by piece, and watch the memory of the web processes."""
    workers = psutil.Process(site.pid_of("web")).children(recursive=True)
    before = {each.pid: each.memory_info().rss for each in workers}
    digest, size, lines, grown = hashlib.sha256(), 0, 0, 0
    began = time.perf_counter()
    for nth, piece in enumerate(pieces_of(site.port, f"/api/v1/schedules/{show.schedule}/draw/")):
        digest.update(piece)
        size, lines = size + len(piece), lines + piece.count(b"\n")
        if nth % 16 == 0:
            grown = max(grown, *(each.memory_info().rss - before[each.pid] for each in workers))
    return Reading(lines, size / 1e6, time.perf_counter() - began, digest.hexdigest(), grown / 1e6)


def pieces_of(port: int, path: str) -> Iterator[bytes]:
    connection = http.client.HTTPConnection(load.HOST, port, timeout=load.STUCK_SECONDS)
    connection.request("GET", path)
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(f"{answer.status} for {path}: {answer.read(300)!r}")
    answer.readline()
    while piece := answer.read(PIECE):
        yield piece
    connection.close()


def published(site: Stack, show: Show) -> tuple[float, dict[str, Any]]:  # Any: JSON
    """Seconds until everybody can see the record of a draw, and what they see."""
    began = time.monotonic()
    while True:
        seen: dict[str, Any] = site.ask("GET", f"schedules/{show.schedule}/queue/")[1]["draw"]  # Any: as above
        seconds = time.monotonic() - began
        if seen["size"] is not None or seconds > RECORD_SECONDS:
            return seconds, seen
        time.sleep(0.1)


def verify(site: Stack, show: Show) -> tuple[float, bool]:
    """Have `manage.py verify_draw` judge it: seconds, and whether it found nothing."""
    address = f"http://{load.HOST}:{site.port}/api/v1/schedules/{show.schedule}/draw/"
    began = time.perf_counter()
    done = site.run("verify_draw", address)
    return time.perf_counter() - began, done.returncode == 0


def recorded(show: Show, opens_at: datetime) -> float:
    from queueing.domain import draw

    began = time.perf_counter()
    draw.make_record(show.schedule, opens_at=opens_at)
    return time.perf_counter() - began


@dataclass(frozen=True)
class Found:
    """What there is to tell of one lobby."""

    opening: Opening
    published_seconds: float
    reading: Reading
    record_seconds: float
    verify_seconds: float


def open_and_read(site: Stack, connection: Connection, show: Show, fans: Sequence[Fan]) -> Found:
    """Open a lobby, then look at the draw in every way."""
    opening = open_sale(site, connection, show, fans)
    published_seconds, draw = published(site, show)
    reading = read_draw(site, show)
    record_seconds = recorded(show, opening.opens_at)
    verify_seconds, is_sound = verify(site, show)
    wrong = {
        "the stream's hash is not the public one": reading.entries_hash != draw["entries_hash"],
        f"{reading.lines} lines for a lobby of {draw['size']}": reading.lines != draw["size"],
        "verify_draw finds fault": not is_sound,
    }
    opening.breaches.extend(what for what, is_so in wrong.items() if is_so)
    return Found(opening, published_seconds, reading, record_seconds, verify_seconds)


def rows(found: Sequence[Found]) -> list[tuple[str, list[str]]]:
    openings, readings = [each.opening for each in found], [each.reading for each in found]
    return [
        ("draw, s from the opening until it stands", [f"{each.seconds:.1f}" for each in openings]),
        ("- its statement, s", [f"{each.statement_seconds:.1f}" for each in openings]),
        (
            "- joined around it; slowest join during it, ms",
            [f"{each.arrivals}; {each.slowest_ms:,.0f}" for each in openings],
        ),
        ("- lost, let past or otherwise wrong", ["; ".join(each.breaches) or "nobody" for each in openings]),
        ("`draw/` as a stream, s (MB)", [f"{each.seconds:.1f} ({each.megabytes:.1f})" for each in readings]),
        ("- a web process grows by, MB", [f"{each.grown:.1f}" for each in readings]),
        (
            f"- its record is public {AFTERWARDS_SECONDS} s later and, s",
            [f"{each.published_seconds:.1f}" for each in found],
        ),
        ("record of the draw made anew, s", [f"{each.record_seconds:.2f}" for each in found]),
        ("verify_draw, s", [f"{each.verify_seconds:.1f}" for each in found]),
    ]
