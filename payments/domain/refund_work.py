"""Refunding dates that were canceled, in the background: found by beat, done in slices, gone on with after any death.

Each seat is a transaction of its own, and what is left is what the tables say: so nobody is refunded twice and nobody
is forgotten, whoever is killed when. A lease on the run keeps two workers from doing the same, no more: it ends by
itself, by PostgreSQL's clock.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db import InterfaceError, OperationalError
from django.db.models import Count, Q, Sum
from django.db.models.functions import Now

from concert_site.accounts.walk_ins import is_walk_in
from concert_site.lib.errors import DomainError
from payments.domain import card_refunds
from payments.domain.schedule_refunds import ids_of_paid
from payments.models import Payment, PaymentState, RefundRun, RefundTo
from reservations.domain import holds
from reservations.models import Reservation
from reservations.models.reservation import LIVE, ReservationQuerySet, ReservationStatus
from reservations.queries.bookings import of_schedule

log = logging.getLogger(__name__)

BATCH = 100
# Why a ticket isn't refunded by itself, beside what refunds are refused for.
AT_COUNTER = "at_counter"
SLICE_SECONDS = 20.0
LEASE = timedelta(seconds=10)
MOST_NAMED = 50
# What was refused (a wallet that is full) is tried again so often.
RETRY_AFTER = timedelta(minutes=10)
# A hold that began before a date was canceled may be committed after it, and a payment too. For so long it is looked
# whether one was: no statement takes as long.
LATE_COMERS = timedelta(minutes=10)

Outcome = Literal["over", "refused", "more"]


def process_due() -> None:
    """Refund what is due of all dates that were canceled, a slice of each."""
    for run_id in due_runs():
        process_run(run_id)


def due_runs() -> list[int]:
    """The runs of canceled dates that nobody is at work on, the oldest first."""
    reopen_for_late_payments()
    is_free = Q(leased_until=None) | Q(leased_until__lt=Now())
    return list(
        RefundRun.objects.filter(is_free, is_cancellation=True, ended_at=None)
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def reopen_for_late_payments() -> None:
    """Go on with a run that came to its end before the last seat was sold."""
    ended = RefundRun.objects.filter(is_cancellation=True, ended_at__gt=Now() - LATE_COMERS)
    for run_id, schedule_id in ended.values_list("pk", "concert_schedule"):
        if live_of(schedule_id).exists():
            RefundRun.objects.filter(pk=run_id).update(ended_at=None, leased_until=None)


def live_of(schedule_id: int) -> ReservationQuerySet:
    """What is held or paid of a date."""
    return of_schedule(schedule_id).filter(status__in=LIVE)


def process_run(run_id: int, *, now: datetime | None = None) -> Outcome | None:
    """Go on with a run for about SLICE_SECONDS; how it stands then, None if another worker has it."""
    lease = Lease.take(run_id)
    if lease is None:
        return None
    run = RefundRun.objects.select_related("concert_schedule").get(pk=run_id)
    try:
        release_holds(run.concert_schedule_id, now)
        outcome = refund_slice(run, lease, until=time.monotonic() + SLICE_SECONDS, now=now)
    except (OperationalError, InterfaceError) as error:
        # PostgreSQL is away or busy: what is left is found again, by whoever comes next.
        log.warning("The refunds of schedule %s wait: %s", run.concert_schedule_id, error)
        return "more"
    if outcome == "over":
        lease.end()
    elif outcome == "refused":
        lease.rest(RETRY_AFTER)
    else:
        lease.rest(timedelta(0))
    return outcome


def release_holds(schedule_id: int, now: datetime | None) -> None:
    held = of_schedule(schedule_id).filter(status=ReservationStatus.RESERVING).values_list("pk", flat=True)
    for reservation_id in list(held):
        holds.release_hold(reservation_id=reservation_id, now=now)


def refund_slice(run: RefundRun, lease: "Lease", *, until: float, now: datetime | None) -> Outcome:
    """Refund until the time is over or nothing is left; what is refused is noted on the run."""
    refused: dict[str, str] = {}
    ids = ids_of_paid(run.concert_schedule_id)
    for first in range(0, len(ids), BATCH):
        if not lease.renew() or time.monotonic() >= until:
            return "more"
        refused |= refund_batch(run, ids[first : first + BATCH], now)
        RefundRun.objects.filter(pk=run.pk).update(refused=refused, last_round_at=Now())
    RefundRun.objects.filter(pk=run.pk).update(refused=refused, last_round_at=Now())
    if refused:
        return "refused"
    return "more" if live_of(run.concert_schedule_id).exists() else "over"


def refund_batch(run: RefundRun, ids: Sequence[int], now: datetime | None) -> dict[str, str]:
    """Refund these, each in full and with the reason in its fan's language; which were refused, and why."""
    refused: dict[str, str] = {}
    rows = Reservation.objects.filter(pk__in=ids, status=ReservationStatus.RESERVED).select_related("user")
    for each in rows.order_by("pk"):
        # What a walk-in paid is handed back where it was taken: nobody can log in to their wallet.
        if each.price and is_walk_in(each.user):
            refused[str(each.pk)] = AT_COUNTER
            continue
        try:
            # Of what goes on to cards the providers are asked by who looks after withdrawals: they take their time.
            card_refunds.refund(
                each.pk,
                fee=0,
                note=run.concert_schedule.change_reason_in(each.user.locale),
                actor_id=run.actor_id,
                refund_to=RefundTo(run.refund_to),
                now=now,
            )
        except DomainError as error:
            refused[str(each.pk)] = error.code
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # Whatever it is, it is the trouble of this seat, and must not be the others'.
            log.exception("Reservation %s of a canceled date can't be refunded", each.pk)
            refused[str(each.pk)] = "error"
    return refused


@dataclass(slots=True)
class Lease:
    """A run in the hands of this worker, until a moment that is put off as long as it lives."""

    run_id: int
    until: datetime

    @classmethod
    def take(cls, run_id: int) -> "Lease | None":
        """Take a run up; None if another worker has it, or it is over."""
        free = Q(leased_until=None) | Q(leased_until__lt=Now())
        return cls.written(run_id, free)

    @classmethod
    def written(cls, run_id: int, condition: Q) -> "Lease | None":
        own = RefundRun.objects.filter(condition, pk=run_id, ended_at=None)
        if own.update(leased_until=Now() + LEASE) != 1:
            return None
        until = RefundRun.objects.values_list("leased_until", flat=True).get(pk=run_id)
        return None if until is None else cls(run_id, until)

    def renew(self) -> bool:
        """Put its end off; false if it has passed to another worker."""
        renewed = self.written(self.run_id, Q(leased_until=self.until))
        if renewed is not None:
            self.until = renewed.until
        return renewed is not None

    def rest(self, pause: timedelta) -> None:
        """Give it back, to be taken up after so long."""
        RefundRun.objects.filter(pk=self.run_id, leased_until=self.until).update(leased_until=Now() + pause)

    def end(self) -> None:
        own = RefundRun.objects.filter(pk=self.run_id, leased_until=self.until, ended_at=None)
        own.update(ended_at=Now(), leased_until=None)


def retry(*, run_id: int) -> bool:
    """Have what was refused tried again now; whether there is something to try."""
    return RefundRun.objects.filter(pk=run_id, ended_at=None).update(leased_until=None) == 1


# --- How far it is -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far the refunds of a canceled date are: tickets and amounts (minor units), holds, and mails."""

    run: RefundRun
    refunded: int
    amount: int
    left: int
    left_amount: int
    held: int
    mails_owed: int
    failed: Sequence[Reservation]

    @property
    def total(self) -> int:
        """All tickets that there were, those that came late included."""
        return self.refunded + self.left

    @property
    def is_over(self) -> bool:
        return self.run.ended_at is not None

    @property
    def is_stuck(self) -> bool:
        """Whether nothing is left but what was refused."""
        return not self.is_over and bool(self.failed) and len(self.failed) == self.left

    @property
    def refused(self) -> Sequence[Reservation]:
        """What was refused, as many as a page names."""
        return [each for each in self.failed if self.run.refused.get(str(each.pk)) != AT_COUNTER][:MOST_NAMED]

    @property
    def at_counter(self) -> Sequence[Reservation]:
        """What was sold to walk-ins, who are paid back at the counter; as many as a page names."""
        return [each for each in self.failed if self.run.refused.get(str(each.pk)) == AT_COUNTER][:MOST_NAMED]


def cancellation_run(schedule_id: int) -> RefundRun | None:
    """The run of a date that was canceled."""
    runs = RefundRun.objects.filter(concert_schedule=schedule_id, is_cancellation=True)
    return runs.select_related("actor", "concert_schedule__concert__venue").first()


def progress_of(run: RefundRun) -> RunProgress:
    """What the tables say, five queries whatever the size of the hall."""
    schedule_id = run.concert_schedule_id
    live = live_of(schedule_id).aggregate(
        left=Count("pk", filter=Q(status=ReservationStatus.RESERVED)),
        left_amount=Sum("price", filter=Q(status=ReservationStatus.RESERVED), default=0),
        held=Count("pk", filter=Q(status=ReservationStatus.RESERVING)),
    )
    refunded = Payment.objects.filter(
        reservation__concert_seat__concert_schedule=schedule_id,
        state=PaymentState.CANCELED,
        updated_state_at__gte=run.created_at,
    ).aggregate(
        refunded=Count("pk"),
        amount=Sum("price", default=0),
        mails_owed=Count("user", filter=Q(canceled_mail_at=None), distinct=True),
    )
    named = Reservation.objects.filter(
        pk__in=[int(pk) for pk in run.refused], status=ReservationStatus.RESERVED
    ).order_by("pk")
    failed = list(named.select_related("user", "concert_seat"))
    return RunProgress(run=run, **live, **refunded, failed=failed)
