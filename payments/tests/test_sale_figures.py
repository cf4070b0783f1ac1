"""The figures of a sale that staff watch: right, cheap, and the same for everybody."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db.models import F

from concert_site.accounts.tests.factories import make_fan
from concert_site.lib.cache import clear_caches
from concert_site.lib.redis import client
from concert_site.tests.away import redis_away
from payments.domain import card_refunds
from payments.models import Payment
from payments.queries import sale_figures
from payments.queries.sale_figures import as_kept, carried_on, from_kept
from payments.queries.sale_snapshots import body_key, figures_of, fresh_figures_of, fresh_key
from payments.tests.scenes import buy
from queueing.models import WaitingToken
from reservations.models import ConcertSchedule, ConcertSeat
from reservations.tests.factories import make_schedule, make_seats
from reservations.tests.scenes import hold, make_sale
from wallet.tests.factories import make_fan as make_fan_with_money

pytestmark = pytest.mark.django_db


def figures(sale):
    """The figures as they are now."""
    (found,) = sale_figures.read_figures([sale.pk])
    return found


def buy_now(sale, nth):
    """A seat that is paid this moment, by its own fan."""
    return buy(make_fan_with_money(balance=50_000), sale, nth, now=None)


def token(sale, status, **columns):
    return WaitingToken.objects.create(user=make_fan(), concert_schedule_id=sale.pk, status=status, **columns)


def shift(model, sale, seconds, *names):
    """Let these times of a sale's rows be so much longer ago."""
    rows = model.objects.filter(concert_schedule_id=sale.pk)
    rows.update(**{name: F(name) - timedelta(seconds=seconds) for name in names})


# --- What they count -------------------------------------------------------------------------------


def test_seats_and_money_are_what_the_tables_say():
    sale = make_sale(seats=6)
    for nth in range(3):
        buy_now(sale, nth)
    hold(make_fan(), sale, 3, now=None)
    ConcertSeat.objects.filter(pk=sale.seats[4]).update(status="UNAVAILABLE")
    first = Payment.objects.order_by("pk")[0].reservation_id
    card_refunds.refund_by_staff(reservation_id=first, actor_id=make_fan().pk, note="Test")

    found = figures(sale)

    assert (found.sold, found.held, found.remaining, found.off, found.seats) == (2, 1, 2, 1, 5)
    assert (found.revenue, found.revenue_lately, found.sold_lately) == (100_000, 100_000, 2)
    assert [(each.category, each.price, each.sold, each.held, each.left, each.off) for each in found.categories] == [
        ("R", 50_000, 2, 1, 2, 1)
    ]


def test_revenue_is_what_was_paid_and_not_what_the_seat_costs_today():
    sale = make_sale(seats=2)
    buy_now(sale, 0)
    ConcertSeat.objects.filter(pk=sale.seats[0]).update(seat_price=99_000)

    assert figures(sale).revenue == 50_000


def test_the_line_is_counted_by_what_became_of_each_fan():
    sale = make_sale(seats=1)
    moment = figures(sale).read_at
    inside = {"updated_active_at": moment, "expired_at": moment + timedelta(minutes=5)}
    over = {"updated_active_at": moment, "expired_at": moment}
    token(sale, "WAITING", number=5)
    token(sale, "WAITING", number=6)
    token(sale, "ACTIVE", number=4, entered_at=moment, **inside)
    token(sale, "ACTIVE", number=3, **inside)
    token(sale, "EXPIRED", number=2, entered_at=moment, expired_reason="PAID", **over)
    token(sale, "EXPIRED", number=1, expired_reason="NO_SHOW", **over)
    # Let in, never came, and no tick has tidied up yet.
    token(sale, "ACTIVE", number=7, updated_active_at=moment, expired_at=moment - timedelta(seconds=1))

    found = figures(sale)

    assert (found.waiting, found.gathered, found.inside, found.entered, found.no_shows) == (2, 0, 2, 2, 2)
    assert (found.joined_lately, found.admitted_lately, found.entered_lately, found.no_shows_lately) == (7, 5, 2, 2)


def test_what_is_a_minute_old_is_no_longer_lately_and_the_pace_is_of_five():
    sale = make_sale(seats=40)
    for nth in range(10):
        buy_now(sale, nth)
    shift(ConcertSeat, sale, 90, "reserved_at")

    found = figures(sale)

    assert (found.sold_lately, found.sold_in_five) == (0, 10)
    # Two a minute, and 30 are left.
    assert found.minutes_to_sold_out == 15
    shift(ConcertSeat, sale, 300, "reserved_at")
    assert figures(sale).minutes_to_sold_out is None


def test_sales_side_by_side_are_one_query(django_assert_num_queries):
    sales = [make_sale(seats=2) for _ in range(3)]

    with django_assert_num_queries(1):
        found = sale_figures.read_figures([sale.pk for sale in sales][::-1])

    assert [each.schedule_id for each in found] == [sale.pk for sale in sales][::-1]


# --- The last half hour ----------------------------------------------------------------------------


def test_a_sale_that_nobody_watched_has_its_line_from_the_rows():
    sale = make_sale(seats=4)
    moment = figures(sale).read_at
    buy_now(sale, 0)
    buy_now(sale, 1)
    ConcertSeat.objects.filter(pk=sale.seats[0]).update(reserved_at=moment - timedelta(minutes=10, seconds=5))
    ConcertSeat.objects.filter(pk=sale.seats[1]).update(reserved_at=moment - timedelta(minutes=5, seconds=5))
    WaitingToken.objects.all().delete()
    token(sale, "WAITING", number=1)
    WaitingToken.objects.update(created_at=moment - timedelta(minutes=2, seconds=5))

    (found,) = figures_of([sale.pk])

    sold = [values["sold"] for _at, values in found.samples]
    assert (len(sold), sold[0], sold[-12], sold[-10], sold[-7], sold[-5], sold[-1]) == (31, 0, 0, 1, 1, 2, 2)
    assert [values["revenue"] for _at, values in found.samples][-10] == 50_000
    assert [values["waiting"] for _at, values in found.samples][-5:] == [0, 0, 1, 1, 1]
    assert [values["held"] for _at, values in found.samples][-2:] == [None, 0]


def test_the_line_is_carried_on_a_sample_a_minute_and_begins_anew_after_a_gap():
    sale = make_sale(seats=1)
    found = figures(sale)
    at = found.read_at.timestamp()
    values = dict.fromkeys(sale_figures.DRAWN, 0)
    many = [(at - 60 * ago - 2, values) for ago in range(31)][::-1]

    assert carried_on(found, []) is None
    assert carried_on(found, [(at - 91, values)]) is None
    # The present gives way to the next, and stays once it is a minute older than the one before it.
    assert [round(at - when) for when, _ in carried_on(found, [(at - 62, values), (at - 2, values)])] == [62, 2, 0]
    assert [round(at - when) for when, _ in carried_on(found, [(at - 31, values), (at - 2, values)])] == [31, 0]
    assert len(carried_on(found, many)) == 31


def test_figures_are_the_same_after_a_stay_in_redis():
    sale = make_sale(seats=3)
    buy_now(sale, 0)
    ConcertSchedule.objects.filter(pk=sale.pk).update(
        queue_message="Soon", queue_message_until=figures(sale).read_at + timedelta(minutes=5)
    )
    (found,) = figures_of([sale.pk])

    assert from_kept(as_kept(found)) == replace(found, counted_at=0.0)


# --- Once for everybody ----------------------------------------------------------------------------


def test_another_process_asks_no_table_within_two_seconds(django_assert_num_queries):
    sale = make_sale(seats=2)
    figures_of([sale.pk])
    clear_caches()

    with django_assert_num_queries(0):
        (found,) = figures_of([sale.pk])

    assert found.remaining == 2
    assert client().pttl(fresh_key(sale.pk)) <= 2000
    assert 0 <= found.age < 2
    # Two seconds later.
    client().delete(fresh_key(sale.pk))
    clear_caches()
    with django_assert_num_queries(1):
        figures_of([sale.pk])


def test_whoever_finds_figures_of_long_ago_does_not_take_them_while_another_counts():
    sale = make_sale(seats=2)
    figures_of([sale.pk])
    buy_now(sale, 0)
    clear_caches()
    client().pexpire(body_key(sale.pk), 3_000_000)

    assert client().exists(fresh_key(sale.pk))
    assert figures_of([sale.pk])[0].sold == 1


def test_who_used_a_control_sees_it_at_once_and_so_does_everybody_else(django_assert_num_queries):
    sale = make_sale(seats=2)
    figures_of([sale.pk])
    ConcertSchedule.objects.filter(pk=sale.pk).update(queue_paused=True)

    assert not figures_of([sale.pk])[0].is_paused
    assert fresh_figures_of(sale.pk).is_paused
    clear_caches()
    with django_assert_num_queries(0):
        assert figures_of([sale.pk])[0].is_paused


def test_without_redis_a_process_counts_for_itself_and_no_oftener(django_assert_num_queries):
    sale = make_sale(seats=2)
    with redis_away():
        with django_assert_num_queries(2):
            figures_of([sale.pk])
        with django_assert_num_queries(0):
            assert figures_of([sale.pk])[0].remaining == 2


def test_a_sale_that_is_gone_is_left_out():
    schedule = make_schedule()
    make_seats(schedule, 1)

    assert [each.schedule_id for each in figures_of([schedule.pk, 999_999_999])] == [schedule.pk]
