"""Paying bookings with money that comes from outside: credited and paid in one transaction."""

from datetime import datetime

from concert_site.lib import metrics
from concert_site.lib.database.statements import fetch
from reservations.domain.waiting_room import slot_freed
from reservations.models import Reservation
from reservations.models.reservation import ReservationStatus
from wallet.domain import top_ups
from wallet.domain.errors import BalanceTooLarge
from wallet.models import TopUp
from wallet.providers.base import Outcome

SETTLE = """
select refusal, outcome, freed
  from settle_booking(%(top_up)s::bigint, %(method)s::text, %(provider_reference)s::text, %(most)s::bigint,
                      %(now)s::timestamptz)
"""


def is_overtaken(top_up: TopUp) -> bool:
    """Whether seats of a top-up were paid otherwise, and none of them waits to be paid any more."""
    states = Reservation.objects.of(user_id=top_up.user_id).filter(pk__in=top_up.reservations).values_list("status")
    found = {status for (status,) in states}
    return ReservationStatus.RESERVED in found and ReservationStatus.RESERVING not in found


def settle_booking(top_up: TopUp, outcome: Outcome, now: datetime | None = None) -> None:
    """Credit a top-up and pay what it is for; what came too late for the seats stays in the wallet.

    :raises BalanceTooLarge: if the wallet would hold too much
    """
    (row,) = fetch(SETTLE, top_ups.credit_params(top_up, outcome, now=now))
    if row["refusal"] == "balance_too_large":
        top_ups.note_too_large(top_up)
        raise BalanceTooLarge
    if row["outcome"] == TopUp.PAID:
        metrics.PAID_SEATS.add("card", by=len(top_up.reservations))
        metrics.PAID_AMOUNT.add("card", by=top_up.amount)
    for schedule_id in row["freed"] or ():
        slot_freed(schedule_id)
