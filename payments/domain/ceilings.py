"""What a member of staff may refund, give away, exchange and hand over alone; above it a second person is asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from django.db.models import F, QuerySet, Sum

from concert_site.approvals.asking import counted_since, require_ceiling
from payments.domain.counter_orders import SaleOrder
from payments.domain.refund_runs import RefundRunTerms
from payments.models import Payment, PaymentState, Rebooking, RebookingKind, TillEntry, TillKind, TillMethod
from reservations.models import ConcertSeat
from wallet.models import BalanceHistory, LedgerKind

ONE, SELECTED, DATE = "payments.refund", "payments.refund_selected", "payments.refund_date"
UNDO, GIVE, EXCHANGE, HAND_OVER = (
    "payments.undo_sale",
    "payments.give_complimentary",
    "payments.exchange",
    "payments.hand_over",
)


def subject_of(ids: Sequence[int]) -> str:
    """A set of rows as the subject of a question: the same ones are asked about once at a time."""
    return sha256(",".join(map(str, sorted(ids))).encode()).hexdigest()


def paid_for(reservation_ids: Iterable[int]) -> list[Payment]:
    """What is paid of these."""
    return list(Payment.objects.filter(reservation__in=reservation_ids, state=PaymentState.COMPLETED))


# --- Refunds -----------------------------------------------------------------------------------


def require_for_one(
    reservation_id: int, *, fee: int, note: str, actor_id: int, refund_to: str, now: datetime | None = None
) -> None:
    """What somebody refunds a fan within a day counts together, or a large sum would pass in small ones.

    :raises ApprovalRequired: if what goes back of this reservation is above the ceiling
    """
    paid = Payment.objects.filter(reservation=reservation_id, state=PaymentState.COMPLETED).first()
    if paid is None:
        return
    require_ceiling(
        ONE,
        actor_id=actor_id,
        amount=paid.price - fee,
        counted=paid.price - fee + refunded_lately(paid.user_id, actor_id, now),
        reason=note,
        subject=str(reservation_id),
        payload={"fees": {str(reservation_id): fee}, "refund_to": refund_to},
        fan_id=paid.user_id,
    )


def refunded_lately(fan_id: int, actor_id: int, now: datetime | None) -> int:
    """What somebody refunded a fan within a day, in minor units; what was only exchanged or handed over isn't in it."""
    lines = BalanceHistory.objects.of(user_id=fan_id).filter(
        kind=LedgerKind.REFUND, actor=actor_id, created_at__gt=counted_since(now)
    )
    refunds = lines.filter(payment__rebooked_as__isnull=True)
    return int(refunds.aggregate(sum=Sum("amount", default=0))["sum"])


def require_for_selected(fees: Mapping[int, int], *, note: str, actor_id: int, refund_to: str) -> None:
    """The same for several at once: what counts is their sum.

    :param fees: what is kept of each reservation, in minor units
    :raises ApprovalRequired: if it is above the ceiling
    """
    prices = {each.reservation_id: each.price for each in paid_for(fees)}
    order = {str(pk): min(fees[pk], price) for pk, price in sorted(prices.items())}
    require_ceiling(
        SELECTED,
        actor_id=actor_id,
        amount=sum(prices.values()) - sum(order.values()),
        reason=note,
        subject=subject_of(list(prices)),
        payload={"fees": order, "refund_to": refund_to},
    )


def require_for_date(schedule_id: int, terms: RefundRunTerms, *, seats: int, amount: int, actor_id: int) -> None:
    """The same for all that is paid of a date, before its run begins.

    :param amount: what was paid, in minor units
    :raises ApprovalRequired: if what goes back is above the ceiling
    """
    require_ceiling(
        DATE,
        actor_id=actor_id,
        amount=max(amount - seats * terms.fee, 0),
        reason=terms.note,
        subject=str(schedule_id),
        payload={"schedule": schedule_id, "seats": seats, "fee": terms.fee, "refund_to": terms.refund_to},
    )


# --- At the counter ----------------------------------------------------------------------------


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


def require_for_complimentary(order: SaleOrder, now: datetime | None) -> None:
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


def given_lately(order: SaleOrder, now: datetime | None) -> int:
    """What the seats of this date are worth that somebody gave away within a day, in minor units."""
    gifts = TillEntry.objects.filter(
        actor=order.actor_id,
        concert_schedule=order.schedule_id,
        kind=TillKind.SALE,
        method=TillMethod.COMPLIMENTARY,
        created_at__gt=counted_since(now),
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
    paid = paid_for(seats)
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
    paid = paid_for(reservation_ids)
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


def rebooked_lately(kind: RebookingKind, fan_id: int, actor_id: int, now: datetime | None) -> QuerySet[Rebooking]:
    """What somebody exchanged or handed over of a fan's within a day."""
    return Rebooking.objects.filter(
        kind=kind, old_payment__user=fan_id, actor=actor_id, created_at__gt=counted_since(now)
    )
