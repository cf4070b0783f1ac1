#!/usr/bin/env python
"""What best available costs beside a hold by hand, how a crowd that wants the same seats fares, and in a full table.

    .venv/bin/python bench/best_available.py [--rounds 6] [--only api,crowd,table] [--halls 50]

Starts a throw-away site. Ratios are of one interleaved run.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import load
import psutil
import psycopg
import stack
from hot_paths import Contender, post, report
from stack import Audience, Stack

A_ROUND = 100
HALL = 20_000
RUNS = 15
PICK = Path(__file__).parents[1] / "reservations" / "domain" / "pick_best_available.sql"
TRIED = "not pg_try_advisory_xact_lock(stretch_key(p_schedule, p_stretch))"
SECTION = "select section from concert_seat where concert_schedule_id = %s order by stretch desc limit 1"
COPY = """
insert into concert_seat (concert_id, concert_schedule_id, section, row, seat_number, seat_label, seat_guid, seat_price,
    category, row_index, x, y, accessible, stretch, place, nearness, status)
select t.concert_id, t.id, s.section, s.row, s.seat_number, s.seat_label, s.seat_guid, s.seat_price, s.category,
       s.row_index, s.x, s.y, s.accessible, s.stretch, s.place, s.nearness, s.status
  from concert_seat s, concert_schedule t
 where s.concert_schedule_id = %s and t.id = %s
"""
ANOTHER = """
insert into concert_schedule (concert_id, concert_date, concert_at, reservation_available_at, deadline_at, layout)
select concert_id, concert_date, concert_at, reservation_available_at, deadline_at, '{}'
  from concert_schedule where id = %s
returning id
"""
CHOOSE = """
select * from pick_best_available(
    %(fan)s, %(schedule)s, %(token)s, null, 2, %(section)s, %(category)s, false, 600, 0, null)
"""
BY_HAND = """
select * from hold_seats(%(fan)s, %(schedule)s, %(seats)s, %(token)s, 'BENCH', null, null, 300, 600, 5, 0, null)
"""


def best_request(audience: Audience, nth: int, quantity: int = 2) -> bytes:
    fan = audience.fans[nth]
    headers = fan.bearer | {"X-Queue-Token": audience.tokens[fan.id]}
    body = {"schedule": audience.show.schedule, "best_available": {"quantity": quantity}}
    return post("/api/v1/reservations/", body, headers)


def pair_request(audience: Audience, nth: int) -> bytes:
    """A hold of two neighbours, nobody else's."""
    fan, seats = audience.fans[nth], audience.show.seats[2 * nth : 2 * nth + 2]
    headers = fan.bearer | {"X-Queue-Token": audience.tokens[fan.id]}
    return post("/api/v1/reservations/", {"schedule": audience.show.schedule, "seats": seats}, headers)


def api(site: Stack, rounds: int) -> None:
    """Two seats, chosen by hand and by the house, through the API, by eight clients at once."""
    count = 2 * A_ROUND * rounds
    halls = {name: site.make_audience(count) for name in ("best available", "chosen by hand")}
    requests: dict[str, Callable[[Audience, int], bytes]] = {
        "best available": best_request,
        "chosen by hand": pair_request,
    }
    web = psutil.Process(site.pid_of("web"))
    contenders = {name: Contender(name, site.port, web) for name in halls}
    for turn in range(rounds):
        for name in list(halls)[:: 1 if turn % 2 else -1]:
            asked = [requests[name](halls[name], turn * A_ROUND + nth) for nth in range(A_ROUND)]
            contenders[name].run(asked, 201)
    report("Hold two seats", list(contenders.values()))


def crowd(site: Stack, rounds: int) -> None:
    """200 fans at once for twos and fours in a hall of 1,000, with the stretches tried and without."""
    rows = []
    text = PICK.read_text()
    for turn in range(2 * max(1, rounds // 2)):
        tried = turn % 2 == 0
        with site.connect() as connection:
            connection.execute(text if tried else text.replace(TRIED, "false"))
        rows.append([*one_crowd(site), "tried" if tried else "not tried"])
    with site.connect() as connection:
        connection.execute(text)
    print("\n### 200 fans at once, in a hall of 1,000\n")
    print(stack.table(["sold", "of", "refused", "seconds", "p99, ms", "stretches"], rows), flush=True)


def one_crowd(site: Stack) -> list[object]:
    audience = site.make_audience(1000)
    wishes = [2 + 2 * (nth % 2) for nth in range(200)]
    requests = [best_request(audience, nth, wish) for nth, wish in enumerate(wishes)]
    began = time.perf_counter()
    done = load.run(site.port, requests, clients=64)
    took = time.perf_counter() - began
    with site.connect() as connection:
        held = "select count(*) from concert_seat where concert_schedule_id = %s and status = 'TEMPORARY'"
        sold = stack.one(connection, held, [audience.show.schedule])
    refused = sum("errors" in json.loads(body) for body in done.bodies)
    return [sold, sum(wishes), refused, f"{took:.2f}", f"{done.percentile(0.99):.0f}"]


def table(site: Stack, halls: int) -> None:
    """One choice in a hall of 20,000, of a table of `halls` such halls; and a hold by hand beside it."""
    audience = site.make_audience(HALL // 100)
    show = site.make_show(seats=HALL, max_active=1_000_000)
    with site.connect() as connection:
        for _ in range(halls - 1):
            connection.execute(COPY, [show.schedule, stack.one(connection, ANOTHER, [show.schedule])])
        tokens = site.let_in(connection, show, audience.fans)
        connection.execute("vacuum analyze concert_seat")
        section = stack.one(connection, SECTION, [show.schedule])
        asked: dict[str, object] = {"schedule": show.schedule, "section": None, "category": None}
        fan, token = next(iter(tokens.items()))
        asked |= {"fan": fan, "token": token}
        print(f"\n### One choice of two, of {halls * HALL:,} seats, {HALL:,} of them in the hall\n")
        rows = list(situations(connection, asked, section, show.seats))
        print(stack.table(["", "ms, median", "ms, most"], rows), flush=True)


def situations(
    connection: psycopg.Connection[tuple[object, ...]], asked: Mapping[str, object], section: str, seats: list[int]
) -> Iterator[list[object]]:
    yield ["a hold by hand, for comparison", *timed(connection, BY_HAND, {**asked, "seats": seats[400:402]})]
    yield ["all is free", *timed(connection, CHOOSE, asked)]
    yield ["all is free, of the furthest section", *timed(connection, CHOOSE, {**asked, "section": section})]
    far = "update concert_seat set category = 'S' where concert_schedule_id = %s and stretch > 900"
    connection.execute(far, [asked["schedule"]])
    yield ["all is free, of the furthest grade", *timed(connection, CHOOSE, {**asked, "category": "S"})]
    for share, last in (("nine tenths are", 900), ("all is", 10_000)):
        connection.execute(
            "update concert_seat set status = 'UNAVAILABLE' where concert_schedule_id = %s and stretch <= %s"
            " and status = 'AVAILABLE'",
            [asked["schedule"], last],
        )
        connection.execute("vacuum analyze concert_seat")
        yield [f"{share} gone, from the front", *timed(connection, CHOOSE, asked)]


def timed(connection: psycopg.Connection[tuple[object, ...]], sql: str, asked: Mapping[str, object]) -> list[str]:
    """Median and most of RUNS, in milliseconds, each rolled back."""
    took = []
    for _ in range(RUNS):
        with connection.transaction(force_rollback=True):
            began = time.perf_counter()
            connection.execute(sql, asked, prepare=True)
            took.append(1000 * (time.perf_counter() - began))
    return [f"{statistics.median(took):.2f}", f"{max(took):.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure best available.")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--halls", type=int, default=50)
    parser.add_argument("--only", default="api,crowd,table")
    options = parser.parse_args()
    with stack.running(THROTTLE="off") as site:
        print(stack.machine(site), flush=True)
        parts = options.only.split(",")
        if "api" in parts:
            api(site, options.rounds)
        if "crowd" in parts:
            crowd(site, options.rounds)
        if "table" in parts:
            table(site, options.halls)


if __name__ == "__main__":
    main()
