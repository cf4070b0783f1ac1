"""Concerts, schedules and seats for tests, with dull defaults."""

from datetime import datetime, timedelta
from itertools import count
from uuid import uuid4

from django.utils.timezone import now

from concert_site.accounts.tests.factories import make_fan
from concert_site.lib.zones import day_at
from reservations.models import Concert, ConcertSchedule, ConcertSeat, Venue

__all__ = ["hold", "make_concert", "make_fan", "make_schedule", "make_seats", "make_venue", "reserve"]

LAYOUT = {"size": {"width": 100, "height": 100}, "areas": [], "labels": [], "categories": []}
numbers = count(1)


def make_concert(**columns: object) -> Concert:
    """A concert that the public may see."""
    return Concert.objects.create(**{"name": f"Concert {next(numbers)}"} | columns)


def make_venue(time_zone: str = "America/New_York", **columns: object) -> Venue:
    """A hall, in another zone than the house unless told otherwise."""
    return Venue.objects.create(**{"name": f"Hall {next(numbers)}", "time_zone": time_zone} | columns)


def make_schedule(concert: Concert | None = None, **columns: object) -> ConcertSchedule:
    """A date in 30 days whose sale is open. Name the times that matter; the others keep their order."""
    concert = concert or make_concert()
    concert_at = columns.pop("concert_at", now() + timedelta(days=30))
    times = {
        "concert_at": concert_at,
        "concert_date": day_at(concert_at, concert.time_zone),
        "reservation_available_at": min(now(), concert_at) - timedelta(days=1),
        "deadline_at": concert_at,
        "layout": LAYOUT,
    }
    return ConcertSchedule.objects.create(concert=concert, **times | columns)


def make_seats(schedule: ConcertSchedule, count: int = 1, price: int = 50_000, **columns: object) -> list[ConcertSeat]:
    """So many free seats in one row, by id."""
    first = ConcertSeat.objects.filter(concert_schedule=schedule).count() + 1
    return ConcertSeat.objects.bulk_create(
        ConcertSeat(
            **{
                "concert_id": schedule.concert_id,
                "concert_schedule": schedule,
                "section": "A",
                "row": "1",
                "seat_number": number,
                "seat_label": f"A-1-{number}",
                "seat_guid": str(uuid4()),
                "seat_price": price,
                "category": "R",
                "row_index": 1,
                "x": 10.0 * number,
                "y": 20.0,
            }
            | columns
        )
        for number in range(first, first + count)
    )


def hold(*seats: ConcertSeat, until: datetime | None = None) -> None:
    """Let a fan hold these seats: the seats' side of it alone, for tests of what can be seen of a hall."""
    held = ConcertSeat.objects.filter(pk__in=[seat.pk for seat in seats])
    held.move("AVAILABLE", "TEMPORARY", user=make_fan(), expired_at=until or now() + timedelta(minutes=5))


def reserve(*seats: ConcertSeat) -> None:
    """Let a fan have these seats: the seats' side of it alone, as in `hold`."""
    hold(*seats)
    held = ConcertSeat.objects.filter(pk__in=[seat.pk for seat in seats])
    held.move("TEMPORARY", "RESERVED", expired_at=None, reserved_at=now())
