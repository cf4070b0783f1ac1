"""What a cancellation would refund: tiers by the days that are left."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Tier:
    """Up to and including `until`, a cancellation costs `fee_percent` and gives `refund` back (minor units)."""

    until: date
    fee_percent: int
    refund: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What cancelling today costs and gives back, in minor units; `is_open` is false once it is too late."""

    fee: int
    refund: int
    is_open: bool


def fee_of(price: int, percent: int) -> int:
    """The fee in minor units, rounded down in the fan's favour."""
    return price * percent // 100


def tiers_of(*, price: int, concert_date: date) -> list[Tier]:
    """The tiers of one ticket, the earliest first."""
    return [
        Tier(
            until=concert_date - timedelta(days=days),
            fee_percent=percent,
            refund=price - fee_of(price, percent),
        )
        for days, percent in sorted(settings.CANCELLATION_TIERS, reverse=True)
    ]


def quote(*, price: int, concert_date: date, today: date) -> Quote:
    """What cancelling a paid ticket on `today` (a date of the venue's zone) would refund."""
    for tier in tiers_of(price=price, concert_date=concert_date):
        if today <= tier.until:
            return Quote(fee=price - tier.refund, refund=tier.refund, is_open=True)
    return Quote(fee=price, refund=0, is_open=False)
