"""Schedules: when a concert is played and sold, as staff set it up and change it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from concert_site.lib.database.statements import execute, fetch_one, sql_beside
from concert_site.lib.errors import Conflict, Invalid, require_found
from concert_site.lib.stale import Shown, require_unchanged
from concert_site.lib.zones import day_at, zone_of
from queueing.queries import had_a_line, has_lobby
from reservations.domain import waiting_room
from reservations.domain.seat_setup import create_seats, delete_seats
from reservations.domain.transactions import lock_schedule, raise_on_integrity_error
from reservations.halls.hall import Hall
from reservations.models import Concert, ConcertSchedule, ConcertSeat
from reservations.models.reservation import IS_LIVE
from reservations.queries.bookings import of_schedule

# A year outside is a slip of the keyboard, and the far ends of the calendar are beyond what Python can read.
FIRST_YEAR, LAST_YEAR = 2000, 2199


@dataclass(frozen=True, slots=True)
class ScheduleTimes:
    """When a show's sale opens and closes, and when it is played."""

    opens_at: datetime
    closes_at: datetime
    concert_at: datetime

    def columns(self, zone: str | None) -> dict[str, Any]:  # Any: columns of a schedule
        """The columns of a schedule at a venue with this zone."""
        return {
            "concert_date": day_at(self.concert_at, zone),
            "concert_at": self.concert_at,
            "reservation_available_at": self.opens_at,
            "deadline_at": self.closes_at,
        }


class Limits(TypedDict, total=False):
    """The limits of a date's sale."""

    queue_max_active: int
    tickets_per_fan: int


def zone_of_concert(concert_id: int) -> str | None:
    """The name of the zone of a concert's venue; None if it has none, so that the house's counts."""
    return Concert.objects.filter(pk=concert_id).values_list("venue__time_zone", flat=True).first()


def require_valid_times(times: ScheduleTimes) -> None:
    """Refuse times that can't be.

    :raises Invalid: naming the column at fault
    """
    for attr, moment in (
        ("concert_at", times.concert_at),
        ("reservation_available_at", times.opens_at),
        ("deadline_at", times.closes_at),
    ):
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise Invalid(_("Check the year."), attr=attr)
    if times.closes_at > times.concert_at:
        raise Invalid(_("The sale must close before the concert starts, or when it does."), attr="deadline_at")
    if times.opens_at >= times.closes_at:
        raise Invalid(_("The sale must open before it closes."), attr="reservation_available_at")


def add_schedule(*, concert_id: int, times: ScheduleTimes, **limits: Unpack[Limits]) -> ConcertSchedule:
    """Add a date to a concert, still without seats.

    :raises Invalid: if its times make no sense
    """
    return write_schedule(concert_id, zone_of_concert(concert_id), times, **limits)


def write_schedule(
    concert_id: int, zone: str | None, times: ScheduleTimes, **limits: Unpack[Limits]
) -> ConcertSchedule:
    """Add a date to a concert whose venue has this zone; see `add_schedule`."""
    require_valid_times(times)
    return ConcertSchedule.objects.create(concert_id=concert_id, **times.columns(zone), **limits)


def change_times(
    *,
    schedule_id: int,
    opens_at: datetime | None = None,
    closes_at: datetime | None = None,
    concert_at: datetime | None = None,
    shown: Shown | None = None,
) -> None:
    """Change when a date is sold and played; a time that is left out stays.

    Once somebody has booked, it is played at another time only by a step that tells them (date_changes.move_date).

    :param shown: the columns that the change is based on
    :raises ChangedMeanwhile: if one of them is something else by now
    :raises NotFound: if there is no such schedule
    :raises Invalid: if the times make no sense together
    :raises Conflict: if numbers were drawn for the opening that is to change; if fans gather and it would be over; if
        it would be played at another time, and somebody has booked; if it was canceled
    """
    set_times(schedule_id=schedule_id, opens_at=opens_at, closes_at=closes_at, concert_at=concert_at, shown=shown)
    waiting_room.publish([schedule_id])


@transaction.atomic(durable=True)
def set_times(
    *,
    schedule_id: int,
    opens_at: datetime | None,
    closes_at: datetime | None,
    concert_at: datetime | None,
    shown: Shown | None,
) -> None:
    """Write the times, where they make sense together; see `change_times`."""
    # The three are judged together, so nobody may change one of them meanwhile.
    schedule = lock_schedule(schedule_id)
    require_unchanged(schedule, shown)
    times = ScheduleTimes(
        opens_at=opens_at or schedule.reservation_available_at,
        closes_at=closes_at or schedule.deadline_at,
        concert_at=concert_at or schedule.concert_at,
    )
    require_valid_times(times)
    require_not_canceled(schedule)
    require_movable_opening(schedule, times.opens_at)
    ConcertSchedule.objects.filter(pk=schedule_id).update(**times.columns(schedule.concert.time_zone))
    # Asked last, so that whoever booked until this moment is seen.
    if times.concert_at != schedule.concert_at and is_booked(schedule_id):
        raise Conflict(
            _("Fans have booked this date. Move it by “Change the date”, which tells them."), attr="concert_at"
        )


def is_booked(schedule_id: int) -> bool:
    return of_schedule(schedule_id).filter(IS_LIVE).exists()


def require_not_canceled(schedule: ConcertSchedule) -> None:
    """
    :raises Conflict: if the date was canceled
    """
    if schedule.canceled_at is not None:
        raise Conflict(_("This date was canceled, and stays so."))


def require_movable_opening(schedule: ConcertSchedule, opens_at: datetime) -> None:
    """Refuse to move an opening under those who gathered for it; `schedule` is locked.

    Numbers are drawn among all who came before the opening. Moved to a time that is over, it would part those who
    gathered into some who are drawn, and others who come after them: whoever moves it could choose the first.

    :raises Conflict: if the line has begun, or somebody waits for them and the new opening is over
    """
    if opens_at == schedule.reservation_available_at:
        return
    if schedule.drawn_at:
        raise Conflict(
            _("The line for this opening has started, so it can’t be moved."), attr="reservation_available_at"
        )
    if has_lobby(schedule.pk) and opens_at <= database_now():
        raise Conflict(
            _("Fans are in the waiting room. Choose an opening in the future."), attr="reservation_available_at"
        )


def close_sale(*, schedule_id: int, now: datetime | None = None) -> None:
    """Close a sale that is open. What is held may still be paid; who waits is sent home by the next tick.

    :raises NotFound: if there is no such schedule
    :raises Conflict: if the sale has not opened, or is over
    """
    moment = now or Now()
    ours = ConcertSchedule.objects.filter(pk=schedule_id)
    if ours.filter(reservation_available_at__lt=moment, deadline_at__gt=moment).update(deadline_at=moment) == 1:
        waiting_room.publish([schedule_id])
        return
    require_found(ours.first())
    if ours.filter(deadline_at__lte=moment).exists():
        raise Conflict(_("This sale is closed already."))
    raise Conflict(_("This sale has not opened yet. Unpublish the concert instead."))


def delete_schedule(*, schedule_id: int) -> None:
    """Delete a date with its seats, if nobody ever booked one or stood in line for it.

    :raises NotFound: if there is no such schedule
    :raises Conflict: if somebody did
    """
    meanwhile = Conflict(_("A fan joined this date while it was being deleted, so it stays."))
    with raise_on_integrity_error(meanwhile), transaction.atomic(durable=True):
        lock_schedule(schedule_id)
        if had_a_line(schedule_id):
            raise Conflict(
                _("Fans have waited in line for this date, so it stays. Close its sale, or unpublish the concert.")
            )
        delete_seats(schedule_id)
        ConcertSchedule.objects.filter(pk=schedule_id).delete()


@transaction.atomic(durable=True)
def copy_schedule(
    *, schedule_id: int, concert_at: datetime, opens_at: datetime | None = None, closes_at: datetime | None = None
) -> ConcertSchedule:
    """Make another date of the same concert: its seats and prices, its map, its limits; nobody has bought or waits.

    A time that is left out keeps its distance to the concert. Seats off sale stay off sale. The draw's seed is
    the database's own for each date; pause and message are of the evening they were meant for.

    :raises NotFound: if there is no such schedule
    :raises Invalid: if the times make no sense
    """
    # Who changes prices raises the version on this row: map and seats are copied as of one moment.
    source = lock_schedule(schedule_id)
    kept = shifted_times(source, concert_at)
    copy = write_schedule(
        source.concert_id,
        source.concert.time_zone,
        ScheduleTimes(opens_at or kept.opens_at, closes_at or kept.closes_at, concert_at),
        queue_max_active=source.queue_max_active,
        tickets_per_fan=source.tickets_per_fan,
    )
    ConcertSchedule.objects.filter(pk=copy.pk).update(layout=source.layout, hall_version=source.hall_version_id)
    execute(sql_beside(__file__, "copy_seats.sql"), {"source": source.pk, "copy": copy.pk})
    return copy


def shifted_times(source: ConcertSchedule, concert_at: datetime) -> ScheduleTimes:
    """The times of a date for another one: sold at the same distance before it, by the venue's clocks."""
    zone = zone_of(source.concert.time_zone)
    # Subtracting and adding on the venue's clocks keeps the time of day, also where a summer time lies between.
    by = concert_at.astimezone(zone).replace(tzinfo=None) - source.concert_at.astimezone(zone).replace(tzinfo=None)
    return ScheduleTimes(
        opens_at=source.reservation_available_at.astimezone(zone) + by,
        closes_at=source.deadline_at.astimezone(zone) + by,
        concert_at=concert_at,
    )


def create_schedule(
    *, concert: Concert, hall: Hall, times: ScheduleTimes, **columns: object
) -> tuple[ConcertSchedule, list[ConcertSeat]]:
    """Add a date with the seats of a hall to a concert: a step of the caller's transaction.

    Returns the schedule, and its seats in the order in which every answer lists them.
    """
    when = times.columns(concert.time_zone)
    schedule = ConcertSchedule.objects.create(concert=concert, layout=hall.layout(), **when, **columns)
    create_seats(hall, schedule)
    return schedule, list(ConcertSeat.objects.of_schedule(schedule.pk))


def database_now() -> datetime:
    """The present, by PostgreSQL's clock."""
    now: datetime = fetch_one("select statement_timestamp() as now", {})["now"]
    return now
