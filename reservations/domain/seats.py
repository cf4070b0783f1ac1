"""What staff change about seats. Each change is one conditional UPDATE: a seat that a fan gets first stays theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Invalid
from reservations.domain import holds
from reservations.domain.seating import HIGHEST_PRICE, LONGEST
from reservations.models import ConcertSchedule, ConcertSeat, SeatStatus
from reservations.models.seat import ConcertSeatQuerySet

# In nobody's hands: what may be given another price.
FREE = (SeatStatus.AVAILABLE, SeatStatus.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many of the seats that were asked for were changed, and how many were not."""

    changed: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """What seats are to be sold as; `color` is for a category that the map doesn't know yet."""

    category: str
    price: int
    color: str = "#2563eb"


def take_off_sale(*, seat_ids: Sequence[int], now: datetime | None = None) -> Outcome:
    """Take free seats off sale; those that are held, sold, or off sale already are skipped. A lapsed hold is free."""
    asked = chosen(seat_ids)
    if asked.filter(status=SeatStatus.TEMPORARY, expired_at__lte=now or Now()).exists():
        holds.release_lapsed(now=now)
    return outcome(seat_ids, asked.move(SeatStatus.AVAILABLE, SeatStatus.UNAVAILABLE))


def put_on_sale(*, seat_ids: Sequence[int]) -> Outcome:
    """Put seats that are off sale back on sale; the others are skipped."""
    return outcome(seat_ids, chosen(seat_ids).move(SeatStatus.UNAVAILABLE, SeatStatus.AVAILABLE))


@transaction.atomic(durable=True)
def change_tariff(*, schedule_id: int, seat_ids: Sequence[int], tariff: Tariff) -> Outcome:
    """Give seats of a date another category and price; those that are held or sold keep theirs and are skipped.

    :raises Invalid: if the tariff makes no sense
    """
    if not 1 <= tariff.price <= HIGHEST_PRICE:
        raise Invalid(_("Give a price of at least 1."), attr="price")
    if not 1 <= len(tariff.category.strip()) <= LONGEST["category"]:
        raise Invalid(_("Give the category a name."), attr="category")
    ours = chosen(seat_ids).filter(concert_schedule_id=schedule_id, status__in=FREE)
    changed = ours.update(category=tariff.category, seat_price=tariff.price)
    if changed:
        show_on_map(schedule_id, tariff)
    return outcome(seat_ids, changed)


def show_on_map(schedule_id: int, tariff: Tariff) -> None:
    """Put a category on the map if it isn't there, and give the map a new version: a step of the caller's."""
    schedule = ConcertSchedule.objects.select_for_update(of=("self",), no_key=True).get(pk=schedule_id)
    categories = schedule.layout.setdefault("categories", [])
    if tariff.category not in {category.get("name") for category in categories}:
        categories.append({"name": tariff.category, "color": tariff.color})
    ConcertSchedule.objects.filter(pk=schedule_id).update(
        layout=schedule.layout, layout_version=F("layout_version") + 1
    )


@transaction.atomic(durable=True)
def mark_accessible(*, seat_ids: Sequence[int], accessible: bool) -> Outcome:
    """Say of seats that they can, or can't, be reached without a step; whoever has them."""
    others = chosen(seat_ids).exclude(accessible=accessible)
    schedule_ids = list(others.order_by().values_list("concert_schedule_id", flat=True).distinct())
    changed = others.update(accessible=accessible)
    ConcertSchedule.objects.filter(pk__in=schedule_ids).update(layout_version=F("layout_version") + 1)
    return outcome(seat_ids, changed)


def chosen(seat_ids: Sequence[int]) -> ConcertSeatQuerySet:
    """The seats of these ids."""
    return ConcertSeat.objects.filter(pk__in=seat_ids)


def outcome(seat_ids: Sequence[int], changed: int) -> Outcome:
    """What came of it."""
    return Outcome(changed, len(seat_ids) - changed)
