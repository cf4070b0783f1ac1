"""Reads of reservations, each row as it is at the moment of reading."""

from collections.abc import Iterable
from datetime import date, datetime

from django.db.models import F

from concert_site.lib.database.statements import Row
from concert_site.lib.errors import require_found
from concert_site.lib.zones import day_at
from reservations.models import ConcertSchedule, ConcertSeat, Reservation
from reservations.models.reservation import IS_LIVE, ReservationQuerySet
from reservations.models.seat import IS_FREE
from reservations.queries.payment_facts import with_payments

# What cancel_reservation.sql and extend_hold.sql answer of a reservation, and of its seat.
OF_A_RESERVATION = (
    "booking_reference",
    "concert_name",
    "concert_date",
    "price",
    "status",
    "expired_at",
    "extended_at",
    "created_at",
    "updated_state_at",
)
# And of its schedule, as it stands now, whatever was booked.
OF_A_SCHEDULE = ("concert_at", "first_concert_at", "canceled_at", "free_refunds_until", "free_refunds_before")
OF_A_SEAT = ("section", "row", "seat_number", "seat_label", "seat_price", "category", "x", "y", "accessible")


def own_reservations(*, user_id: int, now: datetime | None = None) -> ReservationQuerySet:
    """A fan's reservations, newest first, with seat, schedule and payment: one query whatever their number.

    Without the schedule's layout, which is large and not for reading.
    """
    own = Reservation.objects.filter(user_id=user_id).as_read(now)
    return with_payments(with_date(own.select_related("concert_seat")).order_by(F("pk").desc()))


def with_date(reservations: ReservationQuerySet) -> ReservationQuerySet:
    hidden = "concert_schedule__layout", "concert_schedule__draw_seed"
    return reservations.select_related("concert_schedule").defer(*hidden)


def own(reservation_id: int, *, user_id: int, now: datetime | None = None) -> Reservation:
    """One reservation of a fan.

    :raises NotFound: if there is none, or it is someone else's
    """
    return require_found(own_reservations(user_id=user_id, now=now).filter(pk=reservation_id).first())


def of_reference(reference: str, *, user_id: int, now: datetime | None = None) -> ReservationQuerySet:
    """The seats booked together under a reference, in the order in which they were booked."""
    return own_reservations(user_id=user_id, now=now).filter(booking_reference=reference).order_by("pk")


def today_of(reservation: Reservation, *, now: datetime | None = None) -> date:
    """The day at its venue on which it was read, or that of `now`."""
    return day_at(now or reservation.read_at, reservation.venue_zone)


def moved_from(reservation: Reservation) -> date | None:
    """The day that it was booked for, where it is played on another one by now."""
    return reservation.concert_date if reservation.concert_date != reservation.concert_schedule.concert_date else None


def free_refunds_until(reservation: Reservation) -> date | None:
    """The last day on which it is canceled for nothing because its date was moved; None if it wasn't since."""
    schedule = reservation.concert_schedule
    before = schedule.free_refunds_before
    return schedule.free_until if before and reservation.created_at < before else None


def reservation_in(row: Row, *, user_id: int) -> Reservation:
    """A reservation with its seat, out of what a function in the database answered of it: nothing is read again."""
    seat = ConcertSeat(pk=row["seat"], concert_schedule_id=row["schedule"], **{name: row[name] for name in OF_A_SEAT})
    of_schedule = {name: row[name] for name in OF_A_SCHEDULE}
    schedule = ConcertSchedule(pk=row["schedule"], concert_date=row["played_on"], **of_schedule)
    reservation = Reservation(
        pk=row["id"],
        concert_schedule=schedule,
        concert_seat=seat,
        user_id=user_id,
        **{name: row[name] for name in OF_A_RESERVATION},
    )
    # What `as_read` annotates; a function in the database has answered it.
    reservation.read_at, reservation.state, reservation.venue_zone = row["read_at"], row["state"], row["venue_zone"]
    return reservation


def live_of_schedule(schedule_id: int, *, user_id: int) -> ReservationQuerySet:
    """What the fan has of one schedule, held or paid, each with its seat, in the order of booking.

    A hold that is over is not among it.
    """
    live = Reservation.objects.filter(IS_LIVE, user_id=user_id, concert_schedule_id=schedule_id)
    return live.select_related("concert_seat").order_by("pk")


def of_schedule(schedule_id: int) -> ReservationQuerySet:
    """All reservations of a schedule, through its seats: those are indexed by schedule, reservations are not."""
    return Reservation.objects.filter(concert_seat__concert_schedule_id=schedule_id)


def was_booked(schedule_id: int) -> bool:
    """Whether anybody ever held or bought a seat of a schedule."""
    return of_schedule(schedule_id).exists()


def own_with_schedule(reservation_id: int, *, user_id: int) -> Reservation:
    """A fan's reservation with all that its ticket says: seat, schedule, venue and payment, in one query.

    :raises NotFound: if there is none, or it is someone else's
    """
    found = own_reservations(user_id=user_id).select_related("concert__venue").filter(pk=reservation_id)
    return require_found(found.first())


def still_free(seat_ids: Iterable[int]) -> set[int]:
    """Which of these seats anybody may have by now."""
    return set(ConcertSeat.objects.filter(IS_FREE, pk__in=list(seat_ids)).values_list("pk", flat=True))
