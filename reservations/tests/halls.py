"""Sales of real halls, whose seats have neighbours, for tests of choosing among them."""

from reservations.domain import best_available, seat_setup
from reservations.domain.best_available import BestAvailable
from reservations.domain.holds import Booking
from reservations.halls.hall import Category, Hall, SeatPlan, plain_hall
from reservations.models import ConcertSeat
from reservations.tests.factories import make_schedule
from reservations.tests.scenes import CONCERT_AT, NOW, Sale, let_in, token_of

PRICE = 50_000
STEP = 20.0


def make_hall_sale(hall: Hall | None = None, *, seats: int = 40, **columns: object) -> Sale:
    """A sale, open at NOW, of a hall: a plain one of so many seats, unless one is given."""
    schedule = make_schedule(**{"concert_at": CONCERT_AT} | columns)
    hall = hall or plain_hall(seats, PRICE)
    type(schedule).objects.filter(pk=schedule.pk).update(layout=hall.layout())
    seat_setup.create_seats(hall, schedule)
    return Sale(schedule, list(ConcertSeat.objects.of_schedule(schedule.pk).values_list("pk", flat=True)))


def hall_of(*rows: str, prices: dict[str, int] | None = None, sections: str = "A") -> Hall:
    """A hall as it is drawn: a text a row, from the stage; each letter a seat, a blank none.

    A letter is the seat's category; `w` is a place for a wheelchair and `c` a companion's seat of category R.
    """
    prices = {"R": PRICE, "S": 30_000} | (prices or {})
    kinds = {name: Category(name, "#2563eb", price) for name, price in prices.items()}
    seats = [
        SeatPlan(
            section=(sections * len(rows))[depth],
            row=str(depth + 1),
            number=nth + 1,
            category=kinds.get(letter, kinds["R"]),
            row_index=depth,
            x=100 + STEP * nth,
            y=100 + STEP * depth,
            is_accessible=letter == "w",
            is_companion=letter == "c",
        )
        for depth, row in enumerate(rows)
        for nth, letter in enumerate(row)
        if letter != " "
    ]
    width = 200 + STEP * max(map(len, rows))
    return Hall(width=width, height=200 + STEP * len(rows), categories=list(kinds.values()), seats=seats)


def best(fan, sale: Sale, quantity: int, *, key: str | None = None, now=NOW, **wish: object) -> Booking:
    """Hold the best available with the fan's token; a fan who was never inside is let in first."""
    token = token_of(fan, sale)
    return best_with(token.token if token else let_in(fan, sale), fan, sale, quantity, key=key, now=now, **wish)


def best_with(token, fan, sale: Sale, quantity: int, *, key: str | None = None, now=NOW, **wish: object) -> Booking:
    """Hold the best available with this token."""
    return best_available.hold_best_available(
        BestAvailable(quantity=quantity, **wish),
        user_id=fan.pk,
        schedule=sale.pk,
        queue_token=token,
        idempotency_key=key,
        request_hash=key and f"{quantity}{wish}",
        now=now,
    )


def seats_in(booking: Booking) -> list[tuple[str, str, int]]:
    """Section, row and number of a new booking's seats, from one end."""
    return sorted((row["section"], row["row"], row["seat_number"]) for row in booking.rows)
