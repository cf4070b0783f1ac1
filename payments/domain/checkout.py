"""Paying: reservations from the fan's wallet, all or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from concert_site.lib import metrics
from concert_site.lib.database.statements import Row, fetch
from concert_site.lib.errors import DomainError, NotFound, Unavailable
from concert_site.lib.id_lists import indexes_of, require_distinct
from reservations.domain.errors import HoldExpired
from reservations.domain.waiting_room import slot_freed
from wallet.domain.errors import InsufficientBalance

PAY = "select * from pay_reservations(%(fan)s::bigint, %(reservations)s::bigint[], %(now)s::timestamptz)"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was paid: a row a payment, as pay_reservations.sql answered it, already paid ones included."""

    rows: list[Row]

    @property
    def balance(self) -> int:
        """The balance left, in minor units."""
        return int(self.rows[0]["balance"])

    @property
    def is_new(self) -> bool:
        """Whether anything was paid now; not so if all of it had been paid before."""
        return bool(self.rows[0]["is_new"])


def pay(*, user_id: int, reservation_ids: Sequence[int], now: datetime | None = None) -> Receipt:
    """Pay any of the fan's own reservations, all or none: one round trip, whatever their number.

    Already paid ones are answered unchanged. Once nothing of a schedule is left to pay, the fan's token has
    done its work and the slot goes to the next in line.

    :raises Invalid: if no reservation is named, or one twice
    :raises NotFound: naming those that don't exist or aren't the fan's
    :raises HoldExpired: naming those whose hold is over
    :raises InsufficientBalance: if the wallet has less than the total
    """
    require_distinct(
        reservation_ids,
        attr="reservations",
        none=_("Choose what to pay for."),
        twice=_("This reservation is listed twice."),
    )
    rows = fetch(PAY, {"fan": user_id, "reservations": list(reservation_ids), "now": now})
    if rows[0]["refusal"] is not None:
        raise refusal_of(rows[0], reservation_ids)
    for schedule_id in rows[0]["freed"] or ():
        slot_freed(schedule_id)
    receipt = Receipt(rows)
    if receipt.is_new:
        metrics.PAID_SEATS.add("wallet", by=len(rows))
        metrics.PAID_AMOUNT.add("wallet", by=sum([row["price"] for row in rows]))
    return receipt


def refusal_of(row: Row, reservation_ids: Sequence[int]) -> DomainError:
    """The domain error that a refusal of pay_reservations.sql stands for, naming the reservations at fault."""
    at_fault = indexes_of(row["at_fault"], reservation_ids)
    match row["refusal"]:
        case "not_found":
            return NotFound(attr="reservations", items=at_fault)
        case "hold_expired":
            return HoldExpired(attr="reservations", items=at_fault)
        case "insufficient_balance":
            return InsufficientBalance()
        case _:
            return Unavailable()
