"""Refunding a whole schedule, round by round."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Invalid
from concert_site.lib.reasons import require_reason
from payments.domain import card_refunds, refund_runs
from payments.domain.ceilings import require_for_date
from payments.domain.refund_runs import RefundRunEnded, RefundRunTerms
from payments.models import Payment, PaymentState, RefundRun, RefundTo
from reservations.models import Reservation
from reservations.models.reservation import ReservationStatus
from reservations.queries.bookings import of_schedule
from wallet.domain import withdrawals
from wallet.domain.errors import BalanceTooLarge
from wallet.models import Withdrawal, sent_and_returned

BATCH = 100


@dataclass(frozen=True, slots=True)
class Total:
    """So many payments, and what they come to (minor units); `fees` is what refunds kept of it."""

    count: int
    amount: int
    fees: int = 0


@dataclass(frozen=True, slots=True)
class RefundRound:
    """What a round did: how many it refunded, which wallets can't take it, and whether it came to the end.

    Of what it refunded so much is on its way to cards, is there, and came back into wallets (minor units).
    """

    refunded: int
    refused: list[int]
    is_over: bool
    to_cards: int = 0
    returned: int = 0


def paid_of(schedule_id: int) -> QuerySet[Reservation]:
    return of_schedule(schedule_id).filter(status=ReservationStatus.RESERVED).order_by("pk")


def ids_of_paid(schedule_id: int) -> list[int]:
    """All at once: asked for the next hundred, PostgreSQL walks through the reservations of all schedules."""
    return list(paid_of(schedule_id).values_list("pk", flat=True))


def to_refund(schedule_id: int) -> Total:
    found = paid_of(schedule_id).order_by().aggregate(count=Count("pk"), amount=Sum("price"))
    return Total(found["count"], found["amount"] or 0)


def refunded_so_far(schedule_id: int) -> Total:
    """What was refunded of a schedule, by staff and by the tiers."""
    payments = Payment.objects.filter(reservation__in=of_schedule(schedule_id), state=PaymentState.CANCELED)
    found = payments.aggregate(count=Count("pk"), amount=Sum("price"), fees=Sum("refund_fee"))
    return Total(found["count"], found["amount"] or 0, found["fees"] or 0)


def refund_round(
    *,
    schedule_id: int,
    actor_id: int,
    note: str,
    seconds: float,
    fee: int = 0,
    refund_to: RefundTo = RefundTo.WALLET,
    now: datetime | None = None,
) -> RefundRound:
    """Refund paid reservations of a schedule for about so many seconds, at least one. Again: it goes on.

    Each reservation is a transaction of its own, so that it can be stopped and started again at any point, by
    anybody, also by two at once on the same terms, and never holds more than one seat's locks. What is left is what
    the tables say, and on which terms it goes on is what the date's run says.
    A fee above a ticket's price takes all of that ticket. Of a provider that is away nothing more is asked in this
    round: what is to go by it has left the wallets, and is asked for by whoever looks after withdrawals.

    :raises Invalid: without a reason, or with a negative fee
    :raises ApprovalRequired: if it is more than this member of staff may refund alone; a confirmed one has begun
    :raises RefundRunning: if somebody refunds this date on other terms
    :raises RefundRunEnded: if a colleague ended the run meanwhile
    """
    require_reason(note)
    if fee < 0:
        raise Invalid(_("The fee can’t be below 0."), attr="fee")
    if not paid_of(schedule_id).exists():
        end_run_of(schedule_id)
        return RefundRound(refunded=0, refused=[], is_over=True)
    terms = RefundRunTerms(fee, refund_to, note)
    if refund_runs.open_run(schedule_id) is None:
        left = to_refund(schedule_id)
        require_for_date(schedule_id, terms, seats=left.count, amount=left.amount, actor_id=actor_id)
    run = refund_runs.begin(schedule_id=schedule_id, actor_id=actor_id, terms=terms)
    return go_on(run, terms, until=time.monotonic() + seconds, actor_id=actor_id, now=now)


def go_on(run: RefundRun, terms: RefundRunTerms, *, until: float, actor_id: int, now: datetime | None) -> RefundRound:
    """Refund seat by seat until the time is over, or nothing is left.

    :raises RefundRunEnded: if a colleague ended the run meanwhile
    """
    tally = Tally()
    for reservation in paid_in_batches(run.concert_schedule_id):
        # A colleague on the same terms may have come to the end just now, and then there is nothing to stop.
        if not refund_runs.is_open(run) and paid_of(run.concert_schedule_id).exists():
            raise RefundRunEnded
        tally.refund(reservation, terms, actor_id=actor_id, now=now)
        if time.monotonic() >= until:
            return tally.round(is_over=False)
    refund_runs.end(run_id=run.pk)
    return tally.round(is_over=True)


def end_run_of(schedule_id: int) -> None:
    """End the run of a date of which nothing is left to refund."""
    run = refund_runs.open_run(schedule_id)
    if run is not None:
        refund_runs.end(run_id=run.pk)


@dataclass(slots=True)
class Tally:
    """What a round has done so far."""

    refunded: int = 0
    refused: list[int] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)

    # Whether every provider that was asked has answered; after one that didn't none is asked.
    answers: bool = True

    def refund(self, reservation: Reservation, terms: RefundRunTerms, *, actor_id: int, now: datetime | None) -> None:
        """Refund one seat, and count it."""
        try:
            done = card_refunds.refund(
                reservation.pk,
                fee=min(terms.fee, reservation.price),
                note=terms.note,
                actor_id=actor_id,
                refund_to=terms.refund_to,
                now=now,
            )
        except BalanceTooLarge:
            self.refused.append(reservation.pk)
            return
        self.answers = self.answers and withdrawals.ask_for(done.withdrawals)
        self.refunded += done.is_new
        self.withdrawals += done.withdrawals

    def round(self, *, is_over: bool) -> RefundRound:
        """The round, once it ends."""
        return RefundRound(self.refunded, self.refused, is_over, *sent_and_returned(self.withdrawals))


def paid_in_batches(schedule_id: int) -> Iterator[Reservation]:
    """What is paid, in order, read in batches: whatever is refunded meanwhile is gone from the next one."""
    ids = iter(ids_of_paid(schedule_id))
    while batch := list(islice(ids, BATCH)):
        yield from Reservation.objects.filter(pk__in=batch, status=ReservationStatus.RESERVED).order_by("pk")
