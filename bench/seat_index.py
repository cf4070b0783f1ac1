#!/usr/bin/env python
"""What finding the reservations of a seat costs a hold and a payment.

    .venv/bin/python bench/seat_index.py [--rounds 60] [--before 150000]

Three kinds in turns, on one database that has so many reservations before it begins: a unique index of the live ones
alone; the same and a plain index of all beside it; one unique index over all, in which those that are canceled count
as different. Measured as in fsm_trigger.py: the CPU time of the server's process, in rounds that lie next to each
other. The seats are sold in no order, as fans choose them.
"""

import argparse
import random
import statistics
from collections.abc import Sequence

import stack
from fsm_trigger import FANS_A_ROUND, Connection, Figures, make_sale, measure

LIVE = "status in ('RESERVING', 'RESERVED')"
PARTIAL = f"create unique index bench_live on reservation (concert_seat_id) where {LIVE}"
PLAIN = "create index bench_plain on reservation (concert_seat_id)"
WHOLE = f"create unique index bench_whole on reservation (concert_seat_id, (case when {LIVE} then true end))"
KINDS = {"partial": [PARTIAL], "partial and plain": [PARTIAL, PLAIN], "one over all": [WHOLE]}
BASE = "partial"
# As an earlier show leaves them: half of its seats were held and given back, and then sold.
EARLIER = """
insert into reservation (booking_reference, concert_id, concert_schedule_id, concert_seat_id, user_id, concert_name,
                         concert_date, price, status, created_at, updated_state_at)
select 'EARLIER' || s.id, s.concert_id, s.concert_schedule_id, s.id, %(fan)s, 'Earlier', current_date, s.seat_price,
       q.status, now(), now()
  from concert_seat s cross join (values ('CANCELED'), ('RESERVED')) q (status)
 where s.concert_schedule_id = %(schedule)s and (q.status = 'RESERVED' or s.id %% 2 = 0)
 order by random()"""


def use(connection: Connection, kind: str) -> None:
    """Have the indexes on the seat of one of KINDS, and no others: not the product's own either."""
    found = connection.execute(
        "select indexname from pg_indexes where tablename = 'reservation' and indexdef like '%(concert_seat_id%'"
    ).fetchall()
    for (name,) in found:
        connection.execute(f'drop index "{name}"')
    for statement in KINDS[kind]:
        connection.execute(statement)


def sold(site: stack.Stack, rounds: int, before: int) -> Figures:
    """CPU microseconds by step and kind, a figure a round."""
    earlier = site.make_show(seats=before * 2 // 3, price=1000)
    sale = make_sale(site, rounds * len(KINDS))
    random.shuffle(sale.seats)
    (guest,) = site.make_fans(1, balance=0)
    with site.connect() as connection:
        connection.execute(EARLIER, {"fan": guest.id, "schedule": earlier.schedule})
        return measure(connection, sale, list(KINDS), use, rounds)


def quietest(figures: Sequence[float]) -> float:
    """The mean of the quietest quarter of rounds: other work on the machine only ever adds to a figure."""
    return statistics.fmean(sorted(figures)[: len(figures) // 4])


def ratios(with_it: Sequence[float], without: Sequence[float]) -> list[str]:
    """What the index costs, by the pairs' median and by the quietest quarters, each with its 95 % interval."""
    pairs = list(zip(with_it, without, strict=True))
    drawn = [random.choices(pairs, k=len(pairs)) for _ in range(2000)]
    return [
        f"{ratio(pairs):.3f} ({low:.3f}-{high:.3f})"
        for ratio in (median_ratio, quiet_ratio)
        for low, *_, high in [statistics.quantiles([ratio(each) for each in drawn], n=40)]
    ]


def median_ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return statistics.median(a / b for a, b in pairs)


def quiet_ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return quietest([a for a, _ in pairs]) / quietest([b for _, b in pairs])


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what an index on the seat of a reservation costs.")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--before", type=int, default=150_000, help="reservations that are there already")
    options = parser.parse_args()
    with stack.running() as site:
        print(f"{stack.machine(site)}; {options.before:,} reservations before;", end=" ")
        print(f"{options.rounds} rounds of {FANS_A_ROUND} fans with two seats each.\n")
        figures = sold(site, options.rounds, options.before)
    rows = []
    for step, by_kind in figures.items():
        for kind, each in by_kind.items():
            rows.append([step, kind, f"{quietest(each):,.0f}", *ratios(each, by_kind[BASE])])
    head = ["", "indexes", "CPU, µs (quietest quarter)", "ratio, median (95 %)", "ratio, quietest quarters (95 %)"]
    print(stack.table(head, rows))


if __name__ == "__main__":
    main()
