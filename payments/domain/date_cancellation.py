"""Canceling a date: its sale ends, and everybody gets everything back.

This says so, in one transaction; the money is given back in the background (refund_work), by whichever worker finds the
run. It can't be undone.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from concert_site.approvals.asking import require_ceiling
from concert_site.approvals.models import Approval
from concert_site.approvals.steps import DescriptionLine, Step
from concert_site.lib.errors import require_found
from concert_site.lib.tasks import enqueue_soon
from payments.domain.approved_refunds import name_of_date
from payments.models import RefundRun, RefundTo
from reservations.domain import waiting_room
from reservations.domain.date_changes import ChangeReason, write_canceled
from reservations.domain.schedules import database_now, require_not_canceled
from reservations.domain.transactions import lock_schedule
from reservations.models import ConcertSchedule
from reservations.queries.date_impact import date_impact

CANCEL_DATE = "payments.cancel_date"
PERMISSION = "reservations.change_date"
TASK = "payments.refund_dates"


@dataclass(frozen=True, slots=True)
class DateCancellation:
    """Which date is canceled, why, and where refunds go: what came by card to the card, or all into wallets."""

    schedule_id: int
    reason: ChangeReason
    refund_to: RefundTo


def cancel_date(order: DateCancellation, *, actor_id: int, now: datetime | None = None) -> RefundRun:
    """Cancel a date: nobody can join, hold or move it from here on, and everybody is refunded in full.

    :raises NotFound: if there is no such schedule
    :raises Invalid: without a reason
    :raises ApprovalRequired: if what goes back is more than this member of staff may refund alone
    :raises Conflict: if it was canceled already
    """
    order.reason.require()
    schedule = require_found(ConcertSchedule.objects.filter(pk=order.schedule_id).first())
    require_not_canceled(schedule)
    require_ceiling(
        CANCEL_DATE,
        actor_id=actor_id,
        amount=date_impact(order.schedule_id).amount,
        reason=order.reason.text,
        subject=str(order.schedule_id),
        payload={
            "schedule": order.schedule_id,
            "reason_ko": order.reason.ko,
            "reason_en": order.reason.en,
            "refund_to": order.refund_to.value,
        },
    )
    return cancel_now(order, actor_id=actor_id, now=now)


def cancel_now(order: DateCancellation, *, actor_id: int, now: datetime | None = None) -> RefundRun:
    """The same for who has been asked already.

    :raises NotFound, Conflict: as `cancel_date` does
    """
    run = write_cancellation(order, actor_id, now)
    waiting_room.publish([order.schedule_id])
    enqueue_soon(TASK)
    return run


@transaction.atomic(durable=True)
def write_cancellation(order: DateCancellation, actor_id: int, now: datetime | None) -> RefundRun:
    """The transaction of it."""
    schedule = lock_schedule(order.schedule_id)
    at = now or database_now()
    write_canceled(schedule, order.reason, at)
    # Whoever refunds this date with a fee stops before the next seat: from here on it costs nothing.
    RefundRun.objects.filter(concert_schedule=order.schedule_id, ended_at=None).update(ended_at=at)
    impact = date_impact(order.schedule_id)
    return RefundRun.objects.create(
        concert_schedule_id=order.schedule_id,
        actor_id=actor_id,
        is_cancellation=True,
        fee=0,
        refund_to=order.refund_to,
        note=order.reason.text,
        paid=impact.tickets,
        amount=impact.amount,
        held=impact.held,
        created_at=at,
        last_round_at=at,
    )


# --- Above a ceiling ---------------------------------------------------------------------------


def order_in(asked: Approval) -> DateCancellation:
    """The cancellation that a second person is asked about."""
    sent = asked.payload
    reason = ChangeReason(ko=sent["reason_ko"], en=sent["reason_en"])
    return DateCancellation(sent["schedule"], reason, RefundTo(sent["refund_to"]))


def run_approved(asked: Approval) -> None:
    """Cancel it, once however often it is called."""
    order = order_in(asked)
    if RefundRun.objects.filter(concert_schedule=order.schedule_id, is_cancellation=True).exists():
        return
    cancel_now(order, actor_id=asked.asked_by_id)


def describe(asked: Approval) -> list[DescriptionLine]:
    order = order_in(asked)
    return [
        (_("Date"), name_of_date(order.schedule_id)),
        (_("Tickets"), date_impact(order.schedule_id).sold),
        (_("Refund to"), str(order.refund_to.label)),
        (_("Reason"), order.reason.both),
    ]


STEP = Step(CANCEL_DATE, _("Cancel a date and refund everybody"), PERMISSION, run_approved, describe)
