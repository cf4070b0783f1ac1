"""What moves a line on: each second's tick, the draw and the end that it asks for, and who looks where it is late."""

import logging
from datetime import datetime

from django.db import Error

from concert_site.lib import metrics
from concert_site.lib.redis import try_redis
from concert_site.lib.tasks import enqueue_soon
from queueing.domain import admission, draw, snapshots
from queueing.facts import QueueSnapshot, ReadFacts, SaleFacts, SaleState
from queueing.models import ExpiredReason
from queueing.queries import has_lobby

log = logging.getLogger(__name__)

# How many a tick itself ends of a line whose sale is over: a few hundredths of a second's work.
MOST_ENDED = 2000
# Where ticks are late, whoever looks does their work, once in so long.
STAND_IN_MS = 1000
# Why those who wait have nothing to wait for any more.
REASONS = {SaleState.SOLD_OUT: ExpiredReason.SOLD_OUT, SaleState.CLOSED: ExpiredReason.SALE_CLOSED}


def tick(facts: SaleFacts, *, stands_in: bool = False, now: datetime | None = None) -> int:
    """One step of a waiting room: end the line if the sale is over, else admit. How many came in.

    Idempotent and safe to run from many workers at once; it takes the public snapshot anew. Who `stands_in` is no
    worker, and does it because none has.
    """
    schedule_id, admitted = facts.schedule_id, 0
    match facts.state_at(now or facts.now):
        case SaleState.OPEN if facts.drawn_at is None and has_lobby(schedule_id):
            # In a task of its own: a million take half a minute, and other lines move on meanwhile.
            enqueue_soon("reservations.draw_line", schedule_id=schedule_id)
        case SaleState.OPEN:
            if facts.drawn_at is None:
                # Nobody has waited for the opening, and from now on nobody does.
                draw.draw(schedule_id, now=now)
            admitted = admission.admit(schedule_id, room=facts.room, now=now).admitted
        case SaleState.SOLD_OUT | SaleState.CLOSED as state:
            ended = admission.end_some(schedule_id, most=MOST_ENDED, reason=REASONS[state], now=now)
            if ended == MOST_ENDED:
                # The rest in a task of its own: a million take a minute, and other lines move on meanwhile.
                enqueue_soon("reservations.end_line", schedule_id=schedule_id)
            admission.expire_lapsed(schedule_id, now=now)
    metrics.ADMISSIONS.add("stand_in" if stands_in else "tick", by=admitted)
    snapshots.take(facts, stands_in=stands_in)
    return admitted


def draw_line(schedule_id: int, read_facts: ReadFacts) -> bool:
    """Draw the numbers of a line whose sale has opened, and let the first in; whether this call drew them.

    Idempotent and safe to run from many workers at once.
    """
    drawn = draw.draw(schedule_id)
    if drawn is None:
        return False
    log.info("Schedule %s: %s numbers drawn by lot, %s by time", schedule_id, drawn.drawn, drawn.late)
    facts = read_facts(schedule_id)
    if facts is not None:
        tick(facts)
    return True


def end_line(facts: SaleFacts) -> int:
    """End the line of a sale that is over, however long it is; return how many waited in it.

    Whoever is killed in the middle leaves the rest to the next. Safe to run from many workers at once.
    """
    return admission.end_line(facts.schedule_id, reason=REASONS[facts.state]) if facts.state in REASONS else 0


def stand_in(seen: QueueSnapshot, read_facts: ReadFacts) -> bool:
    """Do a late tick's work, unless another process has in this second or is at it; whether it was done here."""
    schedule_id = seen.facts.schedule_id
    is_ours = try_redis(lambda redis: redis.set(stand_in_key(schedule_id), 1, nx=True, px=STAND_IN_MS), None)
    try:
        # Whoever looks doesn't wait behind somebody who has the lock and keeps it.
        if not is_ours or not admission.is_unlocked(schedule_id):
            return False
        if seen.may_be_drawn_here:
            draw.draw(schedule_id)
        facts = read_facts(schedule_id)
        if facts is not None:
            tick(facts, stands_in=True)
    except Error as error:
        log.warning("The line of schedule %s could not be moved on in place of a tick: %s", schedule_id, error)
        return False
    return True


def stand_in_key(schedule_id: int) -> str:
    """The mark that somebody has done a tick's work for a schedule."""
    return f"queue:{schedule_id}:stand-in"
