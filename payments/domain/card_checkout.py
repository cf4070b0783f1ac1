"""Paying by card: what the wallet lacks comes from a provider, and pays at once; meanwhile the seats stay held."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from concert_site.lib.database.statements import fetch_one
from concert_site.lib.errors import Unavailable
from payments.domain import checkout
from payments.domain.checkout import Receipt, refusal_of
from payments.domain.errors import PaymentUnderWay
from wallet.domain import top_ups
from wallet.domain.errors import InsufficientBalance
from wallet.models import TopUp
from wallet.providers import current_provider
from wallet.providers.base import ProviderAway
from wallet.queries import open_top_ups_for, wallet_of

PROLONG = """
select * from prolong_holds(
    %(fan)s::bigint, %(reservations)s::bigint[], %(seconds)s::float8, %(most_seconds)s::float8, %(now)s::timestamptz)
"""
# Wallet and bookings change under our hands at most so often; more of it would be somebody's game.
TURNS = 5


@dataclass(frozen=True, slots=True)
class Bill:
    """What is still to be paid of some reservations, in minor units, and until when all of it is held."""

    reservations: tuple[int, ...]
    to_pay: int
    held_until: datetime
    booking_reference: str


@dataclass(frozen=True, slots=True)
class PaidAtOnce:
    """All of it is paid: by the wallet, or by a provider that needed nobody."""

    receipt: Receipt
    is_new: bool


def pay(
    *, user_id: int, reservation_ids: Sequence[int], is_by_app: bool = False, now: datetime | None = None
) -> TopUp | PaidAtOnce:
    """Pay reservations from the wallet if it has enough; else begin to collect by card exactly what it lacks.

    Answers the top-up that collects it, under way or failed at its beginning. Before the provider is asked, the holds
    are prolonged. One payment is under way for the same reservations at a time: the same again leads to it, and one
    that asks for another sum by now, or for some of them only, is given up at its provider first. A crash at any point
    leaves all of it on record, and whoever looks after top-ups ends it.

    :raises Invalid, NotFound, HoldExpired: as checkout.pay
    :raises TopUpUnavailable: if the wallet has too little and this house takes no money online
    :raises BalanceTooLarge: if the wallet would hold too much
    :raises PaymentUnderWay: if an older payment for another sum, or for other seats as well, can't be ended any more
    :raises Unavailable: if nobody knows, because its provider is away
    """
    for _turn in range(TURNS):
        try:
            receipt = checkout.pay(user_id=user_id, reservation_ids=reservation_ids, now=now)
        except InsufficientBalance:
            current_provider()
        else:
            top_ups.abandon_all_for(reservation_ids, user_id=user_id)
            return PaidAtOnce(receipt, receipt.is_new)
        bill = prolong(user_id=user_id, reservation_ids=reservation_ids, now=now)
        missing = bill.to_pay - wallet_of(user_id).amount
        if missing <= 0 or not end_others(user_id, bill, missing, now=now):
            continue
        top_up = begin(user_id, bill, missing, is_by_app=is_by_app, now=now)
        if top_up.is_credited:
            # What it was not enough for is refused here, and asks for no more money by itself.
            return PaidAtOnce(
                checkout.pay(user_id=user_id, reservation_ids=reservation_ids, now=now),
                is_new=top_up.outcome == TopUp.PAID,
            )
        if top_up.amount == missing:
            return top_up
    raise Unavailable


def prolong(*, user_id: int, reservation_ids: Sequence[int], now: datetime | None = None) -> Bill:
    """Hold reservations while their fan is with the provider: one round trip. CARD_HOLD_SECONDS bounds it.

    :raises NotFound, HoldExpired: as checkout.pay
    """
    row = fetch_one(
        PROLONG,
        {
            "fan": user_id,
            "reservations": list(reservation_ids),
            "seconds": float(settings.TOP_UP_SECONDS),
            "most_seconds": float(settings.CARD_HOLD_SECONDS),
            "now": now,
        },
    )
    if row["refusal"] is not None:
        raise refusal_of(row, reservation_ids)
    return Bill(tuple(row["held"]), int(row["to_pay"]), row["held_until"], row["booking_reference"])


def begin(user_id: int, bill: Bill, amount: int, *, is_by_app: bool, now: datetime | None) -> TopUp:
    """Have the provider collect `amount` while the seats are held, or find the one that is under way.

    :raises TopUpUnavailable, BalanceTooLarge: as top_ups.start
    """
    begun = top_ups.start(
        top_ups.TopUpRequest(
            user_id=user_id,
            amount=amount,
            reservations=bill.reservations,
            return_path=reverse("checkout", args=[bill.booking_reference]),
            expires_at=bill.held_until,
            now=now,
        ),
        is_by_app=is_by_app,
    )
    return begun.top_up


def end_others(user_id: int, bill: Bill, amount: int, *, now: datetime | None) -> bool:
    """End whatever else is under way for any of these; false if something was paid or ended by it: look again.

    :raises PaymentUnderWay: if one can't be ended any more
    :raises Unavailable: if a provider is away, and nobody knows
    """
    at = now or timezone.now()
    for older in open_top_ups_for(bill.reservations, user_id=user_id):
        is_the_same = (tuple(sorted(older.reservations)), older.amount) == (bill.reservations, amount)
        if is_the_same and older.expires_at > at:
            record_outcome(older, now=now)
            if not older.is_open:
                return False
            continue
        try:
            top_ups.abandon(older)
        except ProviderAway as error:
            raise Unavailable from error
        if older.is_open:
            raise PaymentUnderWay
        if older.is_credited:
            return False
    return True


def record_outcome(top_up: TopUp, *, now: datetime | None) -> None:
    """Paid or declined meanwhile, and nobody told us? Its page would be a dead end. While nobody knows, it goes on."""
    try:
        top_ups.settle(top_up, top_ups.look_up(top_up), now=now)
    except ProviderAway:
        return
