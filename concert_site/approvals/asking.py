"""The question before a step of staff that moves money: may they do it alone?"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.models import User
from concert_site.approvals.ceilings import ceiling_of
from concert_site.approvals.errors import ApprovalRequired
from concert_site.approvals.models import Approval, ApprovalState
from concert_site.approvals.steps import step_of
from concert_site.lib.formats import money

# What somebody does within it for one fan, or gives away of one date, counts together, or a large sum would pass in
# small ones.
COUNTED_TOGETHER = timedelta(hours=24)


def counted_since(now: datetime | None) -> datetime:
    """From when on what somebody did counts together with what they do now."""
    return (now or timezone.now()) - COUNTED_TOGETHER


def require_ceiling(
    kind: str,
    *,
    actor_id: int,
    amount: int,
    reason: str,
    subject: str,
    payload: Mapping[str, object],
    fan_id: int | None = None,
    counted: int | None = None,
    is_key: bool = False,
    now: datetime | None = None,
) -> None:
    """Come back if this member of staff may do it alone; otherwise keep it for a second person to confirm.

    Call it before anything else of the step is done, outside of any transaction: what waits is committed, although
    the step is refused. `payload` is all that the step's `run` needs, as JSON.

    :param amount: what the step moves, in minor units
    :param subject: what it is about: of the same kind and subject only one waits at a time
    :param is_key: the subject is this order's alone, and never asked for again, whatever became of it
    :param counted: what is compared with the ceiling, if that is more than this step's own amount
    :raises ApprovalRequired: if it is above the ceiling, with the id of what waits
    """
    actor = User.objects.get(pk=actor_id)
    ceiling = ceiling_of(actor, step_of(kind).permission)
    if amount <= 0 or ceiling is None or (amount if counted is None else counted) <= ceiling:
        return
    before = Approval.objects.filter(kind=kind, subject=subject).first() if is_key else None
    if before is not None:
        raise ApprovalRequired(_("Your colleagues were asked to confirm this already."), approval_id=before.pk)
    order = {"amount": amount, "reason": reason.strip(), "payload": dict(payload), "fan_id": fan_id}
    waiting = file(kind, subject, asked_by=actor, order=order, now=now or timezone.now())
    if waiting.asked_by_id != actor_id or waiting.payload != order["payload"]:
        raise ApprovalRequired(_("Something like this waits for confirmation already."), approval_id=waiting.pk)
    said = _("Not done yet: it is above your ceiling of %(ceiling)s. A colleague has to confirm it.")
    raise ApprovalRequired(said % {"ceiling": money(ceiling)}, approval_id=waiting.pk)


def file(kind: str, subject: str, *, asked_by: User, order: Mapping[str, object], now: datetime) -> Approval:
    """Keep it, once however often it is sent; what has lapsed makes room first."""
    alike = Approval.objects.filter(kind=kind, subject=subject)
    alike.lapsed(now).move(ApprovalState.PENDING, ApprovalState.EXPIRED)
    until = now + timedelta(seconds=settings.APPROVAL_SECONDS)
    try:
        with transaction.atomic(durable=True):
            return Approval.objects.create(
                kind=kind, subject=subject, asked_by=asked_by, asked_at=now, expires_at=until, **order
            )
    except IntegrityError:
        found = alike.waiting(now).first()
        if found is None:
            raise
        return found
