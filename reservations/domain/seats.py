"""What staff change about seats: what a fan gets first stays theirs.

Rows are locked before they are changed, dates before their seats and each by id, as everywhere: an UPDATE of many
rows locks them in the order in which it happens to find them, and two of them could wait for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict, Unpack

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Invalid
from reservations.domain import holds
from reservations.domain.transactions import lock_schedule
from reservations.halls.hall import LONGEST, Category, is_price
from reservations.models import ConcertSchedule, ConcertSeat, SeatStatus
from reservations.models.named_hold import is_kept
from reservations.models.seat import ConcertSeatQuerySet

# In nobody's hands: what may be given another price.
FREE = (SeatStatus.AVAILABLE, SeatStatus.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class ChangedSeats:
    """How many of the seats that were asked for were changed, and how many were not."""

    changed: int
    skipped: int


class Marks(TypedDict, total=False):
    """Whether a seat can be reached without a step; whether it is for who comes along with somebody in a wheelchair."""

    accessible: bool
    companion: bool


def take_off_sale(*, seat_ids: Sequence[int], now: datetime | None = None) -> ChangedSeats:
    """Take free seats off sale; those that are held, sold, or off sale already are skipped. A lapsed hold is free."""
    holds.release_lapsed_of(chosen(seat_ids), now=now)
    return move(seat_ids, SeatStatus.AVAILABLE, SeatStatus.UNAVAILABLE)


def put_on_sale(*, seat_ids: Sequence[int]) -> ChangedSeats:
    """Put seats that are off sale back on sale; the others are skipped, and so are those of a named hold."""
    return move(seat_ids, SeatStatus.UNAVAILABLE, SeatStatus.AVAILABLE)


@transaction.atomic(durable=True)
def move(seat_ids: Sequence[int], source: SeatStatus, to: SeatStatus) -> ChangedSeats:
    """Move the seats that are in `source` to `to`; the others are skipped."""
    ours = locked(chosen(seat_ids).filter(status=source))
    # Looked at behind the lock: what somebody keeps by name leaves only its named hold (named_holds.release).
    return changes(seat_ids, ours.exclude(is_kept()).move(source, to))


def change_category(
    *, schedule_id: int, seat_ids: Sequence[int], category: Category, now: datetime | None = None
) -> ChangedSeats:
    """Give seats of a date another category and price; those that are held or sold keep theirs and are skipped.

    :raises Invalid: if the category makes no sense
    """
    if not is_price(category.price):
        raise Invalid(_("Give a price of at least 1."), attr="price")
    if not 1 <= len(category.name.strip()) <= LONGEST["category"]:
        raise Invalid(_("Give the category a name."), attr="category")
    holds.release_lapsed_of(chosen(seat_ids), now=now)
    return write_category(schedule_id, seat_ids, category)


@transaction.atomic(durable=True)
def write_category(schedule_id: int, seat_ids: Sequence[int], category: Category) -> ChangedSeats:
    """Write the category of seats that are free, in one transaction."""
    schedule = lock_schedule(schedule_id)
    ours = locked(chosen(seat_ids).filter(concert_schedule_id=schedule_id, status__in=FREE))
    changed = ours.update(category=category.name, seat_price=category.price)
    if changed:
        show_on_map(schedule, category)
    return changes(seat_ids, changed)


def show_on_map(schedule: ConcertSchedule, category: Category) -> None:
    """Put a category on the map if it isn't there, and give the map a new version; the caller has locked the date."""
    categories = schedule.layout.setdefault("categories", [])
    if category.name not in {each.get("name") for each in categories}:
        categories.append({"name": category.name, "color": category.color})
    ConcertSchedule.objects.filter(pk=schedule.pk).update(
        layout=schedule.layout, layout_version=F("layout_version") + 1
    )


@transaction.atomic(durable=True)
def mark(*, seat_ids: Sequence[int], **marks: Unpack[Marks]) -> ChangedSeats:
    """Give seats a mark that the map shows, or take it from them; whoever has them."""
    others = chosen(seat_ids).exclude(**marks)
    dates = ConcertSchedule.objects.filter(pk__in=others.order_by().values("concert_schedule_id"))
    schedule_ids = list(dates.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))
    changed = locked(others.filter(concert_schedule_id__in=schedule_ids)).update(**marks)
    ConcertSchedule.objects.filter(pk__in=schedule_ids).update(layout_version=F("layout_version") + 1)
    return changes(seat_ids, changed)


def chosen(seat_ids: Sequence[int]) -> ConcertSeatQuerySet:
    return ConcertSeat.objects.filter(pk__in=seat_ids)


def locked(seats: ConcertSeatQuerySet) -> ConcertSeatQuerySet:
    """These seats, locked by id; whoever waited finds them as they are then, and those alone."""
    ids = seats.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk", flat=True)
    return chosen(list(ids))


def changes(seat_ids: Sequence[int], changed: int) -> ChangedSeats:
    return ChangedSeats(changed, len(seat_ids) - changed)
