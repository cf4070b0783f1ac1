"""Confirming and declining what waits; each is one conditional update, so of two who decide one does."""

from datetime import datetime

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.db.models.functions import Now

from concert_site.accounts.models import User
from concert_site.approvals.errors import AlreadyDecided, AskerMayNot, MayNotDecide, OwnRequest
from concert_site.approvals.models import Approval, ApprovalState
from concert_site.approvals.steps import all_steps, step_of
from concert_site.lib.errors import DomainError, require_found
from concert_site.lib.reasons import LONGEST_REASON, require_reason

MAY_DECIDE = "approvals.decide_approval"


def confirm(*, approval_id: int, actor_id: int, now: datetime | None = None) -> Approval:
    """Be the second person: confirm what waits, and have it done.

    Rights are judged now, of both: whoever asked must still be allowed to do it, and who confirms to do and to decide
    it. Of two who confirm at once one does; the step runs once.

    :raises NotFound: if there is none
    :raises OwnRequest: if they asked for it themselves
    :raises MayNotDecide: if they may neither do nor decide it
    :raises AskerMayNot: if who asked may not do it any more
    :raises AlreadyDecided: if it doesn't wait any more
    :raises DomainError: what the step itself refuses; it is confirmed then, and can be tried again
    """
    asked = found(approval_id)
    if asked.asked_by_id == actor_id:
        raise OwnRequest
    require_both(asked, actor_id)
    move(asked, ApprovalState.CONFIRMED, actor_id=actor_id, now=now)
    return carry_out(asked)


def try_again(*, approval_id: int, actor_id: int) -> Approval:
    """Have done what was confirmed and couldn't be done, or whose process died.

    :raises NotFound, MayNotDecide, AskerMayNot: as `confirm` does
    :raises AlreadyDecided: if it is done, or was never confirmed
    :raises DomainError: what the step itself refuses
    """
    asked = found(approval_id)
    require_both(asked, actor_id)
    if asked.state != ApprovalState.CONFIRMED or asked.done_at is not None:
        raise AlreadyDecided
    return carry_out(asked)


def decline(*, approval_id: int, actor_id: int, answer: str, now: datetime | None = None) -> Approval:
    """Say no, and why; whoever asked may take it back.

    :raises NotFound: if there is none
    :raises MayNotDecide: if they may not decide it, and didn't ask for it either
    :raises Invalid: without an answer in one line
    :raises AlreadyDecided: if it doesn't wait any more
    """
    asked = found(approval_id)
    if asked.asked_by_id != actor_id:
        require_decider(asked, actor_id)
    answer = answer.strip()
    require_reason(answer, attr="answer")
    move(asked, ApprovalState.DECLINED, actor_id=actor_id, now=now, answer=answer)
    return found(approval_id)


def expire_overdue(now: datetime | None = None) -> int:
    """Note of what nobody decided in time that it is over; return how many."""
    return Approval.objects.lapsed(now).move(ApprovalState.PENDING, ApprovalState.EXPIRED)


# --- Steps of these ----------------------------------------------------------------------------


def found(approval_id: int) -> Approval:
    """
    :raises NotFound: if there is none
    """
    rows = Approval.objects.select_related("asked_by", "decided_by", "fan")
    return require_found(rows.filter(pk=approval_id).first())


def may(user: User | None, *permissions: str) -> bool:
    """Whether an account is at work here, and has these permissions; asked of the database."""
    return user is not None and user.is_active and user.is_staff and user.has_perms(permissions)


def require_decider(asked: Approval, actor_id: int) -> None:
    """
    :raises MayNotDecide: if this member of staff may not do or not decide it
    """
    if not may(User.objects.filter(pk=actor_id).first(), *needed_for(asked)):
        raise MayNotDecide


def require_both(asked: Approval, actor_id: int) -> None:
    """
    :raises MayNotDecide: as above
    :raises AskerMayNot: if who asked may not do it any more
    """
    require_decider(asked, actor_id)
    if not may(asked.asked_by, step_of(asked.kind).permission):
        raise AskerMayNot


def needed_for(asked: Approval) -> tuple[str, str]:
    """The permissions of who decides it."""
    return MAY_DECIDE, step_of(asked.kind).permission


def move(asked: Approval, to: ApprovalState, *, actor_id: int, now: datetime | None, answer: str = "") -> None:
    """
    :raises AlreadyDecided: if somebody was quicker, or it has lapsed
    """
    waiting = Approval.objects.waiting(now).filter(pk=asked.pk)
    decided = {"decided_by_id": actor_id, "decided_at": now or Now(), "answer": answer}
    if waiting.move(ApprovalState.PENDING, to, **decided) != 1:
        raise AlreadyDecided


def carry_out(asked: Approval) -> Approval:
    """Run the step, and note what came of it.

    :raises DomainError: what the step refuses
    """
    row = Approval.objects.filter(pk=asked.pk, done_at__isnull=True)
    try:
        step_of(asked.kind).run(asked)
    except DomainError as refusal:
        row.update(failure=str(refusal.detail)[:LONGEST_REASON])
        raise
    row.update(done_at=Now(), failure="")
    return found(asked.pk)


def deciders_of(asked: Approval) -> QuerySet[User]:
    """Who could confirm it now."""
    staff = User.objects.filter(is_staff=True).exclude(pk=asked.asked_by_id)
    for permission in needed_for(asked):
        staff = staff.filter(pk__in=ModelBackend().with_perm(permission).values("pk"))
    return staff.order_by("email")


def count_waiting(user: User | AnonymousUser) -> int:
    """How many wait for this member of staff: others' requests, which they may decide."""
    if not user.has_perm(MAY_DECIDE):
        return 0
    kinds = [step.kind for step in all_steps() if user.has_perm(step.permission)]
    return Approval.objects.waiting().filter(kind__in=kinds).exclude(asked_by=user.pk).count()
