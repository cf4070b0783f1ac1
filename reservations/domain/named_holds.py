"""Named holds: seats kept off sale for somebody, until they are given back, sold, given away, or their end comes.

Seats are locked by id before anything else, as everywhere. A seat is kept by one named hold at a time; which one says
its row without an outcome, and while there is one the seat is UNAVAILABLE. Nothing hot knows of them: after its end a
hold keeps its seats until beat has put them back on sale, a moment later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict, Invalid, NotFound
from reservations.domain import holds
from reservations.domain.seats import ChangedSeats, changes, chosen, locked
from reservations.domain.transactions import lock_schedule
from reservations.models import NamedHold, NamedHoldSeat, SeatStatus
from reservations.models.named_hold import LONGEST, NamedHoldOutcome, is_kept


@dataclass(frozen=True, slots=True)
class NamedHoldOrder:
    """For whom seats are kept, why, and until when (None: until they are given back)."""

    name: str
    owner: str
    reason: str
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NamedHoldMade:
    """A named hold that was made, and how many seats it keeps and didn't get."""

    named_hold: NamedHold
    seats: ChangedSeats


def create(
    *, schedule_id: int, seat_ids: Sequence[int], order: NamedHoldOrder, actor_id: int, now: datetime | None = None
) -> NamedHoldMade:
    """Keep seats of a date for somebody: free ones, and those off sale. Held, sold and kept ones are skipped.

    :raises NotFound: if there is no such schedule
    :raises Invalid: if it isn't said for whom and why, or the end has passed
    :raises Conflict: if no seat is left to keep
    """
    require_order(order, now)
    holds.release_lapsed_of(chosen(seat_ids), now=now)
    with transaction.atomic(durable=True):
        lock_schedule(schedule_id)
        free = chosen(seat_ids).filter(concert_schedule_id=schedule_id).exclude(is_kept())
        ours = locked(free.filter(status__in=[SeatStatus.AVAILABLE, SeatStatus.UNAVAILABLE]))
        ours.move(SeatStatus.AVAILABLE, SeatStatus.UNAVAILABLE)
        # Whoever was quicker has them; those that are off sale by now and still nobody's are kept.
        ids = list(
            ours.filter(status=SeatStatus.UNAVAILABLE).exclude(is_kept()).order_by("pk").values_list("pk", flat=True)
        )
        if not ids:
            raise Conflict(_("None of these seats can be kept: they are held, sold, or kept already."))
        made = NamedHold.objects.create(
            concert_schedule_id=schedule_id,
            name=order.name.strip(),
            owner=order.owner.strip(),
            reason=order.reason.strip(),
            ends_at=order.ends_at,
            created_by_id=actor_id,
            created_at=now or Now(),
        )
        NamedHoldSeat.objects.bulk_create(NamedHoldSeat(named_hold=made, concert_seat_id=each) for each in ids)
    return NamedHoldMade(made, changes(seat_ids, len(ids)))


def require_order(order: NamedHoldOrder, now: datetime | None) -> None:
    """
    :raises Invalid: as `create` does
    """
    for name, most in LONGEST.items():
        text = getattr(order, name).strip()
        if not text or len(text) > most or not text.isprintable():
            raise Invalid(_("Fill this in, in one line."), attr=name)
    if order.ends_at is not None and order.ends_at <= (now or timezone.now()):
        raise Invalid(_("The end must lie in the future."), attr="ends_at")


@transaction.atomic(durable=True)
def release(*, named_hold_id: int, seat_ids: Sequence[int] | None = None, now: datetime | None = None) -> int:
    """Put seats of a named hold back on sale (without ids all of them); return how many.

    :raises NotFound: if there is no such hold
    """
    if not NamedHold.objects.filter(pk=named_hold_id).exists():
        raise NotFound
    kept = NamedHoldSeat.objects.filter(named_hold_id=named_hold_id, outcome=None)
    if seat_ids is not None:
        kept = kept.filter(concert_seat_id__in=seat_ids)
    # Locked first, then looked at again: who waited for a clerk who sold it leaves it alone.
    ours = locked(chosen(list(kept.values_list("concert_seat_id", flat=True))))
    left = list(kept.filter(concert_seat__in=ours).values_list("concert_seat_id", flat=True))
    kept.filter(concert_seat_id__in=left).update(outcome=NamedHoldOutcome.RELEASED, ended_at=now or Now())
    return chosen(left).move(SeatStatus.UNAVAILABLE, SeatStatus.AVAILABLE)


def release_ended(*, now: datetime | None = None) -> int:
    """Put the seats of all named holds back on sale whose end has come; return how many. Beat does it."""
    ended = NamedHold.objects.ended(now).order_by("pk").values_list("pk", flat=True)
    return sum(release(named_hold_id=each, now=now) for each in list(ended))


def delete_named_holds(schedule_id: int) -> None:
    """Delete the named holds of a date whose seats are to be removed: a step of the caller's transaction.

    :raises Conflict: while one of them keeps a seat
    """
    made = NamedHold.objects.filter(concert_schedule_id=schedule_id)
    if made.filter(Exists(NamedHoldSeat.objects.filter(named_hold=OuterRef("pk"), outcome=None))).exists():
        raise Conflict(_("Seats of this date are kept in named holds. Release them first."))
    NamedHoldSeat.objects.filter(named_hold__in=made).delete()
    made.delete()
