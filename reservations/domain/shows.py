"""Setting up shows: a concert, its schedule, and the seats of its hall."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict, NotFound
from reservations.domain.seating import Hall, SeatPlan
from reservations.models import Concert, ConcertSchedule, ConcertSeat

SEATS_A_BATCH = 2_000


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
    return schedule, create_seats(hall, schedule)


@transaction.atomic(durable=True)
def add_seats(*, schedule_id: int, hall: Hall) -> int:
    """Give a schedule that has no seats those of a hall, and its map; return how many.

    :raises NotFound: if there is no such schedule
    :raises Conflict: if it has seats already
    """
    # Two members of staff may add seats at once: the second waits here, and then finds those of the first.
    schedule = ConcertSchedule.objects.select_for_update(no_key=True).filter(pk=schedule_id).first()
    if schedule is None:
        raise NotFound
    if ConcertSeat.objects.filter(concert_schedule=schedule).exists():
        raise Conflict(_("This schedule has seats already."))
    ConcertSchedule.objects.filter(pk=schedule_id).update(layout=hall.layout(), layout_version=F("layout_version") + 1)
    return len(create_seats(hall, schedule))


def create_seats(hall: Hall, schedule: ConcertSchedule) -> list[ConcertSeat]:
    """The seats of a hall for a schedule, in the order in which every answer lists them: a step of the caller's."""
    seats = [seat_of(plan, schedule) for plan in hall.seats]
    return ConcertSeat.objects.bulk_create(seats, batch_size=SEATS_A_BATCH)


def clock() -> datetime:
    """The present, by PostgreSQL's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def seat_of(plan: SeatPlan, schedule: ConcertSchedule) -> ConcertSeat:
    """A seat of a schedule, as the plan of its hall has it."""
    return ConcertSeat(
        concert_id=schedule.concert_id,
        concert_schedule=schedule,
        section=plan.section,
        row=plan.row,
        seat_number=plan.number,
        seat_label=plan.label,
        seat_guid=plan.guid,
        seat_price=plan.category.price,
        category=plan.category.name,
        row_index=plan.row_index,
        x=plan.x,
        y=plan.y,
        accessible=plan.is_accessible,
    )
