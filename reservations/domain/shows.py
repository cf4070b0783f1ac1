"""Setting up shows: a concert, its schedule, and the seats of its hall; and taking the seats away again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from concert_site.lib.database.statements import sql_beside
from concert_site.lib.errors import Conflict, NotFound
from reservations.halls.hall import Hall, SeatPlan
from reservations.models import Concert, ConcertSchedule, ConcertSeat, SeatStatus
from reservations.queries.bookings import was_booked

COPY_SEATS = """
copy concert_seat (concert_id, concert_schedule_id, section, row, seat_number, seat_label, seat_guid, seat_price,
                   category, row_index, x, y, accessible, status) from stdin
"""


class BookedBefore(Conflict):
    detail = _("Seats of this date were booked, so they stay. Take them off sale, or unpublish the concert.")


@dataclass(frozen=True, slots=True)
class Times:
    """When a show's sale opens and closes, and when it is played."""

    opens_at: datetime
    closes_at: datetime
    concert_at: datetime


@dataclass(frozen=True, slots=True)
class Show:
    """A show that was set up: ids, the seats in the order in which every answer lists them."""

    concert_id: int
    schedule_id: int
    seat_ids: list[int]


@transaction.atomic(durable=True)
def make_show(*, name: str, hall: Hall, times: Times, **limits: int) -> Show:
    """Set up a concert of one date; `limits` are columns of the schedule.

    :raises IntegrityError: if the sale would not open before it closes, and close before the concert
    """
    concert = Concert.objects.create(name=name)
    schedule, seats = make_schedule(concert=concert, hall=hall, times=times, **limits)
    return Show(concert_id=concert.pk, schedule_id=schedule.pk, seat_ids=[seat.pk for seat in seats])


def make_schedule(
    *, concert: Concert, hall: Hall, times: Times, **columns: object
) -> tuple[ConcertSchedule, list[ConcertSeat]]:
    """Add a date with the seats of a hall to a concert: a step of the caller's transaction.

    Returns the schedule, and its seats in the order in which every answer lists them.
    """
    schedule = ConcertSchedule.objects.create(
        concert=concert,
        concert_date=localdate(times.concert_at),
        concert_at=times.concert_at,
        reservation_available_at=times.opens_at,
        deadline_at=times.closes_at,
        layout=hall.layout(),
        **columns,
    )
    create_seats(hall, schedule)
    return schedule, list(ConcertSeat.objects.of_schedule(schedule.pk))


@transaction.atomic(durable=True)
def add_seats(*, schedule_id: int, hall: Hall) -> int:
    """Give a schedule that has no seats those of a hall, and its map; return how many.

    :raises NotFound: if there is no such schedule
    :raises Conflict: if it has seats already
    """
    # Two members of staff may add seats at once: the second waits here, and then finds those of the first.
    schedule = locked_schedule(schedule_id)
    demand_no_seats(schedule_id)
    ConcertSchedule.objects.filter(pk=schedule_id).update(layout=hall.layout(), layout_version=F("layout_version") + 1)
    return create_seats(hall, schedule)


def demand_no_seats(schedule_id: int) -> None:
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
        for plan in hall.seats:
            rows.write_row(seat_row(plan, schedule))
    return len(hall.seats)


def remove_seats(*, schedule_id: int) -> int:
    """Take the seats and the map away from a date of which nothing was ever booked; return how many seats there were.

    :raises NotFound: if there is no such schedule
    :raises Conflict: if it has no seats, or a seat of it is booked or was, if only for a moment
    """
    with refused(BookedBefore()), transaction.atomic(durable=True):
        locked_schedule(schedule_id)
        removed = clear_hall(schedule_id)
        if not removed:
            raise Conflict(_("This date has no seats."))
        ConcertSchedule.objects.filter(pk=schedule_id).update(layout={}, layout_version=F("layout_version") + 1)
    return removed


def clear_hall(schedule_id: int) -> int:
    """Delete the seats of a date, and return how many: a step of the caller's transaction, inside refused().

    A fan who gets a seat first keeps it: the statement waits for their hold, leaves the seat, and this refuses. A fan
    who comes later finds no free seat, and hears so at once.

    :raises Conflict: if a seat is booked or was
    """
    if was_booked(schedule_id):
        raise BookedBefore
    with connection.cursor() as cursor:
        cursor.execute(sql_beside(__file__, "remove_seats.sql"), {"schedule_id": schedule_id})
        removed = int(cursor.rowcount)
    if ConcertSeat.objects.filter(concert_schedule=schedule_id).exists():
        raise Conflict(_("A fan was quicker and holds a seat of this date. All seats stay."))
    return removed


@contextmanager
def refused(refusal: Conflict) -> Iterator[None]:
    """Around a transaction that deletes: what the database says of it at its end, in our words.

    Whoever held a seat and gave it back between a question and the statement has left a reservation, which points at
    a seat that is gone; the foreign key notices.

    :raises Conflict: this one, if the database refuses
    """
    try:
        yield
    except IntegrityError as error:
        raise refusal from error


def locked_schedule(schedule_id: int) -> ConcertSchedule:
    """A schedule, locked until the caller's transaction ends; holds, which only refer to it, go on.

    :raises NotFound: if there is none
    """
    schedule = ConcertSchedule.objects.select_for_update(of=("self",), no_key=True).filter(pk=schedule_id).first()
    if schedule is None:
        raise NotFound
    return schedule


def clock() -> datetime:
    """The present, by PostgreSQL's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def seat_row(plan: SeatPlan, schedule: ConcertSchedule) -> tuple[object, ...]:
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
        SeatStatus.AVAILABLE.value,
    )
