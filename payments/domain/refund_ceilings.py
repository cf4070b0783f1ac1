"""What a member of staff may refund alone; above it the refund waits for a second person."""

from collections.abc import Mapping
from hashlib import sha256

from concert_site.approvals.asking import require_ceiling
from payments.models import Payment, State

ONE, SELECTED, DATE = "payments.refund", "payments.refund_selected", "payments.refund_date"


def require_for_one(reservation_id: int, *, fee: int, note: str, actor_id: int, refund_to: str) -> None:
    """
    :raises ApprovalRequired: if what goes back of this reservation is above the ceiling
    """
    paid = Payment.objects.filter(reservation=reservation_id, state=State.COMPLETED).first()
    if paid is None:
        return
    require_ceiling(
        ONE,
        actor_id=actor_id,
        amount=paid.price - fee,
        reason=note,
        subject=str(reservation_id),
        payload={"fees": {str(reservation_id): fee}, "refund_to": refund_to},
        fan_id=paid.user_id,
    )


def require_for_selected(fees: Mapping[int, int], *, note: str, actor_id: int, refund_to: str) -> None:
    """The same for several at once: what counts is their sum.

    :param fees: what is kept of each reservation, in minor units
    :raises ApprovalRequired: if it is above the ceiling
    """
    paid = Payment.objects.filter(reservation__in=fees, state=State.COMPLETED)
    prices = dict(paid.values_list("reservation_id", "price"))
    order = {str(pk): min(fees[pk], price) for pk, price in sorted(prices.items())}
    require_ceiling(
        SELECTED,
        actor_id=actor_id,
        amount=sum(prices.values()) - sum(order.values()),
        reason=note,
        subject=sha256(",".join(order).encode()).hexdigest(),
        payload={"fees": order, "refund_to": refund_to},
    )


def require_for_date(
    schedule_id: int, *, seats: int, amount: int, fee: int, note: str, actor_id: int, refund_to: str
) -> None:
    """The same for all that is paid of a date, before its run begins.

    :param amount: what was paid, in minor units
    :raises ApprovalRequired: if what goes back is above the ceiling
    """
    require_ceiling(
        DATE,
        actor_id=actor_id,
        amount=max(amount - seats * fee, 0),
        reason=note,
        subject=str(schedule_id),
        payload={"schedule": schedule_id, "seats": seats, "fee": fee, "refund_to": refund_to},
    )
