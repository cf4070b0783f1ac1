"""Seats of a schedule: made of a hall, and taken away again."""

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from concert_site.lib.database.statements import execute, sql_beside
from concert_site.lib.errors import Conflict
from reservations.domain import named_holds
from reservations.domain.transactions import lock_schedule, raise_on_integrity_error
from reservations.halls.adjoining import SeatPlace
from reservations.halls.hall import Hall, SeatPlan
from reservations.models import ConcertSchedule, ConcertSeat, SeatStatus
from reservations.queries.bookings import was_booked

COPY_SEATS = """
copy concert_seat (concert_id, concert_schedule_id, section, row, seat_number, seat_label, seat_guid, seat_price,
                   category, row_index, x, y, accessible, companion, stretch, place, nearness, status) from stdin
"""


class BookedBefore(Conflict):
    detail = _("Seats of this date were booked, so they stay. Take them off sale, or unpublish the concert.")


@transaction.atomic(durable=True)
def add_seats(*, schedule_id: int, hall: Hall) -> int:
    """Give a schedule that has no seats those of a hall, and its map; return how many.

    :raises NotFound: if there is no such schedule
    :raises Conflict: if it has seats already
    """
    # Two members of staff may add seats at once: the second waits here, and then finds those of the first.
    schedule = lock_schedule(schedule_id)
    require_no_seats(schedule_id)
    ConcertSchedule.objects.filter(pk=schedule_id).update(layout=hall.layout(), layout_version=F("layout_version") + 1)
    return create_seats(hall, schedule)


def require_no_seats(schedule_id: int) -> None:
    """
    :raises Conflict: if the schedule has seats already
    """
    if ConcertSeat.objects.filter(concert_schedule=schedule_id).exists():
        raise Conflict(_("This schedule has seats already."))


def create_seats(hall: Hall, schedule: ConcertSchedule) -> int:
    """Make the seats of a hall for a schedule, and return how many: a step of the caller's transaction.

    By COPY, in the order of their ids, which is the order in which every answer lists them: 20,000 seats through the
    ORM take seconds.
    """
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(COPY_SEATS) as rows:
        for plan, place in zip(hall.seats, hall.places(), strict=True):
            rows.write_row(seat_row(plan, place, schedule))
    return len(hall.seats)


def remove_seats(*, schedule_id: int) -> int:
    """Take the seats and the map away from a date of which nothing was ever booked; return how many seats there were.

    :raises NotFound: if there is no such schedule
    :raises Conflict: if it has no seats, or a seat of it is booked or was, if only for a moment
    """
    with raise_on_integrity_error(BookedBefore()), transaction.atomic(durable=True):
        lock_schedule(schedule_id)
        removed = delete_seats(schedule_id)
        if not removed:
            raise Conflict(_("This date has no seats."))
        ConcertSchedule.objects.filter(pk=schedule_id).update(
            layout={}, hall_version=None, layout_version=F("layout_version") + 1
        )
    return removed


def delete_seats(schedule_id: int) -> int:
    """Delete the seats of a date, and return how many: a step inside raise_on_integrity_error().

    A fan who gets a seat first keeps it: the statement waits for their hold, leaves the seat, and this refuses. A fan
    who comes later finds no free seat, and hears so at once.

    :raises Conflict: if a seat is booked or was
    """
    if was_booked(schedule_id):
        raise BookedBefore
    named_holds.delete_named_holds(schedule_id)
    removed = execute(sql_beside(__file__, "remove_seats.sql"), {"schedule_id": schedule_id})
    if ConcertSeat.objects.filter(concert_schedule=schedule_id).exists():
        raise Conflict(_("A fan was quicker and holds a seat of this date. All seats stay."))
    return removed


def seat_row(plan: SeatPlan, place: SeatPlace, schedule: ConcertSchedule) -> tuple[object, ...]:
    """The columns of COPY_SEATS for a seat, as the plan of its hall has it."""
    return (
        schedule.concert_id,
        schedule.pk,
        plan.section,
        plan.row,
        plan.number,
        plan.label,
        plan.guid,
        plan.category.price,
        plan.category.name,
        plan.row_index,
        plan.x,
        plan.y,
        plan.is_accessible,
        plan.is_companion,
        place.stretch,
        place.place,
        place.nearness,
        (SeatStatus.UNAVAILABLE if plan.is_off_sale else SeatStatus.AVAILABLE).value,
    )
