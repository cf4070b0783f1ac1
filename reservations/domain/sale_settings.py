"""What staff change about a waiting room while it runs."""

from typing import TypedDict, Unpack

from django.db import transaction
from django.db.models import DateTimeField, Func

from concert_site.lib.errors import NotFound
from concert_site.lib.stale import Shown, require_unchanged
from queueing.domain.admission import lock_waiting_room
from reservations.domain.transactions import lock_schedule
from reservations.domain.waiting_room import publish
from reservations.models import ConcertSchedule


class SaleSettings(TypedDict, total=False):
    """The cap of fans inside, the limit of seats a fan, whether anybody is let in, and what everyone waiting reads."""

    queue_max_active: int
    tickets_per_fan: int
    queue_paused: bool
    queue_message: str


# A message limits nobody.
LIMITS = {"queue_max_active", "tickets_per_fan", "queue_paused"}


class ClockTimestamp(Func):
    """PostgreSQL's time at this very moment; that of the transaction's begin lies before the lock."""

    function = "clock_timestamp"
    output_field = DateTimeField()


def change_sale_settings(*, schedule_id: int, shown: Shown | None = None, **changes: Unpack[SaleSettings]) -> None:
    """Change these settings of a sale. It follows within two seconds.

    :param shown: the columns that the change is based on
    :raises NotFound: if there is no such schedule
    :raises ChangedMeanwhile: if a column that was shown is something else by now
    """
    write_sale_settings(schedule_id=schedule_id, shown=shown, **changes)
    if "tickets_per_fan" in changes:
        note_limits_changed(schedule_id)
    publish([schedule_id])


@transaction.atomic(durable=True)
def write_sale_settings(*, schedule_id: int, shown: Shown | None = None, **changes: Unpack[SaleSettings]) -> None:
    """Write the settings, and when; see `change_sale_settings`."""
    # The lock is a statement of its own and comes first: admission counts and admits behind the same lock, so
    # whoever is let in after `limits_changed_at` was let in by the new limits.
    lock_waiting_room(schedule_id)
    if shown is not None:
        require_unchanged(lock_schedule(schedule_id), shown)
    moment = {"limits_changed_at": ClockTimestamp()} if LIMITS & changes.keys() else {}
    if ConcertSchedule.objects.filter(pk=schedule_id).update(**changes, **moment) != 1:
        raise NotFound


def note_limits_changed(schedule_id: int) -> None:
    """Note the time once more, now that the new limits are committed.

    Holds take no lock of the schedule, which all of them would share: one that begins before the commit reads the
    limit of before, and is right to. Noted after it, the time is later than any such hold, and the audit, which
    asks whether a fan went above the limit after it was changed, accuses nobody of what was allowed.
    """
    ConcertSchedule.objects.filter(pk=schedule_id).update(limits_changed_at=ClockTimestamp())
