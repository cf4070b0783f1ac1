"""Reads of the waiting room."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import DateTimeField, Value
from django.db.models.functions import Now

from concert_site.lib.errors import NotFound
from queueing.models import ExpiredReason, Status, WaitingToken


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as it is at the moment of reading: an ACTIVE one whose time is over reads EXPIRED."""

    token: UUID
    schedule_id: int
    status: str
    number: int | None
    created_at: datetime
    entered_at: datetime | None
    expired_at: datetime | None
    expired_reason: str | None


def view_of(token: WaitingToken, *, read_at: datetime) -> TokenView:
    """`token` as it is at `read_at`."""
    is_over = token.status == Status.ACTIVE and token.expired_at is not None and token.expired_at <= read_at
    reason = ExpiredReason.TIME_OVER if token.entered_at else ExpiredReason.NO_SHOW
    return TokenView(
        token=token.token,
        schedule_id=token.concert_schedule_id,
        status=Status.EXPIRED if is_over else token.status,
        number=token.number,
        created_at=token.created_at,
        entered_at=token.entered_at,
        expired_at=token.expired_at,
        expired_reason=reason if is_over else token.expired_reason,
    )


def own_token(token: UUID, *, user_id: int, now: datetime | None = None) -> TokenView:
    """A fan's token.

    :raises NotFound: if there is none, or it is someone else's
    """
    moment = Value(now, output_field=DateTimeField()) if now else Now()
    found = WaitingToken.objects.of(user_id=user_id).filter(token=token).annotate(read_at=moment).first()
    if found is None:
        raise NotFound
    return view_of(found, read_at=found.read_at)  # type: ignore[attr-defined]  # annotated just above


def last_number(schedule_id: int) -> int:
    """The highest number handed out for a schedule, as far as PostgreSQL knows; 0 before the first."""
    line = WaitingToken.objects.filter(concert_schedule_id=schedule_id)
    # By the unique index on (schedule, number), from its end: the same cost for every length of the line.
    return line.order_by("-number").filter(number__isnull=False).values_list("number", flat=True).first() or 0


def first_waiting(schedule_id: int) -> int | None:
    """The lowest number that still waits; None if nobody does."""
    waiting = WaitingToken.objects.filter(concert_schedule_id=schedule_id, status=Status.WAITING, number__isnull=False)
    return waiting.order_by("number").values_list("number", flat=True).first()


def count_waiting(schedule_id: int) -> int:
    """How many wait; it walks the line, so ask rarely."""
    return WaitingToken.objects.filter(concert_schedule_id=schedule_id, status=Status.WAITING).count()
