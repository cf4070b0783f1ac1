"""Pausing and resuming everything: what staff do when something is wrong with the whole house.

Each sale is a transaction of its own. One whose lock is held, by a draw for half a minute, must not keep the others
from being paused; who pressed the button hears which one it was.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import Error, transaction
from django.db.models import QuerySet

from queueing.domain.admission import lock_waiting_room
from queueing.facts import SaleState
from reservations.domain.sale_settings import ClockTimestamp
from reservations.domain.waiting_room import publish
from reservations.models import ConcertSchedule
from reservations.models.concert import IS_PUBLIC, sale_state_at

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SalesOutcome:
    """Of which schedules it was done, and of which it could not be."""

    done: Sequence[int]
    missed: Sequence[int]


def pausable() -> QuerySet[ConcertSchedule]:
    """The schedules that "pause everything" pauses: open or gathering fans, and not paused yet."""
    public = ConcertSchedule.objects.filter(IS_PUBLIC, queue_paused=False)
    return public.alias(sale=sale_state_at()).filter(sale__in=[SaleState.OPEN, SaleState.LOBBY]).order_by("pk")


def paused_together() -> QuerySet[ConcertSchedule]:
    """The schedules that "resume everything" resumes: those that were paused with all others, and by nobody else."""
    return ConcertSchedule.objects.filter(paused_together_at__isnull=False).order_by("pk")


def pause_all() -> SalesOutcome:
    """Let nobody into any sale. What is paused already stays paused by whoever paused it."""
    return each_of(pausable(), lambda schedules: schedules.filter(queue_paused=False).update(**PAUSED))


def resume_all() -> SalesOutcome:
    """Let fans in again wherever `pause_all` has stopped them; what somebody paused alone stays paused."""
    return each_of(
        paused_together(), lambda schedules: schedules.filter(paused_together_at__isnull=False).update(**RESUMED)
    )


PAUSED = {"queue_paused": True, "paused_together_at": ClockTimestamp(), "limits_changed_at": ClockTimestamp()}
RESUMED = {"queue_paused": False, "paused_together_at": None, "limits_changed_at": ClockTimestamp()}


def each_of(schedules: QuerySet[ConcertSchedule], step: Callable[[QuerySet[ConcertSchedule]], int]) -> SalesOutcome:
    """Take the step for each of these, behind its lock; whoever is locked, or no longer so, is told apart."""
    done: list[int] = []
    missed: list[int] = []
    for schedule_id in schedules.values_list("pk", flat=True):
        try:
            with transaction.atomic(durable=True):
                lock_waiting_room(schedule_id)
                if step(ConcertSchedule.objects.filter(pk=schedule_id)):
                    done.append(schedule_id)
        except Error as error:
            log.warning("Schedule %s could not be paused or resumed with the others: %s", schedule_id, error)
            missed.append(schedule_id)
    publish(done)
    return SalesOutcome(done, missed)
