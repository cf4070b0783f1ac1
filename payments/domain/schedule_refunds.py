"""Refunding a whole schedule, round by round."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Invalid
from payments.domain import refunds
from payments.models import Payment, State
from reservations.models import Reservation
from reservations.models.reservation import Status
from reservations.queries.bookings import of_schedule
from wallet.domain.errors import BalanceTooLarge

BATCH = 100


@dataclass(frozen=True, slots=True)
class Total:
    """So many payments, and what they come to (minor units); `fees` is what refunds kept of it."""

    count: int
    amount: int
    fees: int = 0


@dataclass(frozen=True, slots=True)
class RefundRound:
    """What a round did: how many it refunded, which wallets can't take it, and whether it came to the end."""

    refunded: int
    refused: list[int]
    is_over: bool


def paid_of(schedule_id: int) -> QuerySet[Reservation]:
    return of_schedule(schedule_id).filter(status=Status.RESERVED).order_by("pk")


def to_refund(schedule_id: int) -> Total:
    found = paid_of(schedule_id).order_by().aggregate(count=Count("pk"), amount=Sum("price"))
    return Total(found["count"], found["amount"] or 0)


def refunded_so_far(schedule_id: int) -> Total:
    """What was refunded of a schedule, by staff and by the tiers."""
    payments = Payment.objects.filter(reservation__in=of_schedule(schedule_id), state=State.CANCELED)
    found = payments.aggregate(count=Count("pk"), amount=Sum("price"), fees=Sum("refund_fee"))
    return Total(found["count"], found["amount"] or 0, found["fees"] or 0)


def refund_round(
    *,
    schedule_id: int,
    actor_id: int,
    note: str,
    seconds: float,
    fee: int = 0,
    now: datetime | None = None,
) -> RefundRound:
    """Refund paid reservations of a schedule for about so many seconds, at least one. Again: it goes on.

    Each reservation is a transaction of its own, so that it can be stopped and started again at any point, by
    anybody, also by two at once, and never holds more than one seat's locks. What is left is what the tables say.
    A fee above a ticket's price takes all of that ticket.

    :raises Invalid: without a reason, or with a negative fee
    """
    refunds.require_reason(note)
    if fee < 0:
        raise Invalid(_("The fee is not below 0."), attr="fee")
    end = time.monotonic() + seconds
    refunded, refused = 0, []
    for reservation in paid_in_batches(schedule_id):
        kept = min(fee, reservation.price)
        try:
            refunded += refunds.refund(reservation.pk, fee=kept, note=note, actor_id=actor_id, now=now)
        except BalanceTooLarge:
            refused.append(reservation.pk)
        if time.monotonic() >= end:
            return RefundRound(refunded, refused, is_over=False)
    return RefundRound(refunded, refused, is_over=True)


def paid_in_batches(schedule_id: int) -> Iterator[Reservation]:
    """What is paid, in order, read in batches: whatever is refunded meanwhile is gone from the next one.

    The ids are read at once: asked for the next hundred, PostgreSQL walks through the reservations of all schedules.
    """
    ids = iter(list(paid_of(schedule_id).values_list("pk", flat=True)))
    while batch := list(islice(ids, BATCH)):
        yield from Reservation.objects.filter(pk__in=batch, status=Status.RESERVED).order_by("pk")
