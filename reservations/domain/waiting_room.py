"""The waiting room of a schedule, seen from the sale: who may join, and how many may come in."""

import logging
from dataclasses import dataclass
from datetime import datetime

from django.db import Error, OperationalError

from concert_site.lib.redis import try_redis
from concert_site.lib.tasks import enqueue_soon
from queueing.domain import admission, draw, line, progress
from queueing.models import ExpiredReason
from queueing.queries import TokenView, has_lobby, own_token
from reservations.domain import public_progress
from reservations.domain.errors import SaleClosed, SaleNotOpen, SoldOut
from reservations.domain.public_progress import Progress
from reservations.queries.availability import availability_of
from reservations.queries.entrance import Entrance, entrance, room_for_fans
from reservations.queries.sales import SaleState, fresh_sale_of, lobby_before, sale_state

log = logging.getLogger(__name__)

# More than a second can sell: a second's old picture with fewer seats left than this may be wrong, so who decides
# by it looks again.
FEW_SEATS = 2000
# How many a tick itself ends of a line whose sale is over: a few hundredths of a second's work.
MOST_ENDED = 2000
# Where ticks are late, whoever looks does their work, once in so long; and a draw of so many, after so long.
STAND_IN_MS = 1000
MOST_DRAWN_HERE, DRAW_LATE_SECONDS = 2000, 10.0
# Why those who wait have nothing to wait for any more.
REASONS = {SaleState.SOLD_OUT: ExpiredReason.SOLD_OUT, SaleState.CLOSED: ExpiredReason.SALE_CLOSED}


@dataclass(frozen=True, slots=True)
class Place:
    """The answer to a join: the token, whether this join made it, and the hash of the draw's seed."""

    token: TokenView
    is_new: bool
    seed_hash: str


def join(*, user_id: int, schedule_id: int, now: datetime | None = None) -> Place:
    """Join the line of a schedule, or before the draw its lobby; a live token is answered again.

    One read, one call to Redis, one insert. Where nobody waits and a slot looks free, admission follows at
    once, so that in a quiet sale the fan is ACTIVE with the first answer. In the lobby, one read and one insert.

    :raises NotFound: if there is no such schedule
    :raises SaleNotOpen, SaleClosed, SoldOut: if there is nothing to wait for
    :raises Unavailable: while Redis is away and the fan has no token yet; the lobby needs none
    """
    seats = availability_of(schedule_id)
    met = entrance(
        user_id=user_id,
        schedule_id=schedule_id,
        check_seats=not seats.is_sold_out and seats.seats_left < FEW_SEATS,
        now=now,
    )
    if met.token is not None:
        return Place(met.token, is_new=False, seed_hash=met.seed_hash)
    refuse_unless_open(met, is_sold_out=met.is_sold_out or seats.is_sold_out)
    joined = None if met.is_drawn else join_before_the_draw(met, user_id=user_id, schedule_id=schedule_id, now=now)
    if joined is not None:
        return Place(joined.token, joined.is_new, met.seed_hash)
    joined = line.join(user_id=user_id, schedule_id=schedule_id, now=now)
    token = joined.token
    if joined.is_new and met.may_enter:
        try:
            cap = met.queue_max_active
            if admit(schedule_id, seats_left=seats.seats_left, cap=cap, joiner=joined.id, now=now).admitted:
                token = own_token(token.token, user_id=user_id, now=now)
        except OperationalError as error:
            # The schedule's lock was waited for in vain. The fan has the place all the same; a tick will do.
            log.warning("Fan %s waits for the next tick of schedule %s: %s", user_id, schedule_id, error)
    return Place(token, joined.is_new, met.seed_hash)


def refuse_unless_open(met: Entrance, *, is_sold_out: bool) -> None:
    """
    :raises SaleNotOpen, SaleClosed, SoldOut: unless there is something to wait for
    """
    if not met.is_available or met.read_at >= met.deadline_at:
        raise SaleClosed
    if met.read_at < lobby_before(met.reservation_available_at):
        raise SaleNotOpen
    if is_sold_out:
        raise SoldOut


def join_before_the_draw(met: Entrance, *, user_id: int, schedule_id: int, now: datetime | None) -> line.Joined | None:
    """Join the lobby; None if the numbers are drawn by now.

    Where the sale has opened and nobody waited for it, there is nothing to draw: the first who comes opens the line.
    """
    if met.read_at >= met.reservation_available_at and not met.has_lobby:
        draw.draw(schedule_id, waits=True, now=now)
    return line.join_lobby(user_id=user_id, schedule_id=schedule_id, now=now)


def admit(
    schedule_id: int, *, seats_left: int, cap: int, joiner: int | None = None, now: datetime | None = None
) -> admission.Admission:
    """Admit whom the cap and the seats allow.

    Never more than seats can still be had: beyond the fans who hold one already, one fan a free seat. Where
    the seats could be fewer than `cap`, both are counted now: `seats_left` may be a second old, and would
    count the seats that have been taken since. So may `cap`: the cap in force is read behind the lock, and
    may have been raised far above the seats.
    """
    plenty = seats_left >= cap + FEW_SEATS
    room = seats_left - FEW_SEATS if plenty else room_for_fans(schedule_id, now=now)
    moved = admission.admit(schedule_id, room=room, joiner=joiner, now=now)
    if moved.admitted:
        progress.admitted(schedule_id, moved.serving)
    return moved


def tick(schedule_id: int, *, stands_in: bool = False, now: datetime | None = None) -> int:
    """One step of a schedule's waiting room: end the line if the sale is over, else admit. How many came in.

    Idempotent and safe to run from many workers at once; it renews the public picture of the line. Who `stands_in` is
    no worker, and does it because none has.
    """
    sale = fresh_sale_of(schedule_id)
    if sale is None:
        return 0
    seats = availability_of(schedule_id)
    admitted = 0
    match sale_state(sale, is_sold_out=seats.is_sold_out, now=now or sale.now()):
        case SaleState.OPEN if sale.drawn_at is None and has_lobby(schedule_id):
            # In a task of its own: a million take half a minute, and other lines move on meanwhile.
            enqueue_soon("reservations.draw_line", schedule_id=schedule_id)
        case SaleState.OPEN:
            if sale.drawn_at is None:
                # Nobody has waited for the opening, and from now on nobody does.
                draw.draw(schedule_id, now=now)
            cap = sale.queue_max_active
            admitted = admit(schedule_id, seats_left=seats.seats_left, cap=cap, now=now).admitted
        case SaleState.SOLD_OUT | SaleState.CLOSED as state:
            ended = admission.end_some(schedule_id, most=MOST_ENDED, reason=REASONS[state], now=now)
            if ended == MOST_ENDED:
                # The rest in a task of its own: a million take a minute, and other lines move on meanwhile.
                enqueue_soon("reservations.end_line", schedule_id=schedule_id)
            admission.expire_lapsed(schedule_id, now=now)
    public_progress.renew(sale, seats, stands_in=stands_in)
    return admitted


def watched_progress(schedule_id: int) -> Progress:
    """The public progress, for pages and apps that ask for it again and again: where ticks are late, they do the work.

    So lines go on without beat and without workers, as long as anybody looks.

    :raises NotFound: if there is no such schedule in public
    """
    seen = public_progress.progress_of(schedule_id)
    if (seen.is_late or may_draw_here(seen)) and move_on(seen):
        return public_progress.progress_of(schedule_id)
    return seen


def may_draw_here(seen: Progress) -> bool:
    """Whether the worker, which draws, has had time enough for a draw that anybody can make in a moment."""
    seconds = seen.drawing_seconds
    return seconds is not None and seconds > DRAW_LATE_SECONDS and seen.line.waiting <= MOST_DRAWN_HERE


def move_on(seen: Progress) -> bool:
    """Do a late tick's work, unless another process has in this second or is at it; whether it was done here."""
    schedule_id = seen.sale.schedule_id
    is_ours = try_redis(lambda redis: redis.set(standing_in_key(schedule_id), 1, nx=True, px=STAND_IN_MS), None)
    try:
        # Whoever looks doesn't wait behind somebody who has the lock and keeps it.
        if not is_ours or not admission.is_unlocked(schedule_id):
            return False
        if not (may_draw_here(seen) and draw_line(schedule_id)):
            tick(schedule_id, stands_in=True)
    except Error as error:
        log.warning("The line of schedule %s could not be moved on in place of a tick: %s", schedule_id, error)
        return False
    return True


def standing_in_key(schedule_id: int) -> str:
    """The mark that somebody has done a tick's work for a schedule."""
    return f"queue:{schedule_id}:standing-in"


def draw_line(schedule_id: int) -> bool:
    """Draw the numbers of a line whose sale has opened, and let the first in; whether this call drew them.

    Idempotent and safe to run from many workers at once.
    """
    drawn = draw.draw(schedule_id)
    if drawn is None:
        return False
    log.info("Schedule %s: %s numbers drawn by lot, %s by time", schedule_id, drawn.drawn, drawn.late)
    tick(schedule_id)
    return True


def end_line(schedule_id: int) -> int:
    """End the line of a schedule whose sale is over, however long it is; return how many waited in it.

    Whoever is killed in the middle leaves the rest to the next. Safe to run from many workers at once.
    """
    sale = fresh_sale_of(schedule_id)
    if sale is None:
        return 0
    state = sale_state(sale, is_sold_out=availability_of(schedule_id).is_sold_out, now=sale.now())
    return admission.end_line(schedule_id, reason=REASONS[state]) if state in REASONS else 0


def slot_freed(schedule_id: int) -> None:
    """A fan has paid or left: have the slot handed on at once rather than at the next second's tick."""
    enqueue_soon("reservations.tick_admission", schedule_id=schedule_id)
