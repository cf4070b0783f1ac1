#!/usr/bin/env python
"""How long the pages of staff, and what reads most, take in a house with a million reservations.

    .venv/bin/python bench/full_size.py [--rows 1000000] [--slow 200]

It fills a database of its own as audit_million.py does, with one fan who has 2,000 bookings and another whose ledger
has 10,000 entries, and opens every list of the admin with its filters, searches and sorts, the pages of a date, the
fans' own lists, and what beat asks for. Each is opened twice; the second time counts. What is slow is printed with
the plans of its slow statements.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_million import fill, own_database

if TYPE_CHECKING:
    from django.test import Client

BOOKINGS, ENTRIES = 2_000, 10_000
STAFF, HOARDER, SPENDER = "staff@frontrow.example", "fan1@frontrow.example", "fan2@frontrow.example"

# Whoever waits has an account; the mails of a house this old are sent; and what fan 1 and fan 2 have besides comes
# from shows of long ago.
MORE = f"""
set session_replication_role = replica;
insert into users (id, email, name, password, is_active, is_staff, is_superuser, locale)
select n, 'fan' || n || '@frontrow.example', '', '', true, false, false, ''
  from generate_series((select max(id) + 1 from users), (select max(user_id) from waiting_token)) n;
update payment set confirmed_mail_at = now(), canceled_mail_at = case state when 'CANCELED' then now() end
 where id % 1000 > 0;
select setval(pg_get_serial_sequence('reservation', 'id'), (select max(id) from reservation));
insert into reservation (booking_reference, concert_id, concert_schedule_id, concert_seat_id, user_id, concert_name,
                         concert_date, price, status, created_at, updated_state_at)
select 'HOARD' || n, s.concert_id, s.concert_schedule_id, s.id, 1, 'Earlier', current_date - 100, s.seat_price,
       'CANCELED', now(), now()
  from (select row_number() over () n, * from concert_seat order by id desc limit {BOOKINGS}) s;
insert into balance_history (balance_id, user_id, kind, amount, amount_after, note, created_at, updated_at)
select 2, 2, 'CHARGE', 1, n, '', now(), now() from generate_series(1, {ENTRIES}) n;
select setval(pg_get_serial_sequence('users', 'id'), (select max(id) from users));
set session_replication_role = default;
analyze;
"""
LATER = "2031-01-01 00:00:00%2B00:00"
LISTS = {
    "reservations/concert": ["q=Concert 7", "status__exact=AVAILABLE"],
    "reservations/concertschedule": ["q=Concert 7", "state=SOLD_OUT", "state=OPEN", "queue_paused__exact=1"],
    "reservations/concertseat": [
        "concert_schedule__id__exact=7",
        "concert_schedule__id__exact=7&section=A&q=A 12",
        "concert_schedule__id__exact=7&status__exact=AVAILABLE",
        "q=A 12",
        "status__exact=AVAILABLE",
        "status__exact=TEMPORARY",
        "accessible__exact=1",
        "concert_schedule__id__exact=7&o=4",
        "p=90",
    ],
    "reservations/reservation": [
        "q=B77",
        "q=fan77",
        "q=nobody",
        "status__exact=RESERVING",
        "status__exact=CANCELED",
        "concert_schedule__id__exact=7",
        "concert_schedule__id__exact=7&status__exact=RESERVING",
        "p=90",
    ],
    "queueing/waitingtoken": [
        "q=777777",
        "q=fan77",
        "q=nobody",
        "concert_schedule__id__exact=1&status__exact=WAITING",
        "status__exact=ACTIVE",
        "expired_reason__exact=SOLD_OUT",
        "p=90",
    ],
    "payments/payment": [
        "q=fan77",
        "q=B77",
        "q=nobody",
        "state__exact=CANCELED",
        "schedule=7",
        "schedule=7&state__exact=CANCELED",
        f"created_at__gte={LATER}",
    ],
    "wallet/balance": ["q=fan77", "q=nobody", "o=1", "o=2", f"last_updated_at__gte={LATER}"],
    "wallet/balancehistory": ["q=fan77", "kind__exact=ADJUSTMENT", "user__id__exact=2", f"created_at__gte={LATER}"],
    "accounts/user": ["q=fan77", "q=nobody", "is_staff__exact=1", f"last_login__gte={LATER}", "o=1"],
    "admin/logentry": ["q=fan77"],
    "django_celery_beat/periodictask": [],
}
DATE = "/admin/reservations/concertschedule/7/"


@dataclass(frozen=True)
class Statement:
    """What was asked of the database, and how long it took."""

    seconds: float
    sql: str
    params: Any  # Any: of every type


@dataclass(frozen=True)
class Look:
    """One thing that was opened: how long it took, and its statements."""

    name: str
    seconds: float
    statements: list[Statement]

    @property
    def in_database(self) -> float:
        return sum(each.seconds for each in self.statements)


def prepare(rows: int) -> None:
    from django.db import connection

    from concert_site.accounts.models import User

    fill(rows)
    with connection.cursor() as cursor:
        cursor.execute(MORE)
    User.objects.create_superuser(STAFF, "none")


def pages() -> Iterator[tuple[str, str]]:
    """Who opens which addresses."""
    yield STAFF, "/admin/"
    for name, queries in LISTS.items():
        yield STAFF, f"/admin/{name}/"
        yield from ((STAFF, f"/admin/{name}/?{query}") for query in queries)
    for name in ("change", "map", "delete", "remove-seats", "waiting-room", "copy", "history"):
        yield STAFF, f"{DATE}{name}/"
    yield STAFF, "/admin/reservations/concert/7/delete/"
    yield STAFF, "/admin/reservations/reservation/777777/change/"
    yield STAFF, "/admin/accounts/user/77/change/"
    yield STAFF, "/admin/payments/payment/refund-schedule/7/"
    yield HOARDER, "/bookings/"
    yield HOARDER, "/bookings/?show=canceled"
    yield HOARDER, "/bookings/?show=canceled&page=200"
    yield SPENDER, "/wallet/"


def questions() -> dict[str, Callable[[], object]]:
    """What is asked without a page."""
    from payments.domain import mail_sending, schedule_refunds
    from payments.queries import mails

    return {
        "mails that are owed, found": lambda: list(mail_sending.due_mails()),
        "a mail's payments, read": lambda: list(mails.payments_of_mail(next(mails.owed_mails(mails.CONFIRMED)))),
        "what is to be refunded of a date": lambda: schedule_refunds.to_refund(7),
        "a batch of a date's refunds": lambda: list(schedule_refunds.paid_of(7).filter(pk__gt=0)[:100]),
        "what was refunded of a date": lambda: schedule_refunds.refunded_so_far(7),
    }


def hall_without_bookings(seats: int) -> int:
    from datetime import timedelta

    from django.db import connection

    from reservations.domain import concerts, schedules
    from reservations.halls.hall import plain_hall

    with connection.cursor() as cursor:
        for table in ("concert", "concert_schedule", "concert_seat"):
            cursor.execute(f"select setval(pg_get_serial_sequence('{table}', 'id'), (select max(id) from {table}))")
    now = schedules.database_now()
    times = schedules.ScheduleTimes(now, now + timedelta(days=1), now + timedelta(days=1))
    return concerts.create_concert(name="Mistyped", hall=plain_hall(seats, 1000), times=times).schedule_id


def removal() -> Look:
    from reservations.domain import seat_setup

    schedule_id = hall_without_bookings(20_000)
    return timed("20,000 seats removed from a date", lambda: seat_setup.remove_seats(schedule_id=schedule_id))


def timed(name: str, step: Callable[[], object]) -> Look:
    """Do it, with its statements."""
    from django.db import connection

    statements: list[Statement] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # Any: Django's hook
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            statements.append(Statement(time.perf_counter() - began, sql, params))

    with connection.execute_wrapper(note):
        began = time.perf_counter()
        step()
        seconds = time.perf_counter() - began
    return Look(name, seconds, statements)


def looks() -> Iterator[Look]:
    """Everything, from warm caches."""
    from django.test import Client

    from concert_site.accounts.models import User

    clients = {email: Client() for email in (STAFF, HOARDER, SPENDER)}
    for email, client in clients.items():
        client.force_login(User.objects.get(email=email), backend="allauth.account.auth_backends.AuthenticationBackend")
    steps: dict[str, Callable[[], object]] = {url: opening(clients[who], url) for who, url in pages()}
    for name, step in (steps | questions()).items():
        step()
        yield timed(name, step)


def opening(client: "Client", url: str) -> Callable[[], object]:
    def step() -> None:
        status = client.get(url).status_code
        if status != 200:
            print(f"{status} for {url}")

    return step


def explain(look: Look, slow: float) -> None:
    from django.db import connection

    for each in look.statements:
        if each.seconds > slow / 2 and each.sql.lower().lstrip().startswith(("select", "with")):
            with connection.cursor() as cursor:
                cursor.execute("explain (analyze, buffers) " + each.sql, each.params)
                plan = [row[0] for row in cursor.fetchall()]
            print(f"\n{look.name}\n{each.sql}\n{each.params}\n", *plan, sep="\n")


def measure(slow: float) -> None:
    """Open everything, and tell."""
    found = [*looks(), removal()]
    for look in found:
        mark = "SLOW" if look.seconds > slow else ""
        print(f"{look.seconds * 1000:7.0f} ms, database {look.in_database * 1000:7.0f} ms  {look.name} {mark}")
    for look in found:
        if look.seconds > slow:
            explain(look, slow)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the pages of staff at full size.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="seats, reservations and tokens to make")
    parser.add_argument("--slow", type=float, default=200, help="milliseconds")
    options = parser.parse_args()
    with own_database():
        prepare(options.rows)
        measure(options.slow / 1000)


if __name__ == "__main__":
    main()
