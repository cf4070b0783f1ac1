#!/usr/bin/env python
"""What the state triggers cost a hold and a payment.

    .venv/bin/python bench/fsm_trigger.py [--rounds 20]

Three kinds in turns, on one database: the product's trigger with its WHEN clause, django-pgtrigger's plain FSM
trigger (the same function, called for each changed row), and none. The loop over the fans runs inside PostgreSQL,
a transaction each without waiting for the disk, so that nothing but the server's own work is measured: the CPU time
of its process, which other work on the machine disturbs less than the clock on the wall.
"""

import argparse
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import stack
from stack import INSIDE
from turns import turned

FANS_A_ROUND = 100
# Switching triggers throws plans away; these make them anew, unmeasured.
WARMING_FANS = 10
TABLES = {"concert_seat": "status", "reservation": "status", "waiting_token": "status", "payment": "state"}
KINDS = ("with WHEN", "plain FSM", "no trigger")

LOOPS = """
create procedure hold_all(p_schedule bigint, p_fans bigint[], p_seats bigint[]) language plpgsql as $$
declare
    v_tokens uuid[] := array(
        select t.token from unnest(p_fans) with ordinality f (id, n)
          join waiting_token t on t.user_id = f.id and t.concert_schedule_id = p_schedule order by f.n);
begin
    for i in 1..cardinality(p_fans) loop
        perform hold_seats(p_fans[i], p_schedule, array[p_seats[2 * i - 1], p_seats[2 * i]], v_tokens[i],
                           'BENCH' || p_seats[2 * i], null, null, 300, 600, 5, 10, null);
        commit;
    end loop;
end $$;
create procedure pay_all(p_fans bigint[]) language plpgsql as $$
declare
    v_fan bigint;
begin
    foreach v_fan in array p_fans loop
        perform pay_reservations(v_fan, array(select id from reservation where user_id = v_fan), null);
        commit;
    end loop;
end $$;
"""
Connection = psycopg.Connection[Any]  # Any: rows of any shape
Figures = dict[str, dict[str, list[float]]]


def trigger_of(connection: Connection, table: str) -> tuple[str, str]:
    found = connection.execute(
        "select tgname, tgfoid::regproc::text from pg_trigger where tgrelid = %s::regclass and tgname like %s",
        [table, f"%legal_{TABLES[table]}%"],
    ).fetchone()
    if found is None:
        raise SystemExit(f"{table} has no state trigger.")
    name, function = found
    return name, function


def make_plain_triggers(connection: Connection) -> None:
    """Beside each product trigger one without the WHEN clause, as django-pgtrigger makes it."""
    for table in TABLES:
        _, function = trigger_of(connection, table)
        connection.execute(
            f"create trigger bench_plain before update on {table} for each row execute function {function}()"
        )


def use(connection: Connection, kind: str) -> None:
    for table in TABLES:
        name, _ = trigger_of(connection, table)
        product = "enable" if kind == KINDS[0] else "disable"
        plain = "enable" if kind == KINDS[1] else "disable"
        connection.execute(f'alter table {table} {product} trigger "{name}", {plain} trigger bench_plain')


@dataclass
class Sale:
    """What is left to be sold, and to whom."""

    schedule: int
    seats: list[int]
    fans: list[int]

    def take(self, count: int) -> tuple[list[int], list[int]]:
        """So many fans, and two seats for each."""
        fans, self.fans = self.fans[:count], self.fans[count:]
        seats, self.seats = self.seats[: 2 * count], self.seats[2 * count :]
        return fans, seats


def cpu_of(connection: Connection, call: str, parameters: Sequence[object]) -> float:
    """CPU microseconds that the server's process spent on a call, as Linux counts them: to the nanosecond."""
    spent = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    before = int(spent.read_text().split()[0])
    connection.execute(call, parameters)
    return (int(spent.read_text().split()[0]) - before) / 1000


def sell(connection: Connection, sale: Sale, count: int) -> dict[str, float]:
    """Hold and pay for some fans; CPU microseconds of each step."""
    fans, seats = sale.take(count)
    return {
        "hold": cpu_of(connection, "call hold_all(%s, %s, %s)", [sale.schedule, fans, seats]),
        "pay": cpu_of(connection, "call pay_all(%s)", [fans]),
    }


def measure(
    connection: Connection, sale: Sale, kinds: Sequence[str], use: Callable[[Connection, str], None], rounds: int
) -> Figures:
    """Sell to all of `sale`, each kind in its turn; CPU microseconds by step and kind, a figure a round."""
    figures: Figures = {step: {kind: [] for kind in kinds} for step in ("hold", "pay")}
    count = len(sale.fans)
    connection.execute(INSIDE, {"schedule": sale.schedule, "fans": sale.fans})
    connection.execute(LOOPS)
    connection.execute("set synchronous_commit = off; set plan_cache_mode = force_generic_plan; analyze")
    for turn in range(rounds):
        for kind in turned(list(kinds), turn):
            use(connection, kind)
            sell(connection, sale, WARMING_FANS)
            for step, spent in sell(connection, sale, FANS_A_ROUND).items():
                figures[step][kind].append(spent / FANS_A_ROUND)
    check(connection, sale.schedule, count)
    return figures


def make_sale(site: stack.Stack, rounds: int) -> Sale:
    """Two seats for each fan of so many rounds of some kinds."""
    count = (FANS_A_ROUND + WARMING_FANS) * rounds
    show = site.make_show(seats=2 * count, max_active=1_000_000, price=1000)
    return Sale(show.schedule, show.seats, [fan.id for fan in site.make_fans(count, balance=2000)])


def check(connection: Connection, schedule: int, count: int) -> None:
    """Insist that everything was sold: refusals would be quick, and no measurement."""
    sold = "select count(*) from concert_seat where concert_schedule_id = %s and status = 'RESERVED'"
    if connection.execute(sold, [schedule]).fetchone() != (2 * count,):
        raise SystemExit("Not every hold was paid: the figures mean nothing.")


def ratio_table(what: str, figures: Mapping[str, Mapping[str, Sequence[float]]], base: str) -> str:
    """CPU time of each step under each kind, and its ratio to the kind `base` round by round."""
    rows = []
    for step, by_kind in figures.items():
        for kind, each in by_kind.items():
            ratios = [a / b for a, b in zip(each, by_kind[base], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            rows.append([step, kind, f"{statistics.median(each):,.0f}", f"**{middle:.3f}** ({low:.3f}-{high:.3f})"])
    return stack.table(["", what, "CPU, µs (median)", "ratio to none (quartiles)"], rows)


def compare(
    kinds: Sequence[str],
    use: Callable[[Connection, str], None],
    prepare: Callable[[Connection], None] = lambda _connection: None,
) -> None:
    """Measure these kinds on a site of their own, and print the table; ratios are to the last."""
    parser = argparse.ArgumentParser(description="Measure what triggers cost a hold and a payment.")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with stack.running() as site:
        print(f"{stack.machine(site)}; {options.rounds} rounds of {FANS_A_ROUND} fans with two seats each.\n")
        sale = make_sale(site, options.rounds * len(kinds))
        with site.connect() as connection:
            prepare(connection)
            figures = measure(connection, sale, kinds, use, options.rounds)
    print(ratio_table("triggers", figures, kinds[-1]))


if __name__ == "__main__":
    compare(KINDS, use, make_plain_triggers)
