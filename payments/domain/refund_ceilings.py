"""What a member of staff may refund alone; above it the refund waits for a second person."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256

from django.db.models import Sum
from django.utils import timezone

from concert_site.approvals.asking import require_ceiling
from payments.domain.refund_runs import RefundRunTerms
from payments.models import Payment, PaymentState
from wallet.models import BalanceHistory, Kind

COUNTED_TOGETHER = timedelta(hours=24)

ONE, SELECTED, DATE = "payments.refund", "payments.refund_selected", "payments.refund_date"


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
    since = (now or timezone.now()) - COUNTED_TOGETHER
    lines = BalanceHistory.objects.of(user_id=fan_id).filter(kind=Kind.REFUND, actor=actor_id, created_at__gt=since)
    refunds = lines.filter(payment__rebooked_as__isnull=True)
    return int(refunds.aggregate(sum=Sum("amount", default=0))["sum"])


def require_for_selected(fees: Mapping[int, int], *, note: str, actor_id: int, refund_to: str) -> None:
    """The same for several at once: what counts is their sum.

    :param fees: what is kept of each reservation, in minor units
    :raises ApprovalRequired: if it is above the ceiling
    """
    paid = Payment.objects.filter(reservation__in=fees, state=PaymentState.COMPLETED)
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
