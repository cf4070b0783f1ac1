"""What a cancellation would refund: tiers by the days that are left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings

from reservations.models import Reservation
from reservations.queries.bookings import free_refunds_until, today_of


@dataclass(frozen=True, slots=True)
class FeeTier:
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


@dataclass(frozen=True, slots=True)
class RefundTerms:
    """What of a date and of a booking decides about a refund.

    `played_on` and `begins_at` are as they stand now. Up to `free_until`, at most the day it is played, whoever had
    booked before the date was moved pays nothing; of a date that was canceled nobody ever does.
    """

    played_on: date
    begins_at: datetime
    free_until: date | None = None
    is_canceled: bool = False


def terms_of(reservation: Reservation) -> RefundTerms:
    schedule = reservation.concert_schedule
    return RefundTerms(
        played_on=schedule.concert_date,
        begins_at=schedule.concert_at,
        free_until=free_refunds_until(reservation),
        is_canceled=schedule.canceled_at is not None,
    )


def fee_of(price: int, percent: int) -> int:
    """The fee in minor units, rounded down in the fan's favour."""
    return price * percent // 100


def tiers_of(*, price: int, terms: RefundTerms) -> list[FeeTier]:
    """The tiers of one ticket, the earliest first; none of a date that was canceled, where no day counts."""
    if terms.is_canceled:
        return []
    usual = [
        FeeTier(
            until=terms.played_on - timedelta(days=days), fee_percent=percent, refund=price - fee_of(price, percent)
        )
        for days, percent in sorted(settings.CANCELLATION_TIERS, reverse=True)
    ]
    if terms.free_until is None:
        return usual
    free = FeeTier(until=terms.free_until, fee_percent=0, refund=price)
    return [free, *(tier for tier in usual if tier.until > free.until)]


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


def quote(*, price: int, terms: RefundTerms, today: date, now: datetime) -> Quote:
    """What cancelling a paid ticket at `now`, `today` at the venue, would refund; nothing once the show has begun."""
    if terms.is_canceled:
        return Quote(fee=0, refund=price, is_open=True)
    for tier in tiers_of(price=price, terms=terms) if now < terms.begins_at else ():
        if today <= tier.until:
            return Quote(fee=price - tier.refund, refund=tier.refund, is_open=True)
    return Quote(fee=price, refund=0, is_open=False)


def quote_of(reservation: Reservation, *, now: datetime | None = None) -> Quote:
    """What cancelling this ticket would refund at the moment at which it was read, or at `now`."""
    moment = now or reservation.read_at
    today = today_of(reservation, now=now)
    return quote(price=reservation.price, terms=terms_of(reservation), today=today, now=moment)


def tiers_to_come(*, prices: Sequence[int], terms: RefundTerms, today: date) -> list[FeeTier]:
    """The tiers that are not over on `today`, each with what tickets of these prices give back together."""
    each = zip(*(tiers_of(price=price, terms=terms) for price in prices), strict=True)
    return [
        FeeTier(until=tiers[0].until, fee_percent=tiers[0].fee_percent, refund=sum(tier.refund for tier in tiers))
        for tiers in each
        if tiers[0].until >= today
    ]
