"""The hot statements find their rows by index, in a house as full as after a season of sales.

PostgreSQL counts what a transaction scans. The house is one transaction around all tests of this module, each of
which is a savepoint in it.
"""

from functools import partial

import pytest
from django.db import connection, transaction

from concert_site.tests import scans
from concert_site.tests.mutants import run
from payments.domain import refunds
from payments.queries.mails import CANCELED, CONFIRMED, owed_mails, owed_payments, payments_of_mail
from payments.tests.scenes import make_fan, pay, payments_in
from reservations.domain import holds
from reservations.models import Reservation
from reservations.queries import bookings
from reservations.queries.held_now import held_now
from reservations.tests.scenes import HOLD, LAPSED, NOW, Sale, hold, in_order, let_in, make_sale

TABLES = ["concert_seat", "reservation", "waiting_token", "balance", "payment", "balance_history"]
FANS, SEATS, BOOKED, LIVE = 5_000, 50_000, 25_000, 1_000
FULL_HOUSE = """
set local session_replication_role = replica;
create temp table fan on commit drop as
    with made as (
        insert into users (email, name, password, is_active, is_staff, is_superuser, locale)
        select 'crowd' || n || '@example.com', '', '', true, false, false, '' from generate_series(1, {fans}) n
        returning id)
    select row_number() over (order by id) - 1 as nth, id from made;
create unique index on fan (nth);
insert into concert_seat (concert_id, concert_schedule_id, user_id, section, "row", seat_number, seat_label, seat_guid,
    seat_price, category, row_index, x, y, accessible, status, expired_at, reserved_at)
select {concert}, {schedule}, case when n <= {booked} / 2 then fan.id end, 'B', n / 1000, n % 1000, '', 'B' || n,
       50000, 'R', 0, 0, 0, false,
       case when n <= {live} then 'TEMPORARY' when n <= {booked} / 2 then 'RESERVED' else 'AVAILABLE' end,
       case when n <= {live} then '{later}'::timestamptz end,
       case when n > {live} and n <= {booked} / 2 then '{now}'::timestamptz end
  from generate_series(1, {seats}) n join fan on fan.nth = n % {fans};
insert into reservation (booking_reference, concert_id, concert_schedule_id, concert_seat_id, user_id, concert_name,
    concert_date, price, status, expired_at, created_at, updated_state_at)
select 'B' || n, {concert}, {schedule}, seat.id, fan.id, '', '2031-05-31', 50000,
       case when n <= {live} then 'RESERVING' when n <= {booked} / 2 then 'RESERVED' else 'CANCELED' end,
       case when n <= {live} then '{later}'::timestamptz end, '{now}', '{now}'
  from (select id, row_number() over (order by id) as n from concert_seat where section = 'B') seat
  join fan on fan.nth = seat.n % {fans}
 where seat.n <= {booked};
insert into waiting_token (user_id, concert_schedule_id, token, status, number, created_at, updated_active_at,
    entered_at, expired_at, expired_reason)
select fan.id, {schedule}, gen_random_uuid(), case when n <= {live} then 'ACTIVE' else 'EXPIRED' end, n + 1000000,
       '{now}', '{now}', '{now}', '{later}', case when n > {live} then 'TIME_OVER' end
  from generate_series(1, {booked}) n join fan on fan.nth = n % {fans};
insert into balance (user_id, amount, last_updated_at) select id, 0, '{now}' from fan;
insert into payment (reservation_id, user_id, price, state, confirmed_mail_at, created_at, updated_state_at)
select id, user_id, price, 'COMPLETED', '{now}', '{now}', '{now}' from reservation where status = 'RESERVED';
set local session_replication_role = origin;
"""


scans_of = partial(scans.scans_of, tables=TABLES)

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def full_house(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        with transaction.atomic():
            yield filled()
            transaction.set_rollback(True)
        # What was rolled back still lies in the files, and would slow down every test that comes after.
        run(f"vacuum users, {', '.join(TABLES)}")


def filled() -> Sale:
    """The house, with eight free seats."""
    sale = make_sale(seats=8)
    ids = {"concert": sale.schedule.concert_id, "schedule": sale.pk, "now": NOW, "later": LAPSED + HOLD}
    run(FULL_HOUSE.format(fans=FANS, seats=SEATS, booked=BOOKED, live=LIVE, **ids), f"analyze {', '.join(TABLES)}")
    return sale


@pytest.fixture
def sale(full_house) -> Sale:
    return full_house


def test_control_the_tables_are_full(full_house):
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*), (select count(*) from reservation), (select count(*) from payment) from concert_seat"
        )
        assert cursor.fetchone() == (SEATS + 8, BOOKED, BOOKED // 2 - LIVE)


@pytest.mark.parametrize("nth", [(0,), (0, 1, 2, 3)])
def test_a_hold_reads_a_few_rows_by_index(sale, nth):
    fan = make_fan()
    let_in(fan, sale)

    whole, fetched = scans_of(lambda: hold(fan, sale, *nth))

    assert whole == set()
    assert {"concert_seat", "waiting_token"} <= set(fetched)
    assert sum(fetched.values()) <= 20 + 10 * len(nth)


def test_a_hold_that_takes_over_and_releases_reads_a_few_rows_by_index(sale):
    fan = make_fan()
    hold(fan, sale, 0, 1, 2, 3)
    hold(make_fan(), sale, 4)

    whole, fetched = scans_of(lambda: hold(fan, sale, 4, 5, now=LAPSED))

    assert whole == set()
    assert sum(fetched.values()) <= 100


def test_a_refused_hold_reads_a_few_rows_by_index(sale):
    fan = make_fan()
    hold(make_fan(), sale, 0)
    let_in(fan, sale)

    def lose():
        with pytest.raises(holds.SeatUnavailable):
            hold(fan, sale, 0, 1)

    whole, fetched = scans_of(lose)

    assert whole == set()
    assert sum(fetched.values()) <= 12


@pytest.mark.parametrize("nth", [(0,), (0, 1, 2, 3)])
def test_a_payment_reads_a_few_rows_by_index(sale, nth):
    fan = make_fan(balance=200_000)
    reservations = in_order(hold(fan, sale, *nth))

    whole, fetched = scans_of(lambda: pay(fan, *reservations))

    assert whole == set()
    assert {"concert_seat", "reservation", "balance"} <= set(fetched)
    assert sum(fetched.values()) <= 20 + 12 * len(nth)


def test_release_lapsed_reads_lapsed_rows_alone(sale):
    for nth in range(8):
        hold(make_fan(), sale, nth)
    released = []

    whole, fetched = scans_of(lambda: released.append(holds.release_lapsed(now=LAPSED)))

    assert released == [8]
    assert whole == set()
    assert sum(fetched.values()) <= 8 * 8


def test_reading_ones_own_reservations_reads_them_alone(sale):
    fan = make_fan()
    hold(fan, sale, 0, 1)

    whole, fetched = scans_of(lambda: list(bookings.own_reservations(user_id=fan.pk)))

    assert whole == set()
    assert sum(fetched.values()) <= 20


def test_what_a_fan_holds_is_read_alone_on_every_page(sale):
    fan = make_fan()
    hold(fan, sale, 0, 1)

    whole, fetched = scans_of(lambda: held_now(user_id=fan.pk, now=NOW))
    nothing, read_in_vain = scans_of(lambda: held_now(user_id=make_fan().pk, now=NOW))

    assert whole == nothing == set()
    assert sum(fetched.values()) <= 4
    assert sum(read_in_vain.values()) == 0


def test_the_mails_that_are_owed_are_found_by_themselves(sale):
    fan = make_fan(balance=200_000)
    (refunded, *_) = payments_in(pay(fan, *in_order(hold(fan, sale, 0, 1, 2))))
    refunds.cancel(user_id=fan.pk, reservation_id=refunded.reservation_id, now=NOW)
    found = []

    def find_owed():
        for kind in (CONFIRMED, CANCELED):
            found.extend((owed, len(payments_of_mail(owed))) for owed in owed_mails(kind))

    # Also once psycopg has seen the statement so often that it would prepare it.
    whole, fetched = scans_of(lambda: [find_owed() for _ in range(8)])

    assert [seats for _, seats in found[:2]] == [2, 1]
    assert whole <= {"concert_schedule"}
    # Some rows of the sale by index, versions that are no more among them; the house has 25,000.
    assert sum(fetched.values()) <= 8 * 100


@pytest.mark.parametrize(("kind", "index"), [(CONFIRMED, "confirmed"), (CANCELED, "canceled")])
def test_the_mails_that_are_owed_have_an_index_of_their_own(sale, kind, index):
    plan = owed_payments(kind).order_by("pk").filter(pk__gt=0)[:500].explain()

    assert f"using payment_owed_{index}_mail on payment" in plan


def test_an_orm_filter_on_status_uses_the_partial_index_also_when_repeated(sale):
    """psycopg prepares what it has sent five times; with a parameter for the status the index would be lost."""
    live = Reservation.objects.filter(status="RESERVING")

    whole, _ = scans_of(lambda: [live.count() for _ in range(8)])

    assert live.count() == LIVE
    assert "reservation" not in whole


def test_control_a_status_bound_on_the_server_reads_the_whole_table(sale):
    run("prepare by_status(text) as select count(*) from reservation where status = $1")

    whole, _ = scans_of(lambda: run("execute by_status('RESERVING')"))

    run("deallocate by_status")
    assert whole == {"reservation"}
