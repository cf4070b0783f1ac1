"""What a member of staff may give away, exchange, hand over and take back at the counter alone.

What somebody does for one fan, or gives away of one date, within a day counts together, or a large sum would pass in
small ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import F, Sum
from django.utils import timezone

from concert_site.approvals.asking import require_ceiling
from payments.domain.refund_ceilings import COUNTED_TOGETHER
from payments.models import Payment, PaymentState, Rebooking, RebookingKind, TillEntry, TillKind, TillMethod
from reservations.models import ConcertSeat

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from payments.domain.counter import SaleOrder

UNDO, GIVE, EXCHANGE, HAND_OVER = (
    "payments.undo_sale",
    "payments.give_complimentary",
    "payments.exchange",
    "payments.hand_over",
)


def subject_of(ids: Sequence[int]) -> str:
    """A set of rows as the subject of a question: the same ones are asked about once at a time."""
    return sha256(",".join(map(str, sorted(ids))).encode()).hexdigest()


def require_for_undo(sale: UUID, paid: Sequence[Payment], *, note: str, actor_id: int, fan_id: int) -> None:
    """
    :raises ApprovalRequired: if what goes back of these payments of a sale is above the ceiling
    """
    reservations = [each.reservation_id for each in paid]
    require_ceiling(
        UNDO,
        actor_id=actor_id,
        amount=sum(each.price for each in paid),
        reason=note,
        subject=str(sale),
        payload={"sale": str(sale), "reservations": reservations},
        fan_id=fan_id,
    )


def require_for_gift(order: "SaleOrder", now: datetime | None) -> None:
    """
    :raises ApprovalRequired: if what these seats would cost is above the ceiling, alone or with those of the day before
    """
    seats = ConcertSeat.objects.filter(pk__in=order.seat_ids, concert_schedule=order.schedule_id)
    worth = seats.aggregate(sum=Sum("seat_price", default=0))["sum"]
    payload = asdict(order) | {"seat_ids": list(order.seat_ids)}
    require_ceiling(
        GIVE,
        actor_id=order.actor_id,
        amount=worth,
        counted=worth + given_lately(order, now),
        reason=order.note,
        subject=f"{order.actor_id}:{order.idempotency_key}",
        is_key=True,
        payload=payload,
        fan_id=order.buyer.user_id,
    )


def given_lately(order: "SaleOrder", now: datetime | None) -> int:
    """What the seats of this date are worth that somebody gave away within a day, in minor units."""
    gifts = TillEntry.objects.filter(
        actor=order.actor_id,
        concert_schedule=order.schedule_id,
        kind=TillKind.SALE,
        method=TillMethod.COMPLIMENTARY,
        created_at__gt=(now or timezone.now()) - COUNTED_TOGETHER,
    )
    given = Payment.objects.filter(
        reservation__booking_reference__in=gifts.values("booking_reference"),
        complimentary=True,
        state=PaymentState.COMPLETED,
    )
    return int(given.aggregate(sum=Sum("reservation__concert_seat__seat_price", default=0))["sum"])


def require_for_exchange(seats: Mapping[int, int], *, note: str, actor_id: int, now: datetime | None) -> None:
    """
    :raises ApprovalRequired: if the difference of these seats, by reservation, is above the ceiling
    """
    paid = list(Payment.objects.filter(reservation__in=seats, state=PaymentState.COMPLETED))
    prices = dict(ConcertSeat.objects.filter(pk__in=seats.values()).values_list("pk", "seat_price"))
    difference = sum(prices.get(seats[each.reservation_id], 0) - each.price for each in paid if not each.complimentary)
    if not paid:
        return
    before = rebooked_lately(RebookingKind.EXCHANGE, paid[0].user_id, actor_id, now)
    lately = before.aggregate(sum=Sum(F("new_payment__price") - F("old_payment__price"), default=0))["sum"]
    require_ceiling(
        EXCHANGE,
        actor_id=actor_id,
        amount=abs(difference),
        counted=max(abs(difference), abs(difference + lately)),
        reason=note,
        subject=subject_of(list(seats)),
        payload={"seats": {str(pk): seat for pk, seat in seats.items()}, "difference": difference},
        fan_id=paid[0].user_id,
    )


def require_for_hand_over(
    reservation_ids: Sequence[int], *, receiver_id: int, note: str, actor_id: int, now: datetime | None
) -> None:
    """
    :raises ApprovalRequired: if what was paid for these is above the ceiling
    """
    paid = list(Payment.objects.filter(reservation__in=reservation_ids, state=PaymentState.COMPLETED))
    if not paid:
        return
    worth = sum(each.price for each in paid)
    before = rebooked_lately(RebookingKind.HANDOVER, paid[0].user_id, actor_id, now)
    require_ceiling(
        HAND_OVER,
        actor_id=actor_id,
        amount=worth,
        counted=worth + before.aggregate(sum=Sum("old_payment__price", default=0))["sum"],
        reason=note,
        subject=subject_of(reservation_ids),
        payload={"reservations": sorted(reservation_ids), "receiver": receiver_id},
        fan_id=paid[0].user_id,
    )


def rebooked_lately(kind: RebookingKind, fan_id: int, actor_id: int, now: datetime | None) -> "QuerySet[Rebooking]":
    """What somebody exchanged or handed over of a fan's within a day."""
    since = (now or timezone.now()) - COUNTED_TOGETHER
    return Rebooking.objects.filter(kind=kind, old_payment__user=fan_id, actor=actor_id, created_at__gt=since)
