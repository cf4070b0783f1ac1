"""What canceling refunds: tiers by the days that are left."""

from datetime import date, timedelta

import pytest

from reservations.domain.cancellation import Quote, Tier, fee_of, quote, tiers_of

DAY = date(2031, 5, 31)


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
    offer = quote(price=50_000, concert_date=DAY, today=DAY - timedelta(days=days_left))

    assert offer == Quote(fee=fee, refund=50_000 - fee, is_open=True)


@pytest.mark.parametrize("days_left", [0, -1, -365])
def test_from_the_day_itself_on_nothing_is_refunded(days_left):
    offer = quote(price=50_000, concert_date=DAY, today=DAY - timedelta(days=days_left))

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
            offer = quote(price=price, concert_date=DAY, today=DAY - timedelta(days=days_left))
            assert offer.fee + offer.refund == price


def test_the_tiers_are_listed_with_their_last_day():
    assert tiers_of(price=50_000, concert_date=DAY) == [
        Tier(until=date(2031, 5, 21), fee_percent=0, refund=50_000),
        Tier(until=date(2031, 5, 24), fee_percent=10, refund=45_000),
        Tier(until=date(2031, 5, 28), fee_percent=20, refund=40_000),
        Tier(until=date(2031, 5, 30), fee_percent=30, refund=35_000),
    ]


def test_the_tiers_are_a_setting_in_any_order(settings):
    settings.CANCELLATION_TIERS = [(0, 100), (5, 50)]

    assert quote(price=11, concert_date=DAY, today=DAY - timedelta(days=5)) == Quote(fee=5, refund=6, is_open=True)
    assert quote(price=11, concert_date=DAY, today=DAY) == Quote(fee=11, refund=0, is_open=True)
    assert not quote(price=11, concert_date=DAY, today=DAY + timedelta(days=1)).is_open
