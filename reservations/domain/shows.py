"""Setting up shows: a concert, its schedule, and the seats of its hall."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.timezone import localdate

from reservations.domain.seating import Hall, SeatPlan
from reservations.models import Concert, ConcertSchedule, ConcertSeat

SEATS_A_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Times:
    """When a show's sale opens and closes, and when it is played: counted from now."""

    opens_in: timedelta
    closes_in: timedelta
    concert_in: timedelta


@dataclass(frozen=True, slots=True)
class Show:
    """A show that was set up: ids, the seats in the order in which every answer lists them."""

    concert_id: int
    schedule_id: int
    seat_ids: list[int]


@transaction.atomic(durable=True)
def make_show(*, name: str, hall: Hall, times: Times, now: datetime | None = None, **limits: int) -> Show:
    """Set up a concert of one date; `limits` are columns of the schedule.

    :raises IntegrityError: if the sale would not open before it closes, and close before the concert
    """
    concert = Concert.objects.create(name=name)
    schedule, seat_ids = make_schedule(concert=concert, hall=hall, times=times, now=now, **limits)
    return Show(concert_id=concert.pk, schedule_id=schedule.pk, seat_ids=seat_ids)


def make_schedule(
    *, concert: Concert, hall: Hall, times: Times, now: datetime | None = None, **limits: int
) -> tuple[ConcertSchedule, list[int]]:
    """Add a date with the seats of a hall to a concert; return it, and its seats' ids in order."""
    now = now or clock()
    concert_at = now + times.concert_in
    schedule = ConcertSchedule.objects.create(
        concert=concert,
        concert_date=localdate(concert_at),
        concert_at=concert_at,
        reservation_available_at=now + times.opens_in,
        deadline_at=now + times.closes_in,
        limits_changed_at=now,
        layout=hall.layout(),
        **limits,
    )
    seats = [seat_of(plan, schedule) for plan in hall.seats]
    made = ConcertSeat.objects.bulk_create(seats, batch_size=SEATS_A_BATCH)
    return schedule, [seat.pk for seat in made]


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
