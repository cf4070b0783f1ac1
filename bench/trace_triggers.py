#!/usr/bin/env python
"""What the triggers of the trace cost a hold and a payment, which they don't note.

    .venv/bin/python bench/trace_triggers.py [--rounds 20]

As bench/fsm_trigger.py measures: two kinds in turns, on one database, the CPU time of the server's process.
"""

import argparse

import stack
from fsm_trigger import FANS_A_ROUND, Connection, make_sale, measure, ratio_table

TABLES = {"traced": ("concert_seat", "reservation"), "seats alone": ("concert_seat",), "not traced": ()}
KINDS = tuple(TABLES)


def use(connection: Connection, kind: str) -> None:
    """Switch the triggers of the trace on or off."""
    for table in TABLES["traced"]:
        step = "enable" if table in TABLES[kind] else "disable"
        steps = ", ".join(f"{step} trigger trace_{operation}" for operation in ("insert", "update", "delete"))
        connection.execute(f"alter table {table} {steps}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what the trace costs those whom it doesn't note.")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with stack.running() as site:
        print(f"{stack.machine(site)}; {options.rounds} rounds of {FANS_A_ROUND} fans with two seats each.\n")
        sale = make_sale(site, options.rounds * len(KINDS))
        with site.connect() as connection:
            figures = measure(connection, sale, KINDS, use, options.rounds)
    print(ratio_table("triggers", figures, KINDS[-1]))


if __name__ == "__main__":
    main()
