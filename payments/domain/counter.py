"""Selling at the counter: seats for cash, by a card terminal, or for nothing, and payment for what a fan holds.

Money comes into the fan's wallet as an adjustment, which the till explains, and leaves it again as the payment: all of
a sale is one transaction, and none of it stands without the rest. Staff's sale needs no place in line: it may be before
the opening and after the deadline, until the show begins. The limit of tickets holds for an account; who has none gets
as many walk-in accounts as their tickets need.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.models import User
from concert_site.accounts.walk_ins import lock_account, make_walk_in
from concert_site.lib import metrics
from concert_site.lib.database.statements import Row, fetch_one
from concert_site.lib.errors import DomainError, Invalid, NotFound
from payments.domain import till
from payments.domain.ceilings import require_for_complimentary
from payments.domain.counter_orders import PaymentOrder, SaleOrder, require_order, require_tender
from payments.domain.errors import FanIsBusy, PriceChanged
from payments.models import TillEntry, TillKind, TillMethod
from queueing.domain.line import lock_live_token
from reservations.domain.counter_holds import hold_at_counter
from reservations.domain.errors import HoldExpired, ScheduleUnknown
from reservations.domain.holds import new_reference
from reservations.domain.waiting_room import slot_freed
from reservations.models import ConcertSchedule, Reservation
from reservations.models.reservation import is_held_at
from wallet.domain import ledger, top_ups
from wallet.domain.errors import BalanceTooLarge

PAY = """
select refusal, total, entry, freed from pay_at_counter(
    %(fan)s::bigint, %(reservations)s::bigint[], %(agreed)s::bigint, %(note)s::text, %(actor)s::bigint,
    %(most)s::bigint, coalesce(%(now)s::timestamptz, statement_timestamp()))
"""
GIVE = """
select give_at_counter(
    %(fan)s::bigint, %(reservations)s::bigint[], %(note)s::text, %(actor)s::bigint, %(most)s::bigint,
    coalesce(%(now)s::timestamptz, statement_timestamp())) as payments
"""
# The fan's own request takes milliseconds; whoever is still busy after this is asked to be patient by the clerk.
TURNS, PAUSE_SECONDS = 5, 0.05
REFUSALS: dict[str, type[DomainError]] = {"price_changed": PriceChanged, "balance_too_large": BalanceTooLarge}


@dataclass(frozen=True, slots=True)
class CounterSale:
    """A sale by its number; `is_new` is false if the same click has made it before."""

    sale: UUID
    is_new: bool


# --- Selling -----------------------------------------------------------------------------------


def sell(order: SaleOrder, *, now: datetime | None = None) -> CounterSale:
    """Sell free seats over the counter, all or none, once for each idempotency key of a clerk.

    A seat that a fan is just getting counts as taken, and is never waited for.

    :raises Invalid: if seats, buyer, tender or note make no sense, or a seat isn't of this schedule
    :raises NotFound: if the account doesn't exist, or is closed
    :raises SeatUnavailable: naming the seats that are gone
    :raises TicketLimitExceeded: if the account would have more than `tickets_per_fan`
    :raises SaleClosed: once the show has begun, or if its concert isn't published
    :raises PriceChanged: if it costs something else by now than `agreed`
    :raises FanIsBusy: if the fan's own requests don't leave the account for a moment
    :raises IdempotencyKeyReused: if the key belongs to another order
    :raises ApprovalRequired: if more is given away than this member of staff may give alone
    """
    require_order(order)
    if order.is_free and not till.booked_before(order):
        require_for_complimentary(order, now)
    return sell_now(order, now=now)


def sell_now(order: SaleOrder, *, now: datetime | None = None) -> CounterSale:
    """The same for who has been asked already.

    :raises DomainError: as `sell` does
    """
    for _turn in range(TURNS):
        if before := till.booked_before(order):
            return CounterSale(before.sale, is_new=False)
        try:
            sale, freed = sell_once(order, now)
        except FanIsBusy:
            time.sleep(PAUSE_SECONDS)
        except IntegrityError:
            # The same click came twice at once; the other one stands by now, and is found.
            if not till.booked_before(order):
                raise
        else:
            metrics.PAID_SEATS.add("counter", by=len(order.seat_ids))
            metrics.PAID_AMOUNT.add("counter", by=order.agreed)
            for schedule_id in freed:
                slot_freed(schedule_id)
            return CounterSale(sale, is_new=True)
    raise FanIsBusy


@transaction.atomic(durable=True)
def sell_once(order: SaleOrder, now: datetime | None) -> tuple[UUID, list[int]]:
    """The transaction of a sale: its number, and the schedules in whose line a place became free.

    :raises FanIsBusy: to be tried again
    """
    sale = uuid4()
    total = 0
    freed: list[int] = []
    # What was handed over for all of it stands on the first part, and so does the click.
    first: dict[str, Any] = {  # Any: columns of the till
        "idempotency_key": order.idempotency_key,
        "request_hash": order.hash,
        "tendered": order.tender.tendered,
    }
    for nth, (fan, seats) in enumerate(parts_of(order)):
        amount, done = sell_part(order, fan, seats, sale=sale, first=first if nth == 0 else {}, now=now)
        total, freed = total + amount, freed + done
    if total != order.agreed:
        raise PriceChanged
    return sale, freed


def sell_part(
    order: SaleOrder, fan: User, seats: Sequence[int], *, sale: UUID, first: dict[str, Any], now: datetime | None
) -> tuple[int, list[int]]:
    """Sell one account's seats of an order, and book them in the till: what was taken, and freed places in line."""
    booking = new_reference()
    held = hold_at_counter(
        fan_id=fan.pk,
        schedule_id=order.schedule_id,
        seat_ids=seats,
        asked=order.seat_ids,
        booking=booking,
        is_free=order.is_free,
        from_named_holds=order.from_named_holds,
        now=now,
    )
    amount, entry, freed = pay(order, fan, booking, held, now)
    TillEntry.objects.create(
        sale=sale,
        kind=TillKind.SALE,
        method=order.tender.method,
        **first,
        amount=amount,
        user_id=fan.pk,
        concert_schedule_id=order.schedule_id,
        booking_reference=booking,
        seats=len(seats),
        entry_id=entry,
        actor_id=order.actor_id,
        created_at=now or Now(),
        terminal_reference=order.tender.terminal_reference,
        mail_to=order.buyer.mail_to,
        note=order.note if order.is_free else "",
    )
    return amount, freed


def parts_of(order: SaleOrder) -> list[tuple[User, list[int]]]:
    """Whose tickets these become: the account's, or as many walk-ins' as the limit of tickets makes of them.

    :raises NotFound, ScheduleUnknown, FanIsBusy: as sell
    """
    limit = ConcertSchedule.objects.filter(pk=order.schedule_id).values_list("tickets_per_fan", flat=True).first()
    if limit is None:
        raise ScheduleUnknown(attr="schedule")
    seats = sorted(order.seat_ids)
    if order.buyer.user_id is None:
        parts = [seats[at : at + limit] for at in range(0, len(seats), limit)]
        return [(make_walk_in(order.buyer.name), part) for part in parts]
    fan = User.objects.filter(pk=order.buyer.user_id, is_active=True).first()
    if fan is None:
        raise NotFound(_("There is no account with this address, or it is closed."), attr="email")
    lock_fan(fan.pk, order.schedule_id)
    return [(fan, seats)]


def lock_fan(user_id: int, schedule_id: int) -> None:
    """Keep a fan from booking beside us, so that the limit is counted once: a step of the caller's transaction.

    The balance is waited for before anything else is locked, because who pays has it last but the token. Account and
    token are never waited for. Behind the account nobody joins a line; behind the token nobody holds.

    :raises FanIsBusy: if the fan is at it
    """
    ledger.lock_balance(user_id)
    if not lock_account(user_id) or not lock_live_token(user_id=user_id, schedule_id=schedule_id):
        raise FanIsBusy


def pay(
    order: SaleOrder, fan: User, booking: str, held: Sequence[int], now: datetime | None
) -> tuple[int, int | None, list[int]]:
    """Pay what is held, with money or without: what was taken, the ledger's line of it, and freed places in line."""
    if order.is_free:
        params = {"fan": fan.pk, "reservations": held, "note": order.note, "actor": order.actor_id, "now": now}
        if fetch_one(GIVE, params | {"most": ledger.LARGEST_BALANCE})["payments"] is None:
            raise HoldExpired
        return 0, None, []
    note = till.ledger_note(fan, order.tender, booking)
    paying = {"fan": fan.pk, "reservations": held, "agreed": None, "note": note, "actor": order.actor_id}
    row = take_money(paying, now)
    return int(row["total"]), row["entry"], row["freed"] or []


def take_money(params: dict[str, object], now: datetime | None) -> Row:
    """The answer of pay_at_counter.sql.

    :raises HoldExpired, PriceChanged, BalanceTooLarge: if it refuses
    """
    row = fetch_one(PAY, params | {"most": ledger.LARGEST_BALANCE, "now": now})
    if row["refusal"] is not None:
        raise REFUSALS.get(row["refusal"], HoldExpired)
    return row


# --- What a fan holds already ------------------------------------------------------------------


def take_payment(order: PaymentOrder, *, now: datetime | None = None) -> CounterSale:
    """Take money for all that is still held of a booking, once for each idempotency key of a clerk.

    A card payment that the fan has begun for it is given up.

    :raises Invalid: if the tender makes no sense
    :raises HoldExpired: if nothing of it is held any more
    :raises PriceChanged: if it costs something else than `agreed`
    :raises BalanceTooLarge: if the wallet would hold too much
    :raises IdempotencyKeyReused: if the key belongs to another order
    """
    require_tender(order.tender, order.agreed)
    if order.tender.method == TillMethod.COMPLIMENTARY:
        raise Invalid(_("What a fan holds can’t be made complimentary."), attr="method")
    if before := till.booked_before(order):
        return CounterSale(before.sale, is_new=False)
    try:
        sale, fan_id, held, freed = take_payment_once(order, now)
    except (IntegrityError, HoldExpired):
        # The same click came twice at once: what is held no more was paid by the other one.
        if before := till.booked_before(order):
            return CounterSale(before.sale, is_new=False)
        raise
    top_ups.abandon_all_for(held, user_id=fan_id)
    for schedule_id in freed:
        slot_freed(schedule_id)
    return CounterSale(sale, is_new=True)


@transaction.atomic(durable=True)
def take_payment_once(order: PaymentOrder, now: datetime | None) -> tuple[UUID, int, list[int], list[int]]:
    """The transaction of it: the sale's number, the fan, what was paid, and freed places in line."""
    booked = Reservation.objects.filter(is_held_at(now), booking_reference=order.booking_reference)
    held = list(booked.select_related("user").order_by("pk"))
    if not held:
        raise HoldExpired
    fan, ids, sale = held[0].user, [each.pk for each in held], uuid4()
    note = till.ledger_note(fan, order.tender, order.booking_reference)
    paying = {"fan": fan.pk, "reservations": ids, "agreed": order.agreed, "note": note, "actor": order.actor_id}
    row = take_money(paying, now)
    TillEntry.objects.create(
        sale=sale,
        kind=TillKind.SALE,
        method=order.tender.method,
        amount=int(row["total"]),
        user_id=fan.pk,
        concert_schedule_id=held[0].concert_schedule_id,
        booking_reference=order.booking_reference,
        seats=len(held),
        entry_id=row["entry"],
        actor_id=order.actor_id,
        created_at=now or Now(),
        tendered=order.tender.tendered,
        terminal_reference=order.tender.terminal_reference,
        idempotency_key=order.idempotency_key,
        request_hash=order.hash,
    )
    return sale, fan.pk, ids, row["freed"] or []
