"""Admission: free slots go to the lowest numbers, never more than the cap."""

import logging
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from concert_site.lib.database.statements import fetch_one
from queueing.domain import snapshots
from queueing.facts import SaleFacts
from queueing.models import LAPSE_REASON, ExpiredReason, TokenStatus, WaitingToken

log = logging.getLogger(__name__)

ADMIT = """
select * from admit_waiting(
    %(schedule)s::bigint, %(room)s::bigint, %(joiner)s::bigint, %(entry)s::float8, %(active)s::float8,
    %(now)s::timestamptz)
"""
END_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Admission:
    """What one admission did: how many came in, up to which number, how many slots lapsed, how many are inside."""

    admitted: int
    serving: int | None
    lapsed: int
    active: int


def admit(
    schedule_id: int, *, room: int | None = None, joiner: int | None = None, now: datetime | None = None
) -> Admission:
    """Close lapsed slots and hand the free ones to the lowest numbers: one round trip, behind the schedule's lock.

    Cap and pause are read behind that lock. `room`, if given, is how many fans inside the seats can still
    serve. `joiner` is the token row of the fan whose own request this is: admitted at once counts as entered.
    Safe to run from many processes at once.
    """
    return Admission(
        **fetch_one(
            ADMIT,
            {
                "schedule": schedule_id,
                "room": room,
                "joiner": joiner,
                "entry": float(settings.TOKEN_ENTRY_SECONDS),
                "active": float(settings.TOKEN_ACTIVE_SECONDS),
                "now": now,
            },
        )
    )


def admit_joiner(facts: SaleFacts, joiner: int, *, now: datetime | None = None) -> bool:
    """Admit with the first answer, where nobody waits: whether anybody came in. `joiner` is the row of the token."""
    try:
        moved = admit(facts.schedule_id, room=facts.room, joiner=joiner, now=now)
    except OperationalError as error:
        # The schedule's lock was waited for in vain. The fan has the place all the same; a tick will do.
        log.warning("Token %s waits for the next tick of schedule %s: %s", joiner, facts.schedule_id, error)
        return False
    snapshots.announce(facts.schedule_id, moved.serving)
    return moved.admitted > 0


def end_line(schedule_id: int, *, reason: ExpiredReason, now: datetime | None = None) -> int:
    """Expire everyone who waits, because there is nothing left to wait for; return how many.

    In batches, each of them a transaction, so that no statement locks a line of a million, and whoever is killed in
    between has done what was done. Fans inside keep their time.
    """
    ended = 0
    while True:
        batch = end_some(schedule_id, most=END_BATCH, reason=reason, now=now)
        ended += batch
        if batch < END_BATCH:
            return ended


def end_some(schedule_id: int, *, most: int, reason: ExpiredReason, now: datetime | None = None) -> int:
    """Expire up to `most` of those who wait, the first ones; return how many: fewer once all are done.

    A draw at work has all of them locked for half a minute, and other lines would wait with this one. Whoever is
    locked is left to the next call.
    """
    waiting = WaitingToken.objects.waiting(schedule_id).order_by("number")
    with transaction.atomic():
        unlocked = waiting.select_for_update(of=("self",), skip_locked=True, no_key=True)
        batch = list(unlocked.values_list("pk", flat=True)[:most])
        return WaitingToken.objects.filter(pk__in=batch).move(
            TokenStatus.WAITING, TokenStatus.EXPIRED, expired_at=now or Now(), expired_reason=reason
        )


def expire_lapsed(schedule_id: int, *, now: datetime | None = None) -> int:
    """Close the ACTIVE tokens of a schedule whose time is over; return how many.

    Admission does it as well; this is for a schedule that admits nobody any more.
    """
    over = WaitingToken.objects.filter(concert_schedule_id=schedule_id).lapsed(now)
    return over.move(TokenStatus.ACTIVE, TokenStatus.EXPIRED, expired_reason=LAPSE_REASON)


def is_unlocked(schedule_id: int) -> bool:
    """Whether nobody has the schedule's lock at this moment: for who would rather not wait for it."""
    with connection.cursor() as cursor:
        # Outside a transaction it is given back at once.
        cursor.execute("select pg_try_advisory_xact_lock(waiting_room_key(%s))", [schedule_id])
        (is_free,) = cursor.fetchone()
    return bool(is_free)


def lock_waiting_room(schedule_id: int) -> None:
    """Take the schedule's lock until the end of this transaction; what changes cap or pause takes it first.

    :raises TransactionManagementError: outside a transaction, where the lock would be gone at once
    """
    transaction.get_connection().validate_no_broken_transaction()
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("The lock needs a transaction to live in.")
    with connection.cursor() as cursor:
        cursor.execute("select lock_waiting_room(%s)", [schedule_id])
