"""Exchanging paid seats for others, and handing them over to another account: each one transaction, one round trip.

Both are a refund without a fee and a new payment: every invariant holds as it stands, the ledger tells what happened,
and the old ticket names a payment that is no longer valid
(docs/decisions/0043-a-rebooking-is-a-refund-and-a-payment.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.models import User
from concert_site.lib.database.statements import Row, fetch_one
from concert_site.lib.errors import DomainError, Invalid
from concert_site.lib.id_lists import indexes_of, require_distinct
from concert_site.lib.reasons import require_reason
from payments.domain.ceilings import require_for_exchange, require_for_hand_over
from payments.domain.errors import FanIsBusy, NotPaid, PriceChanged
from payments.models import Payment, Rebooking, RebookingKind
from reservations.domain.errors import SeatUnavailable, SeatUnknown, TicketLimitExceeded
from wallet.domain import ledger
from wallet.domain.errors import InsufficientBalance

REBOOK = """
select * from rebook_seats(
    %(kind)s::text, %(reservations)s::bigint[], %(seats)s::bigint[], %(receiver)s::bigint, %(agreed)s::bigint,
    %(note)s::text, %(actor)s::bigint, %(most)s::bigint, coalesce(%(now)s::timestamptz, statement_timestamp()))
"""


@dataclass(frozen=True, slots=True)
class Rebooked:
    """What came of it: the new payments, in the order of what was asked for, and what the fan paid (minor units).

    A negative difference went back into the wallet. `is_new` is false for a click that came twice.
    """

    payments: Sequence[Payment]
    difference: int
    is_new: bool


def exchange(
    *, seats: Mapping[int, int], actor_id: int, note: str, agreed: int | None = None, now: datetime | None = None
) -> Rebooked:
    """Give each of these paid reservations of one fan another seat (by reservation id), all or none. Again: no change.

    The seats are of any date of the same concert. A dearer one takes the difference off the fan's wallet, a cheaper
    one puts it there; what the old one cost comes back without a fee.

    :param agreed: the difference in minor units that staff were shown; None for whatever it is
    :raises Invalid: without a reason, or if a seat is named twice
    :raises SeatUnknown, SeatUnavailable: naming the seats that are of another concert, or gone; nobody waits for a seat
    :raises NotPaid: if one of the reservations isn't paid (any more), or they are not all one fan's
    :raises PriceChanged: if the difference is another by now
    :raises InsufficientBalance: if the wallet has less than the difference
    :raises TicketLimitExceeded: if the fan would have more of another date than it allows
    :raises ApprovalRequired: if the difference is more than this member of staff may move alone
    """
    require_distinct(
        list(seats.values()), attr="seats", none=_("Choose a seat."), twice=_("This seat is listed twice.")
    )
    require_reason(note)
    require_for_exchange(seats, note=note, actor_id=actor_id, now=now)
    return rebook(RebookingKind.EXCHANGE, seats, receiver_id=None, agreed=agreed, note=note, actor_id=actor_id, now=now)


def hand_over(
    *, reservation_ids: Sequence[int], receiver_id: int, actor_id: int, note: str, now: datetime | None = None
) -> Rebooked:
    """Make paid reservations of one fan another account's, all or none. Again: no change.

    The receiver has the tickets, and the right to what canceling gives back; what was paid is theirs from now on.

    :raises Invalid: without a reason, or if the receiver has it already, or there is no such (active) account
    :raises NotPaid: if one of the reservations isn't paid (any more), or they are not all one fan's
    :raises TicketLimitExceeded: if the receiver would have more of the date than it allows
    :raises ApprovalRequired: if it is worth more than this member of staff may hand over alone
    """
    require_reason(note)
    require_for_hand_over(reservation_ids, receiver_id=receiver_id, note=note, actor_id=actor_id, now=now)
    return hand_over_now(
        reservation_ids=reservation_ids, receiver_id=receiver_id, actor_id=actor_id, note=note, now=now
    )


def hand_over_now(
    *, reservation_ids: Sequence[int], receiver_id: int, actor_id: int, note: str, now: datetime | None = None
) -> Rebooked:
    """The same for who has been asked already.

    :raises Invalid, NotPaid, TicketLimitExceeded: as `hand_over` does
    """
    own = Payment.objects.filter(reservation__in=reservation_ids).select_related("reservation")
    seats = {each.reservation_id: each.reservation.concert_seat_id for each in own}
    if not reservation_ids or set(seats) != set(reservation_ids):
        raise NotPaid
    if not User.objects.filter(pk=receiver_id, is_active=True).exists():
        raise Invalid(_("There is no such account, or it is deactivated."), attr="receiver")
    return rebook(
        RebookingKind.HANDOVER, seats, receiver_id=receiver_id, agreed=0, note=note, actor_id=actor_id, now=now
    )


def rebook(
    kind: RebookingKind,
    seats: Mapping[int, int],
    *,
    receiver_id: int | None,
    agreed: int | None,
    note: str,
    actor_id: int,
    now: datetime | None,
) -> Rebooked:
    """Do it, or say what was done already."""
    require_reason(note)
    order: dict[str, object] = {
        "kind": kind.value,
        "reservations": list(seats),
        "seats": list(seats.values()),
        "receiver": receiver_id,
    }
    order |= {"agreed": agreed, "note": note.strip(), "actor": actor_id, "most": ledger.LARGEST_BALANCE, "now": now}
    try:
        with transaction.atomic(durable=True):
            row = fetch_one(REBOOK, order)
            if row["refusal"] is not None:
                # Whatever was written before it was refused is taken back.
                raise refusal_of(row, list(seats.values()))
    except NotPaid:
        before = already_rebooked(kind, seats, receiver_id)
        if before is None:
            raise
        return before
    found = Payment.objects.select_related("reservation__concert_seat").in_bulk(row["payments"])
    return Rebooked([found[pk] for pk in row["payments"]], row["difference"], is_new=True)


def refusal_of(row: Row, seats: Sequence[int]) -> DomainError:
    """The domain error of a refusal; of seats, it names each one at fault by its place."""
    match row["refusal"]:
        case "seat_unavailable":
            return SeatUnavailable(attr="seats", items=indexes_of(row["at_fault"], seats))
        case "seat_unknown":
            return SeatUnknown(attr="seats", items=indexes_of(row["at_fault"], seats))
        case "same_fan":
            return Invalid(_("This account has the seats already."), attr="receiver")
        case "receiver_unknown":
            return Invalid(_("There is no such account, or it is deactivated."), attr="receiver")
        case refusal:
            return REFUSALS[refusal]()


REFUSALS: dict[str, type[DomainError]] = {
    "not_paid": NotPaid,
    "not_together": NotPaid,
    "price_changed": PriceChanged,
    "insufficient_balance": InsufficientBalance,
    "ticket_limit_exceeded": TicketLimitExceeded,
    "busy": FanIsBusy,
}


def already_rebooked(kind: RebookingKind, seats: Mapping[int, int], receiver_id: int | None) -> Rebooked | None:
    """What the same order did when it came first; None if it never came."""
    done = Rebooking.objects.filter(kind=kind, old_payment__reservation__in=list(seats)).select_related(
        "old_payment", "new_payment__reservation__concert_seat"
    )
    found = {each.old_payment.reservation_id: each for each in done}
    is_same = set(found) == set(seats) and all(
        found[pk].new_payment.reservation.concert_seat_id == seat
        and receiver_id in {None, found[pk].new_payment.user_id}
        for pk, seat in seats.items()
    )
    if not is_same:
        return None
    pairs = [found[pk] for pk in seats]
    difference = sum(each.new_payment.price - each.old_payment.price for each in pairs)
    return Rebooked([each.new_payment for each in pairs], difference, is_new=False)
