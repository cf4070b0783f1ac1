"""The crowd of the demo: fans who bought tickets and fans who stand in line, written in bulk.

What is written is what the domain's statements would have left behind, so that the audit finds nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import cycle, groupby, islice, product
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db.models import OuterRef, Subquery

from concert_site.accounts.models import User
from payments.models import Payment, PaymentState
from queueing.models import TokenStatus, WaitingToken
from reservations.domain.holds import new_reference
from reservations.models import Concert, ConcertSchedule, ConcertSeat, Reservation, SeatStatus
from reservations.models.reservation import ReservationStatus
from wallet.models import Balance, BalanceHistory, LedgerKind, TopUp, TopUpState

FAMILY_NAMES = ["김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신"]
GIVEN_NAMES = ["서연", "민준", "지우", "하준", "서윤", "도윤", "지아", "예준", "수아", "시우", "하은", "주원", "유나"]
BOUGHT_AT_ONCE = (2, 4, 3, 2, 1)
CHARGED_IN_STEPS_OF = 50_000

Party = list[ConcertSeat]


def make_sample_fans(size: int) -> list[User]:
    """Fans with Korean names. Nobody can log in as one of them: they have no password."""
    names = islice(product(GIVEN_NAMES, FAMILY_NAMES), size)
    nothing = make_password(None)
    return User.objects.bulk_create(
        User(email=f"crowd{nth}@frontrow.example", name=family + given, password=nothing, locale="ko")
        for nth, (given, family) in enumerate(names, start=1)
    )


def parties(seats: Iterable[ConcertSeat]) -> Iterator[Party]:
    """Cut each row into adjoining seats, as many as people book at once."""
    sizes = cycle(BOUGHT_AT_ONCE)
    for _, row in groupby(seats, key=lambda seat: (seat.section, seat.row)):
        while party := list(islice(row, next(sizes))):
            yield party


def add_sales(
    *, concert: Concert, schedule: ConcertSchedule, sold: Sequence[Party], fans: Sequence[User], at: datetime
) -> list[Payment]:
    """Sell each party of seats to one fan, once all of them could book; return the payments."""
    reservations = Reservation.objects.bulk_create(
        [row for party, fan in zip(sold, fans, strict=False) for row in booking_of(party, fan, concert, schedule, at)]
    )
    owner = Reservation.objects.filter(concert_seat=OuterRef("pk"), status=ReservationStatus.RESERVED).values("user_id")
    seats = ConcertSeat.objects.filter(pk__in=[row.concert_seat_id for row in reservations])
    seats.move(SeatStatus.AVAILABLE, SeatStatus.TEMPORARY, user_id=Subquery(owner), expired_at=at)
    seats.move(SeatStatus.TEMPORARY, SeatStatus.RESERVED, expired_at=None, reserved_at=at)
    # The mails of a crowd that doesn't exist count as sent.
    return Payment.objects.bulk_create(
        Payment(
            reservation=row,
            user_id=row.user_id,
            price=row.price,
            state=PaymentState.COMPLETED,
            confirmed_mail_at=at,
            created_at=at,
            updated_state_at=at,
        )
        for row in reservations
    )


def booking_of(party: Party, fan: User, concert: Concert, schedule: ConcertSchedule, at: datetime) -> list[Reservation]:
    reference = new_reference()
    return [
        Reservation(
            booking_reference=reference,
            concert=concert,
            concert_schedule=schedule,
            concert_seat=seat,
            user=fan,
            concert_name=concert.name,
            concert_date=schedule.concert_date,
            price=seat.seat_price,
            status=ReservationStatus.RESERVED,
            created_at=at,
            updated_state_at=at,
        )
        for seat in party
    ]


def add_wallets(payments: Iterable[Payment]) -> None:
    """Write the wallets of fans without one: each topped up in round figures first, then paid these."""
    by_fan: dict[int, list[Payment]] = {}
    for payment in payments:
        by_fan.setdefault(payment.user_id, []).append(payment)
    ledgers = {fan: ledger_of(paid) for fan, paid in by_fan.items()}
    balances = Balance.objects.bulk_create(
        Balance(user_id=fan, amount=rows[-1].amount_after, last_updated_at=rows[-1].created_at)
        for fan, rows in ledgers.items()
    )
    for balance in balances:
        for row in ledgers[balance.user_id]:
            row.balance = balance
    booked = BalanceHistory.objects.bulk_create(row for rows in ledgers.values() for row in rows)
    TopUp.objects.bulk_create(top_up_of(row) for row in booked if row.kind == LedgerKind.CHARGE)


def top_up_of(charge: BalanceHistory) -> TopUp:
    return TopUp(
        user_id=charge.user_id,
        amount=charge.amount,
        currency=settings.CURRENCY,
        provider="rehearsal",
        reference=uuid4().hex,
        state=TopUpState.SUCCEEDED,
        entry=charge,
        created_at=charge.created_at,
        expires_at=charge.created_at,
        updated_state_at=charge.created_at,
        receipt_mail_at=charge.created_at,
    )


def ledger_of(paid: Sequence[Payment]) -> list[BalanceHistory]:
    """A fan's ledger: a top-up that suffices, then a row a payment."""
    total = sum(payment.price for payment in paid)
    left = -(-total // CHARGED_IN_STEPS_OF) * CHARGED_IN_STEPS_OF
    rows = [entry(paid[0], kind=LedgerKind.CHARGE, amount=left, after=left)]
    for payment in paid:
        left -= payment.price
        rows.append(entry(payment, kind=LedgerKind.PAYMENT, amount=-payment.price, after=left))
    return rows


def entry(payment: Payment, *, kind: LedgerKind, amount: int, after: int) -> BalanceHistory:
    """A row of a ledger at the time of a payment, still without its balance."""
    return BalanceHistory(
        user_id=payment.user_id,
        kind=kind,
        amount=amount,
        amount_after=after,
        payment=payment if kind == LedgerKind.PAYMENT else None,
        note="",
        created_at=payment.created_at,
        updated_at=payment.created_at,
    )


def add_line_tokens(*, schedule: ConcertSchedule, fans: Sequence[User], inside: int, at: datetime) -> None:
    """Put fans into the waiting room, in order; the first ones are inside, and lapse one after the other.

    Nothing is written to Redis: its counters are rebuilt from these rows.
    """
    joined = at - timedelta(minutes=5)
    WaitingToken.objects.bulk_create(
        inside_token(schedule, fan, number, at)
        if number <= inside
        else WaitingToken(
            user=fan, concert_schedule=schedule, number=number, created_at=joined + timedelta(seconds=number)
        )
        for number, fan in enumerate(fans, start=1)
    )


def add_lobby_tokens(*, schedule: ConcertSchedule, fans: Sequence[User], at: datetime) -> None:
    """Let fans wait for an opening, in its lobby: each came by then, and nobody has a number yet."""
    WaitingToken.objects.bulk_create(
        WaitingToken(user=fan, concert_schedule=schedule, created_at=at - timedelta(seconds=7 * nth))
        for nth, fan in enumerate(fans, start=1)
    )


def inside_token(schedule: ConcertSchedule, fan: User, number: int, at: datetime) -> WaitingToken:
    """The token of a fan who was admitted and came in, and whose time ends in a minute or some."""
    came_in = at - timedelta(minutes=4) + timedelta(seconds=number)
    return WaitingToken(
        user=fan,
        concert_schedule=schedule,
        status=TokenStatus.ACTIVE,
        number=number,
        created_at=at - timedelta(minutes=5) + timedelta(seconds=number),
        updated_active_at=came_in,
        entered_at=came_in,
        expired_at=at + timedelta(minutes=number),
    )
