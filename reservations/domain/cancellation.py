"""What a cancellation would refund: tiers by the days that are left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings

from reservations.models import Reservation
from reservations.queries.bookings import today_of


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


@dataclass(frozen=True, slots=True)
class Period:
    """From `most` days before the day of the show (None: however early) down to `least`, it costs `fee_percent`."""

    most: int | None
    least: int
    fee_percent: int


def policy() -> list[Period]:
    """What a cancellation costs as it is set, the earliest first; after the last period it is too late."""
    tiers = sorted(settings.CANCELLATION_TIERS, reverse=True)
    befores = [None, *(days - 1 for days, _percent in tiers)]
    return [Period(most, days, percent) for most, (days, percent) in zip(befores, tiers, strict=False)]


def quote(*, price: int, concert_date: date, today: date) -> Quote:
    """What cancelling a paid ticket on `today` (a date of the venue's zone) would refund."""
    for tier in tiers_of(price=price, concert_date=concert_date):
        if today <= tier.until:
            return Quote(fee=price - tier.refund, refund=tier.refund, is_open=True)
    return Quote(fee=price, refund=0, is_open=False)


def quote_of(reservation: Reservation, *, now: datetime | None = None) -> Quote:
    """What cancelling this ticket would refund on the day on which it was read, or on that of `now`, at the venue."""
    today = today_of(reservation, now=now)
    return quote(price=reservation.price, concert_date=reservation.concert_date, today=today)


def tiers_to_come(*, prices: Sequence[int], concert_date: date, today: date) -> list[Tier]:
    """The tiers that are not over on `today`, each with what tickets of these prices give back together."""
    each = zip(*(tiers_of(price=price, concert_date=concert_date) for price in prices), strict=True)
    return [
        Tier(until=tiers[0].until, fee_percent=tiers[0].fee_percent, refund=sum(tier.refund for tier in tiers))
        for tiers in each
        if tiers[0].until >= today
    ]
