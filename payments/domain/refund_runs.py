"""One refund run of a date at a time, so that everybody of it is refunded on the same terms.

A run is a row, open until nothing is left or somebody ends it. Whoever refunds a date, a clerk's page round by round or
a worker in one go, begins here, and asks before each seat whether the run is still open.
"""

from dataclasses import dataclass

from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict
from concert_site.lib.formats import money
from payments.models import RefundRun, RefundTo


@dataclass(frozen=True, slots=True)
class RefundRunTerms:
    """What each seat of a date is refunded with: the fee in minor units, where to, and why."""

    fee: int
    refund_to: RefundTo
    note: str


class RefundRunning(Conflict):
    """Somebody refunds this date on other terms; `run` is theirs."""

    code = "refund_running"

    def __init__(self, run: RefundRun) -> None:
        told = {"who": run.actor.email, "fee": money(run.fee), "note": run.note}
        super().__init__(_("%(who)s is refunding this date with a fee of %(fee)s (%(note)s).") % told)
        self.run = run


class RefundRunEnded(Conflict):
    """The run was ended while a round of it went on."""

    code = "refund_run_ended"
    detail = _("This refund was ended by a colleague. What is left is still paid.")


def open_run(schedule_id: int) -> RefundRun | None:
    """The run of a date that isn't over, with who began it."""
    return RefundRun.objects.filter(concert_schedule=schedule_id, ended_at=None).select_related("actor").first()


def begin(*, schedule_id: int, actor_id: int, terms: RefundRunTerms) -> RefundRun:
    """Begin a run, or go on with the one there is if it has the same terms, whoever began it.

    :raises RefundRunning: if there is one on other terms
    """
    # Two who begin at once: the second waits for the first at the unique index, and reads the first one's row.
    run, is_new = RefundRun.objects.select_related("actor").get_or_create(
        concert_schedule_id=schedule_id,
        ended_at=None,
        defaults={"actor_id": actor_id, "fee": terms.fee, "refund_to": terms.refund_to, "note": terms.note},
    )
    if RefundRunTerms(run.fee, RefundTo(run.refund_to), run.note) != terms:
        raise RefundRunning(run)
    if not is_new:
        RefundRun.objects.filter(pk=run.pk).update(last_round_at=Now())
    return run


def is_open(run: RefundRun) -> bool:
    """Whether nobody has ended it, nor come to its end."""
    return RefundRun.objects.filter(pk=run.pk, ended_at=None).exists()


def end(*, run_id: int) -> bool:
    """End a run, finished or not; whether it was still open. What it refunded stays refunded.

    That of a date that was canceled nobody ends: it is over once everybody has everything back.
    """
    return RefundRun.objects.filter(pk=run_id, ended_at=None, is_cancellation=False).update(ended_at=Now()) == 1
