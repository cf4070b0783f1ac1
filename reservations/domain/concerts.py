"""Concerts, as staff set them up and change them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict
from concert_site.lib.stale import Shown, require_unchanged
from reservations.domain import venues, waiting_room
from reservations.domain.schedules import ScheduleTimes, create_schedule
from reservations.domain.transactions import lock_row, raise_on_integrity_error
from reservations.halls.hall import Hall
from reservations.models import Concert, ConcertSchedule, ConcertStatus, Venue


class Description(TypedDict, total=False):
    """What the programme says about a concert."""

    name: str
    host: str
    description: str
    status: str
    venue: Venue | None
    genre: str
    running_minutes: int | None
    age_rating: int | None
    cast: str
    notices: str
    organiser: str
    contact: str
    seller: str


@dataclass(frozen=True, slots=True)
class CreatedConcert:
    """A concert of one date that was set up: ids, the seats in the order in which every answer lists them."""

    concert_id: int
    schedule_id: int
    seat_ids: list[int]


def add_concert(**columns: Unpack[Description]) -> Concert:
    return Concert.objects.create(**columns)


def change_concert(*, concert_id: int, shown: Shown | None = None, **columns: Unpack[Description]) -> None:
    """Change what the programme says about a concert, and nothing that isn't named.

    :param shown: the columns that the change is based on
    :raises NotFound: if there is no such concert
    :raises ChangedMeanwhile: if a column that was shown is something else by now
    :raises Conflict: if another venue's clocks would differ from those by which somebody has booked
    """
    waiting_room.publish(write_concert(concert_id, shown, columns))


@transaction.atomic(durable=True)
def write_concert(concert_id: int, shown: Shown | None, columns: Description) -> list[int]:
    """Write the columns; return the dates whose clocks changed. See `change_concert`."""
    concert = lock_row(Concert.objects.select_related("venue"), concert_id)
    require_unchanged(concert, shown)
    moved = venues.write_venue_of_concert(concert, columns.pop("venue")) if "venue" in columns else []
    # Also without a column: an UPDATE of nothing is none.
    if columns:
        Concert.objects.filter(pk=concert_id).update(**columns)
    return moved


def publish(*, concert_ids: Sequence[int]) -> int:
    """Show concerts to the public, and let their sales run; return how many were not public before."""
    return write_status(concert_ids, ConcertStatus.AVAILABLE)


def unpublish(*, concert_ids: Sequence[int]) -> int:
    """Take concerts from the public: nobody joins or holds any more; return how many were public before."""
    return write_status(concert_ids, ConcertStatus.UNAVAILABLE)


def write_status(concert_ids: Sequence[int], status: ConcertStatus) -> int:
    moved = Concert.objects.filter(pk__in=concert_ids).exclude(status=status).update(status=status)
    waiting_room.publish(ConcertSchedule.objects.filter(concert__in=concert_ids).values_list("pk", flat=True))
    return moved


def delete_concert(*, concert_id: int) -> None:
    """Delete a concert that has no dates.

    :raises Conflict: if it has
    """
    has_dates = Conflict(_("This concert has dates. Unpublish it instead."))
    with raise_on_integrity_error(has_dates), transaction.atomic(durable=True):
        # Asked first, since Django would read every row that refers to it.
        if ConcertSchedule.objects.filter(concert=concert_id).exists():
            raise has_dates
        Concert.objects.filter(pk=concert_id).delete()


@transaction.atomic(durable=True)
def create_concert(
    *, name: str, hall: Hall, times: ScheduleTimes, venue: Venue | None = None, **limits: int
) -> CreatedConcert:
    """Set up a concert of one date; `limits` are columns of the schedule.

    :raises IntegrityError: if the sale would not open before it closes, and close before the concert
    """
    concert = Concert.objects.create(name=name, venue=venue)
    schedule, seats = create_schedule(concert=concert, hall=hall, times=times, **limits)
    return CreatedConcert(concert_id=concert.pk, schedule_id=schedule.pk, seat_ids=[seat.pk for seat in seats])
