"""What staff change about a waiting room while it runs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.db.models import DateTimeField, Func
from django.db.models.functions import Now

from concert_site.lib.errors import require_found
from concert_site.lib.stale import ChangedMeanwhile, Shown, comparable, differing
from queueing.domain.admission import lock_waiting_room
from reservations.domain.schedules import database_now
from reservations.domain.waiting_room import publish
from reservations.models import ConcertSchedule


class SaleSettings(TypedDict, total=False):
    """The cap of fans inside, the limit of seats a fan, whether anybody is let in, and what everyone waiting reads.

    A message without an end stays until it is taken away.
    """

    queue_max_active: int
    tickets_per_fan: int
    queue_paused: bool
    queue_message: str
    queue_message_until: datetime | None


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One setting that was changed, from what to what."""

    name: str
    before: Any  # Any: as the column is
    after: Any  # Any: as above


# A message limits nobody.
LIMITS = {"queue_max_active", "tickets_per_fan", "queue_paused"}


class ClockTimestamp(Func):
    """PostgreSQL's time at this very moment; that of the transaction's begin lies before the lock."""

    function = "clock_timestamp"
    output_field = DateTimeField()


def change_sale_settings(
    *, schedule_id: int, shown: Shown | None = None, **changes: Unpack[SaleSettings]
) -> list[SettingChange]:
    """Change these settings of a sale, and return those that were otherwise before. It follows within two seconds.

    :param shown: the columns that the change is based on; whoever leaves it out doesn't mind
    :raises NotFound: if there is no such schedule
    :raises ChangedMeanwhile: if a column is neither as it was shown nor as it shall be; nothing is changed then
    """
    made = write_sale_settings(schedule_id=schedule_id, shown=shown, **changes)
    if "tickets_per_fan" in changes:
        note_limits_changed(schedule_id)
    publish([schedule_id])
    return made


def set_message(*, schedule_id: int, message: str, minutes: int | None, shown: str) -> list[SettingChange]:
    """Have everyone waiting read a message for so many minutes, or until it is taken away; an empty one takes it away.

    Returns what was changed.

    :param shown: what they read when somebody decided to change it
    :raises NotFound: if there is no such schedule
    :raises ChangedMeanwhile: if they read something else by now
    """
    until = database_now() + timedelta(minutes=minutes) if message and minutes else None
    seen = {"queue_message": comparable(shown)}
    return change_sale_settings(schedule_id=schedule_id, shown=seen, queue_message=message, queue_message_until=until)


@transaction.atomic(durable=True)
def write_sale_settings(
    *, schedule_id: int, shown: Shown | None = None, **changes: Unpack[SaleSettings]
) -> list[SettingChange]:
    """Write the settings, and when; see `change_sale_settings`."""
    # The lock is a statement of its own and comes first: admission counts and admits behind the same lock, so
    # whoever is let in after `limits_changed_at` was let in by the new limits.
    lock_waiting_room(schedule_id)
    ours = ConcertSchedule.objects.filter(pk=schedule_id)
    before = require_found(ours.values(*{*changes, *(shown or {})}).first())
    was_empty = shown is not None and shown.get("queue_message", "") is None
    if was_empty and ours.filter(queue_message_until__lte=Now()).exists():
        # It has ended, and nobody reads it any more.
        before["queue_message"] = ""
    require_as_shown(before, shown or {}, changes)
    moment = {"limits_changed_at": ClockTimestamp()} if LIMITS & changes.keys() else {}
    ours.update(**changes, **implied(changes), **moment)
    return [SettingChange(name, before[name], value) for name, value in changes.items() if before[name] != value]


def implied(changes: SaleSettings) -> dict[str, object]:
    """What follows: who is paused or resumed alone is no longer so with all others; a new message has its own end."""
    alone: dict[str, object] = {"paused_together_at": None} if "queue_paused" in changes else {}
    endless = "queue_message" in changes and "queue_message_until" not in changes
    return alone | ({"queue_message_until": None} if endless else {})


def require_as_shown(before: dict[str, Any], shown: Shown, changes: SaleSettings) -> None:  # Any: as above
    """Refuse to overwrite what somebody else has set meanwhile; who wants what is there already loses nothing.

    :raises ChangedMeanwhile: naming the columns
    """
    present = {name: comparable(value) for name, value in before.items()}
    wanted = {name: comparable(value) for name, value in changes.items()}
    others = {name for name in differing(shown, present) if name not in wanted or wanted[name] != present[name]}
    if others:
        raise ChangedMeanwhile(others)


def note_limits_changed(schedule_id: int) -> None:
    """Note the time once more, now that the new limits are committed.

    Holds take no lock of the schedule, which all of them would share: one that begins before the commit reads the
    limit of before, and is right to. Noted after it, the time is later than any such hold, and the audit, which
    asks whether a fan went above the limit after it was changed, accuses nobody of what was allowed.
    """
    ConcertSchedule.objects.filter(pk=schedule_id).update(limits_changed_at=ClockTimestamp())
