"""A sale with fans inside, as tests of booking need it, at a moment of its own."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from concert_site.accounts.models import User
from concert_site.lib.idempotency import request_hash
from queueing.models import WaitingToken
from reservations.domain import holds
from reservations.domain.holds import Booking
from reservations.models import ConcertSchedule, ConcertSeat, Reservation
from reservations.tests.factories import make_schedule, make_seats

# Noon at the venue, 30 days before the concert. It lies in the future, so that what is held or admitted now
# is live by the database's own clock, too.
NOW = datetime(2031, 5, 1, 3, 0, tzinfo=UTC)
CONCERT_AT = datetime(2031, 5, 31, 10, 0, tzinfo=UTC)
HOLD = timedelta(seconds=300)
ACTIVE = timedelta(seconds=600)
LAPSED = NOW + HOLD
places = count(1)


@dataclass(frozen=True)
class Sale:
    """An open sale: its schedule, and the ids of its seats."""

    schedule: ConcertSchedule
    seats: list[int]

    @property
    def pk(self) -> int:
        return self.schedule.pk


def make_sale(*, seats: int = 6, price: int = 50_000, **columns: object) -> Sale:
    """A schedule whose sale is open at NOW."""
    schedule = make_schedule(**{"concert_at": CONCERT_AT} | columns)
    return Sale(schedule, [seat.pk for seat in make_seats(schedule, seats, price)])


def let_in(fan: User, sale: Sale, *, entered: bool = True, now: datetime = NOW, **columns: object) -> UUID:
    """Give a fan an ACTIVE token that has just begun; one already entered unless told otherwise."""
    token = WaitingToken.objects.create(
        **{
            "user": fan,
            "concert_schedule_id": sale.pk,
            "status": "ACTIVE",
            "number": next(places),
            "created_at": now,
            "updated_active_at": now,
            "entered_at": now if entered else None,
            "expired_at": now + (ACTIVE if entered else timedelta(seconds=120)),
        }
        | columns
    )
    return token.token


def token_of(fan: User, sale: Sale) -> WaitingToken | None:
    """The fan's live token."""
    return WaitingToken.objects.of(user_id=fan.pk).live().filter(concert_schedule_id=sale.pk).first()


def hold(fan: User, sale: Sale, *nth: int, key: str | None = None, now: datetime | None = NOW) -> Booking:
    """Hold the nth seats of a sale with the fan's token; a fan who was never inside is let in first."""
    token = token_of(fan, sale)
    inside = token.token if token else let_in(fan, sale)
    return hold_with(inside, fan, sale, *nth, key=key, now=now)


def hold_with(
    token: UUID | None, fan: User, sale: Sale, *nth: int, key: str | None = None, now: datetime | None = NOW
) -> Booking:
    """Hold the nth seats of a sale with this token."""
    seats = [sale.seats[each] for each in nth]
    body = request_hash({"schedule": sale.pk, "seats": seats}) if key else None
    return holds.hold_seats(
        user_id=fan.pk,
        schedule=sale.pk,
        seats=seats,
        queue_token=token,
        idempotency_key=key,
        request_hash=body,
        now=now,
    )


def held_by(fan: User, sale: Sale) -> list[int]:
    """Which of a sale's seats the fan has, held or paid: the reservations' side."""
    live = Reservation.objects.of(user_id=fan.pk).filter(
        concert_schedule_id=sale.pk, status__in=["RESERVING", "RESERVED"]
    )
    return sorted(sale.seats.index(seat) for seat in live.values_list("concert_seat_id", flat=True))


def statuses(sale: Sale) -> str:
    """The seats of a sale, a letter each."""
    return "".join(seat.status[0] for seat in ConcertSeat.objects.of_schedule(sale.pk))


def in_order(booking: Booking) -> list[int]:
    """The ids of a booking's reservations."""
    return [row["reservation"] for row in booking.rows] or [each.pk for each in booking.repeated]


def reservations_in(booking: Booking) -> list[Reservation]:
    """Its reservations as they were written, at the moment of this scene."""
    found = Reservation.objects.as_read(NOW).select_related("concert_seat", "payment")
    return list(found.filter(pk__in=in_order(booking)).order_by("pk"))
