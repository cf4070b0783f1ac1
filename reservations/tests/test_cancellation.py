"""What canceling refunds: tiers by the days that are left."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from reservations.domain.cancellation import FeeTier, Quote, RefundTerms, fee_of, quote, tiers_of

DAY = date(2031, 5, 31)
BEGINS = datetime(2031, 5, 31, 10, 0, tzinfo=UTC)
TERMS = RefundTerms(played_on=DAY, begins_at=BEGINS)


def quote_on(today, *, price=50_000, terms=TERMS, at=time(3, tzinfo=UTC)):
    """What cancelling on that day gives back, at noon in Seoul unless told otherwise."""
    return quote(price=price, terms=terms, today=today, now=datetime.combine(today, at))


@pytest.mark.parametrize(
    ("days_left", "fee"),
    [
        *((365, 0), (11, 0), (10, 0)),
        *((9, 5_000), (8, 5_000), (7, 5_000)),
        *((6, 10_000), (4, 10_000), (3, 10_000)),
        *((2, 15_000), (1, 15_000)),
    ],
)
def test_each_tier_begins_and_ends_on_its_day(days_left, fee):
    offer = quote_on(DAY - timedelta(days=days_left))

    assert offer == Quote(fee=fee, refund=50_000 - fee, is_open=True)


@pytest.mark.parametrize("days_left", [0, -1, -365])
def test_from_the_day_itself_on_nothing_is_refunded(days_left):
    offer = quote_on(DAY - timedelta(days=days_left))

    assert offer == Quote(fee=50_000, refund=0, is_open=False)


@pytest.mark.parametrize(
    ("price", "percent", "fee"),
    [(99, 10, 9), (9, 10, 0), (1, 30, 0), (4, 30, 1), (3, 30, 0), (50_001, 20, 10_000), (10**15 + 9, 10, 10**14)],
)
def test_the_fee_rounds_down(price, percent, fee):
    assert fee_of(price, percent) == fee


def test_fee_and_refund_are_the_price():
    for price in (1, 3, 7, 99, 101, 49_999, 2**53 - 1):
        for days_left in range(1, 12):
            offer = quote_on(DAY - timedelta(days=days_left), price=price)
            assert offer.fee + offer.refund == price


def test_the_tiers_are_listed_with_their_last_day():
    assert tiers_of(price=50_000, terms=TERMS) == [
        FeeTier(until=date(2031, 5, 21), fee_percent=0, refund=50_000),
        FeeTier(until=date(2031, 5, 24), fee_percent=10, refund=45_000),
        FeeTier(until=date(2031, 5, 28), fee_percent=20, refund=40_000),
        FeeTier(until=date(2031, 5, 30), fee_percent=30, refund=35_000),
    ]


def test_the_tiers_are_a_setting_in_any_order(settings):
    settings.CANCELLATION_TIERS = [(0, 100), (5, 50)]

    assert quote_on(DAY - timedelta(days=5), price=11) == Quote(fee=5, refund=6, is_open=True)
    assert quote_on(DAY, price=11) == Quote(fee=11, refund=0, is_open=True)
    assert not quote_on(DAY + timedelta(days=1), price=11).is_open


def test_once_the_show_has_begun_nothing_is_refunded(settings):
    settings.CANCELLATION_TIERS = [(0, 50)]

    assert quote_on(DAY, at=time(9, 59, tzinfo=UTC)).is_open
    assert quote_on(DAY, at=time(10, 0, tzinfo=UTC)) == Quote(fee=50_000, refund=0, is_open=False)


def test_free_refunds_of_a_date_that_was_moved_come_before_the_tiers():
    terms = RefundTerms(played_on=DAY, begins_at=BEGINS, free_until=date(2031, 5, 25))

    assert tiers_of(price=50_000, terms=terms) == [
        FeeTier(until=date(2031, 5, 25), fee_percent=0, refund=50_000),
        FeeTier(until=date(2031, 5, 28), fee_percent=20, refund=40_000),
        FeeTier(until=date(2031, 5, 30), fee_percent=30, refund=35_000),
    ]
    assert quote_on(date(2031, 5, 25), terms=terms).fee == 0
    assert quote_on(date(2031, 5, 26), terms=terms).fee == 10_000


def test_free_refunds_end_when_the_show_begins():
    terms = RefundTerms(played_on=DAY, begins_at=BEGINS, free_until=DAY)

    assert tiers_of(price=50_000, terms=terms) == [FeeTier(until=DAY, fee_percent=0, refund=50_000)]
    assert quote_on(DAY, terms=terms, at=time(9, 59, tzinfo=UTC)).refund == 50_000
    assert not quote_on(DAY, terms=terms, at=time(10, 0, tzinfo=UTC)).is_open


def test_of_a_date_that_was_canceled_everything_comes_back_whenever():
    terms = RefundTerms(played_on=DAY, begins_at=BEGINS, is_canceled=True)

    assert quote_on(DAY + timedelta(days=9), terms=terms) == Quote(fee=0, refund=50_000, is_open=True)
