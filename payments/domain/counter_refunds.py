"""Taking a sale of the counter back: tickets are refunded, and the money goes back over the counter as it came.

The refund is the usual one, into the wallet; in the same transaction it leaves the wallet again as an adjustment that
the till explains. Who sells may undo what was sold here today; who may refund, whatever was sold here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.models import User
from concert_site.lib.errors import Conflict, NotFound
from concert_site.lib.reasons import require_reason
from payments.domain import refunds
from payments.domain.ceilings import require_for_undo
from payments.domain.mail_rendering import language_of
from payments.models import Payment, PaymentState, TillEntry, TillKind, TillMethod
from payments.queries.till import sold_by
from reservations.models import ConcertSeat, Reservation
from wallet.domain import ledger
from wallet.models import LedgerKind


class UndoOver(Conflict):
    """The day of the sale is over: a refund is a matter for who may refund."""

    code = "undo_over"
    detail = _("A sale can be undone on its own day only. Ask a colleague who may refund.")


class NothingToUndo(Conflict):
    """All of it is refunded already, or was handed on."""

    code = "nothing_to_undo"
    detail = _("Nothing of this sale is left to refund.")


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back: tickets, what is to be handed out, and what stays in the fan's wallet, in minor units."""

    tickets: int
    amount: int
    method: TillMethod
    kept: int = 0


def undo(
    *,
    sale: UUID,
    reservation_ids: Sequence[int] | None = None,
    actor_id: int,
    note: str,
    may_refund: bool = False,
    now: datetime | None = None,
) -> Undone:
    """Refund tickets of a sale in full (without ids all of them), and take the money out of the till.

    Seats go on sale again. Complimentary tickets are canceled, and nothing is handed out.

    :param may_refund: whether the actor may refund on any day
    :raises NotFound: if there is no such sale
    :raises Invalid: without a reason
    :raises UndoOver: after the day of the sale, unless the actor may refund
    :raises ApprovalRequired: if what goes back is more than this member of staff may refund alone
    :raises NothingToUndo: if nothing of it is paid any more
    :raises BalanceTooLarge, InsufficientBalance: if the fan's wallet doesn't let the money through
    """
    require_reason(note)
    entries = entries_of(sale)
    at = now or timezone.now()
    if not may_refund and timezone.localdate(at) != timezone.localdate(entries[0].created_at):
        raise UndoOver
    require_for_undo(sale, paid_of(entries, reservation_ids), note=note, actor_id=actor_id, fan_id=entries[0].user_id)
    return undo_now(sale=sale, reservation_ids=reservation_ids, actor_id=actor_id, note=note, now=now)


def entries_of(sale: UUID) -> list[TillEntry]:
    """What a sale put into the till.

    :raises NotFound: if there is no such sale
    """
    entries = list(TillEntry.objects.filter(sale=sale, kind=TillKind.SALE).select_related("user").order_by("pk"))
    if not entries:
        raise NotFound
    return entries


def paid_of(entries: Sequence[TillEntry], reservation_ids: Sequence[int] | None) -> list[Payment]:
    """What is still paid of a sale (of these reservations), and still belongs to whom it was sold."""
    return [
        each
        for each in sold_by(entries)
        if each.state == PaymentState.COMPLETED and (reservation_ids is None or each.reservation_id in reservation_ids)
    ]


@transaction.atomic(durable=True)
def undo_now(
    *, sale: UUID, reservation_ids: Sequence[int] | None, actor_id: int, note: str, now: datetime | None = None
) -> Undone:
    """The transaction of it.

    :raises NotFound, NothingToUndo, BalanceTooLarge, InsufficientBalance: as `undo` does
    """
    entries = entries_of(sale)
    chosen = paid_of(entries, reservation_ids)
    # All seats first, by id: each refund ends with the balance, and nobody may wait for a seat behind that.
    seats = ConcertSeat.objects.filter(pk__in=[each.reservation.concert_seat_id for each in chosen])
    list(seats.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))
    paid = paid_of(entries, reservation_ids)
    tickets = amount = worth = 0
    for entry in entries:
        own = [each.reservation for each in paid if each.reservation.booking_reference == entry.booking_reference]
        back = [each for each in own if refunds.refund(each.pk, fee=0, note=note, actor_id=actor_id, now=now)]
        if back:
            tickets, worth = tickets + len(back), worth + sum(each.price for each in back)
            amount += pay_back(entry, back, actor_id, note, now)
    if not tickets:
        raise NothingToUndo
    return Undone(tickets, amount, TillMethod(entries[0].method), kept=worth - amount)


def pay_back(entry: TillEntry, back: Sequence[Reservation], actor_id: int, note: str, now: datetime | None) -> int:
    """Hand out what was refunded of a booking: a step of the caller's transaction.

    Never more than the till has had for it: what the wallet paid for a dearer seat since then stays in the wallet.
    """
    amount = min(sum(each.price for each in back), left_of(entry))
    if amount == 0 and entry.method != TillMethod.COMPLIMENTARY:
        return 0
    line = None
    if amount:
        said = refund_note(entry.user, TillMethod(entry.method), entry.booking_reference)
        line = ledger.book(
            user_id=entry.user_id, kind=LedgerKind.ADJUSTMENT, amount=-amount, note=said, actor_id=actor_id, now=now
        )
    TillEntry.objects.create(
        sale=entry.sale,
        kind=TillKind.REFUND,
        method=entry.method,
        amount=-amount,
        user_id=entry.user_id,
        concert_schedule_id=entry.concert_schedule_id,
        booking_reference=entry.booking_reference,
        seats=len(back),
        entry=line,
        actor_id=actor_id,
        created_at=now or Now(),
        note=note,
    )
    return amount


def left_of(entry: TillEntry) -> int:
    """What of the money that the till has had for a booking wasn't handed out yet."""
    booked = TillEntry.objects.filter(sale=entry.sale, booking_reference=entry.booking_reference)
    return int(booked.aggregate(left=Sum("amount", default=0))["left"])


def refund_note(fan: User, method: TillMethod, reference: str) -> str:
    """What the fan's ledger says of money that was handed out, in their language."""
    with override(language_of(fan)):
        if method == TillMethod.CASH:
            return gettext("Paid back in cash, booking %(reference)s") % {"reference": reference}
        return gettext("Paid back to the card, booking %(reference)s") % {"reference": reference}
