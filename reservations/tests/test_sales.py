"""The public facts of a schedule."""

from dataclasses import fields
from datetime import timedelta
from hashlib import sha256

import pytest
from django.utils.timezone import now

from queueing.facts import SaleState
from reservations.models import ConcertSchedule
from reservations.queries import sales
from reservations.queries.sales import sale_of, sales_of_concerts
from reservations.tests.factories import make_concert, make_schedule

pytestmark = pytest.mark.django_db


def test_sale_tells_the_facts_and_the_hash_of_the_seed():
    schedule = make_schedule(tickets_per_fan=3, queue_max_active=7, queue_paused=True, queue_message="Soon")
    schedule.refresh_from_db()

    sale = sale_of(schedule.pk)

    assert (sale.schedule_id, sale.concert_id) == (schedule.pk, schedule.concert_id)
    assert (sale.tickets_per_fan, sale.max_active) == (3, 7)
    assert (sale.is_paused, sale.message) == (True, "Soon")
    assert sale.deadline_at == schedule.deadline_at
    assert sale.seed_hash == sha256(schedule.draw_seed).hexdigest()


def test_sale_never_holds_the_seed_before_the_draw():
    schedule = make_schedule()
    schedule.refresh_from_db()
    sale = sale_of(schedule.pk)

    told = [getattr(sale, field.name) for field in fields(sale)]

    assert bytes(schedule.draw_seed) not in told
    assert bytes(schedule.draw_seed).hex() not in told
    assert sale.seed is None


def test_sale_tells_the_seed_once_the_numbers_are_drawn():
    schedule = make_schedule(drawn_at=now())

    sale = sale_of(schedule.pk)

    assert sha256(bytes.fromhex(sale.seed)).hexdigest() == sale.seed_hash


def test_sale_is_read_once_a_second(django_assert_num_queries):
    schedule = make_schedule()

    with django_assert_num_queries(1):
        sale_of(schedule.pk)
    with django_assert_num_queries(0):
        sale_of(schedule.pk)


def test_unknown_schedule_has_no_sale_and_is_asked_for_once(django_assert_num_queries):
    with django_assert_num_queries(1):
        assert sale_of(10**17) is None
        assert sale_of(10**17) is None


def test_facts_are_good_for_a_second_from_the_question_on():
    schedule = make_schedule()

    _, seconds = sales._read(schedule.pk)

    assert 0 < seconds < 1


def test_sales_of_concerts_are_one_query_by_date(django_assert_num_queries):
    concert = make_concert()
    late = make_schedule(concert, concert_at=now() + timedelta(days=9))
    early = make_schedule(concert, concert_at=now() + timedelta(days=3))

    with django_assert_num_queries(1):
        found = sales_of_concerts([concert.pk])

    assert [sale.schedule_id for sale in found] == [early.pk, late.pk]


@pytest.mark.parametrize(
    ("opens_in", "closes_in", "is_sold_out", "expected"),
    [
        (1.01, 2, False, SaleState.UPCOMING),
        (1, 2, False, SaleState.LOBBY),
        (0.01, 2, False, SaleState.LOBBY),
        (0, 2, False, SaleState.OPEN),
        (-1, 2, False, SaleState.OPEN),
        (-1, 2, True, SaleState.SOLD_OUT),
        (1, 2, True, SaleState.SOLD_OUT),
        (-1, 0, False, SaleState.CLOSED),
        (-2, -1, True, SaleState.CLOSED),
    ],
)
def test_a_sale_stands_where_its_times_and_seats_put_it(opens_in, closes_in, is_sold_out, expected):
    moment = now()
    schedule = make_schedule(
        reservation_available_at=moment + timedelta(hours=opens_in),
        deadline_at=moment + timedelta(hours=closes_in),
    )

    assert sale_of(schedule.pk).sale_state_at(moment, is_sold_out=is_sold_out) == expected


def test_without_a_lobby_a_sale_is_upcoming_until_it_opens(settings):
    settings.LOBBY_SECONDS = 0
    moment = now()
    sale = sale_of(make_schedule(reservation_available_at=moment + timedelta(seconds=1)).pk)

    assert sale.lobby_at == sale.opens_at
    assert sale.sale_state_at(moment, is_sold_out=False) == SaleState.UPCOMING
    assert sale.sale_state_at(sale.lobby_at, is_sold_out=False) == SaleState.OPEN


def test_sale_of_an_unavailable_concert_is_closed():
    schedule = make_schedule(make_concert(status="UNAVAILABLE"))

    assert sale_of(schedule.pk).sale_state_at(now(), is_sold_out=False) == SaleState.CLOSED


def test_sale_carries_on_the_time_of_the_database():
    sale = sale_of(make_schedule().pk)

    assert sale.read_at < sale.now < sale.read_at + timedelta(seconds=5)


def test_each_schedule_has_a_seed_of_its_own():
    assert sale_of(make_schedule().pk).seed_hash != sale_of(make_schedule().pk).seed_hash
    assert ConcertSchedule.objects.count() == 2
