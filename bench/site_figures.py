#!/usr/bin/env python
"""What one scrape costs PostgreSQL: the statements of the site's figures, their times and plans over full tables.

    .venv/bin/python bench/site_figures.py [--rows 200000]

It fills a database of its own as bench/audit_million.py does, in which every payment is owed a mail at first (the worst
there is), then none. Exit code 1 if a statement walks through a table that grows with what was sold.
"""

import argparse
import re
import statistics
import sys
import time

from audit_million import fill, own_database

# Those that are filled here; an empty one is walked through, whatever its indexes.
GROWING = re.compile(r"Seq Scan on (payment|reservation|concert_seat|waiting_token|balance_history)\b")
ROUNDS = 15


def measure(state: str) -> int:
    """Tell times; how many statements walk through a growing table."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from concert_site.operations import site_figures

    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        site_figures.read_postgres()
        times.append(time.perf_counter() - began)
    with CaptureQueriesContext(connection) as caught:
        site_figures.read_postgres()
    statements = [each["sql"] for each in caught if each["sql"].lower().startswith("select")]
    walks = [sql for sql in statements if GROWING.search(plan_of(sql))]
    print(f"{state}: {len(statements)} statements, {statistics.median(times) * 1e3:.1f} ms (median of {ROUNDS})")
    for sql in walks:
        print(f"  walks through a table: {sql}")
    return len(walks)


def plan_of(sql: str) -> str:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"explain {sql}")
        return "\n".join(row[0] for row in cursor.fetchall())


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a scrape.")
    parser.add_argument("--rows", type=int, default=200_000, help="seats, reservations and tokens to make")
    rows = parser.parse_args().rows
    with own_database():
        from django.db import connection

        fill(rows)
        found = measure(f"{rows:,} seats sold, all mails owed")
        with connection.cursor() as cursor:
            cursor.execute("set session_replication_role = replica")
            cursor.execute(
                "update payment set confirmed_mail_at = now(),"
                " canceled_mail_at = case when state = 'CANCELED' then now() end"
            )
            cursor.execute("set session_replication_role = default")
            cursor.execute("vacuum analyze payment")
        found += measure(f"{rows:,} seats sold, no mail owed")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
