#!/usr/bin/env python
"""What the triggers of the trace cost a hold and a payment, which they don't note.

    .venv/bin/python bench/trace_triggers.py [--rounds 20]

As bench/fsm_trigger.py measures: two kinds in turns, on one database, the CPU time of the server's process.
"""

from fsm_trigger import Connection, compare

TABLES = {"traced": ("concert_seat", "reservation"), "seats alone": ("concert_seat",), "not traced": ()}


def use(connection: Connection, kind: str) -> None:
    """Switch the triggers of the trace on or off."""
    for table in TABLES["traced"]:
        step = "enable" if table in TABLES[kind] else "disable"
        steps = ", ".join(f"{step} trigger trace_{operation}" for operation in ("insert", "update", "delete"))
        connection.execute(f"alter table {table} {steps}")


if __name__ == "__main__":
    compare(tuple(TABLES), use)
