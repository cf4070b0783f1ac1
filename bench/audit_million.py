#!/usr/bin/env python
"""How long the audit takes over a million seats, reservations, payments, ledger rows and tokens.

    .venv/bin/python bench/audit_million.py [--rows 1000000]

It fills a database of its own (a test database beside the configured one, dropped afterwards), as a house
that sold out a hundred times would have left it: every tenth reservation refunded and its seat sold again.
The database role must be a superuser, because foreign keys are not checked while filling.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SEATS_A_SHOW = 10_000

# Seat i of show s is paid by fan (i / 4): four tickets each, so the number of fans is a quarter of the rows.
FILL = """
SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO users (id, email, name, password, is_active, is_staff, is_superuser, locale)
SELECT f, 'fan' || f || '@frontrow.example', '', '', true, false, false, '' FROM generate_series(1, {fans}) f;
INSERT INTO concert (id, name, host, description, status, poster)
SELECT s, 'Concert ' || s, '', '', 'AVAILABLE', '' FROM generate_series(1, {shows}) s;
INSERT INTO concert_schedule (id, concert_id, concert_date, concert_at, reservation_available_at, deadline_at,
                              layout, draw_seed, limits_changed_at)
SELECT s, s, current_date + 30, now() + '30 days', now() - '1 day'::interval, now() + '1 day',
       '{{}}', '', now() - '2 days'::interval FROM generate_series(1, {shows}) s;
INSERT INTO concert_seat (id, concert_id, concert_schedule_id, user_id, section, row, seat_number,
                          seat_label, seat_guid, seat_price, category, row_index, x, y, accessible,
                          status, reserved_at)
SELECT i, s, s, (i - 1) / 4 + 1, 'A', (i / 100)::text, i % 100, i::text, i::text, 99000, 'R', 0, 0, 0, false,
       'RESERVED', now() - '1 hour'::interval
FROM (SELECT i, (i - 1) / {seats_a_show} + 1 AS s FROM generate_series(1, {rows}) i) q;
-- the refunded tenth comes first, then the paid ones
INSERT INTO reservation (id, booking_reference, concert_id, concert_schedule_id, concert_seat_id, user_id,
                         concert_name, concert_date, price, status, idempotency_key, request_hash,
                         created_at, updated_state_at)
SELECT i, 'B' || i / 2, s, s, seat, (seat - 1) / 4 + 1, 'Concert ' || s, current_date + 30, 99000,
       CASE WHEN i <= {refunds} THEN 'CANCELED' ELSE 'RESERVED' END,
       CASE WHEN i % 2 = 0 THEN 'key-' || i END, CASE WHEN i % 2 = 0 THEN repeat('0', 64) END,
       now() - '1 hour'::interval, now() - '1 hour'::interval
FROM (SELECT i, seat, (seat - 1) / {seats_a_show} + 1 AS s
      FROM (SELECT i, CASE WHEN i <= {refunds} THEN i * 10 ELSE i - {refunds} END AS seat
            FROM generate_series(1, {rows} + {refunds}) i) q) q;
INSERT INTO payment (id, reservation_id, user_id, price, state, refund_fee, created_at, updated_state_at)
SELECT id, id, user_id, price, CASE WHEN status = 'RESERVED' THEN 'COMPLETED' ELSE 'CANCELED' END,
       CASE WHEN status = 'CANCELED' THEN 9900 END, updated_state_at, updated_state_at FROM reservation;
INSERT INTO balance_history (balance_id, user_id, kind, amount, amount_after, payment_id, note,
                             created_at, updated_at)
SELECT fan, fan, kind, amount, sum(amount) OVER (PARTITION BY fan ORDER BY step, payment), payment, '',
       now(), now()
FROM (SELECT f AS fan, 'CHARGE' AS kind, 1000000 AS amount, 0 AS step, NULL::bigint AS payment
        FROM generate_series(1, {fans}) f
      UNION ALL SELECT user_id, 'PAYMENT', -price, 1, id FROM payment
      UNION ALL SELECT user_id, 'REFUND', price - refund_fee, 2, id FROM payment WHERE state = 'CANCELED') q
ORDER BY fan, step, payment;
INSERT INTO balance (id, user_id, amount, last_updated_at)
SELECT balance_id, balance_id, sum(amount), now() FROM balance_history GROUP BY balance_id;
-- half of all tokens stand in the line of the first show, most of them still waiting
INSERT INTO waiting_token (user_id, concert_schedule_id, token, status, number, created_at, updated_active_at,
                           expired_at, expired_reason)
SELECT i, s, gen_random_uuid(), CASE WHEN i > {waiting_from} THEN 'WAITING' ELSE 'EXPIRED' END, i,
       now() - '2 hours'::interval + i * interval '1 ms',
       CASE WHEN i <= {waiting_from} THEN now() - '1 hour'::interval + i * interval '2 ms' END,
       CASE WHEN i <= {waiting_from} THEN now() END, CASE WHEN i <= {waiting_from} THEN 'TIME_OVER' END
FROM (SELECT i, CASE WHEN i > {rows} / 2 THEN 1 ELSE i % {shows} + 1 END AS s
      FROM generate_series(1, {rows}) i) q;
SET session_replication_role = DEFAULT;
ANALYZE;
"""


@contextmanager
def own_database() -> Iterator[None]:
    """A database of our own beside that of the configured services, or of embedded ones in a folder of this bench."""
    if "DATABASE_URL" not in os.environ and "DATA_DIR" not in os.environ:
        os.environ |= {"MODE": "test", "DATA_DIR": str(ROOT / ".data-bench")}
    from concert_site.embedded.environment import prepared

    with prepared(["manage.py", "audit"]):
        import django

        django.setup()
        from django.db import connection

        name = connection.settings_dict["NAME"]
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        try:
            yield
        finally:
            connection.creation.destroy_test_db(name, verbosity=0)


def fill(rows: int) -> None:
    from django.db import connection

    sizes = {"fans": rows // 4 + 1, "shows": rows // SEATS_A_SHOW + 1, "seats_a_show": SEATS_A_SHOW}
    statements = FILL.format(rows=rows, refunds=rows // 10, waiting_from=rows * 6 // 10, **sizes)
    with connection.cursor() as cursor:
        cursor.execute(statements)


def measure(rows: int) -> None:
    """Fill, audit twice (the second time from warm caches), and tell."""
    from django.db import connection

    from concert_site.operations import audit

    began = time.perf_counter()
    fill(rows)
    print(f"filled {rows:,} rows a table in {time.perf_counter() - began:.1f} s")
    for run in ("first", "second"):
        began = time.perf_counter()
        findings = audit.run()
        print(f"{run} audit: {time.perf_counter() - began:.1f} s")
    print(*findings, sep="\n")
    with connection.cursor() as cursor:
        for check in audit.CHECKS:
            began = time.perf_counter()
            cursor.execute("SET max_parallel_workers_per_gather = 2; SET work_mem = '128MB'")
            audit.breaches_of(check, cursor)
            print(f"invariant {check.invariant}: {time.perf_counter() - began:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the audit.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="seats, reservations and tokens to make")
    rows = parser.parse_args().rows
    with own_database():
        measure(rows)


if __name__ == "__main__":
    main()
