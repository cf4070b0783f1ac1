"""Beat's schedule: that of django-celery-beat, by a clock that can't be set, and with the site's tasks as declared.

An interval is counted by time.monotonic(). django-celery-beat counts it by the wall clock, and is silent after that was
set back until the old time comes again, restarts included, since it has written down when it ran last.

Several may run, one a host say: one of them hands work out (concert_site.operations.beat_lease), the others wait.
"""

import datetime as dt
import logging
import time
from typing import Any, ClassVar

from celery import schedules
from celery.schedules import schedstate
from django.db import Error
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from concert_site.lib import heartbeats, metrics
from concert_site.lib.database.connections import drop_dead_connection
from concert_site.lib.tasks import has_room
from concert_site.operations import periodic_tasks
from concert_site.operations.beat_lease import WAIT_SECONDS, BeatLease

log = logging.getLogger(__name__)

# What the wall clock may drift from the steady one between two looks before it counts as set.
JUMP_SECONDS = 5.0


class MonotonicInterval(schedules.schedule):
    """Every so many seconds, whatever the wall clock says meanwhile."""

    def __init__(self, interval: Any, name: str) -> None:  # Any: a schedule, whose stubs lack its attributes
        super().__init__(interval.run_every, relative=interval.relative, nowfun=interval.nowfun, app=interval.app)
        self.name = name
        self.interval_seconds: float = interval.run_every.total_seconds()

    def is_due(self, last_run_at: dt.datetime) -> schedstate:
        """Whether it is time, and in how many seconds to look again."""
        left = self.interval_seconds - (time.monotonic() - MonotonicEntry.ran_at[self.name])
        return schedstate(True, self.interval_seconds) if left <= 0 else schedstate(False, left)


class MonotonicEntry(ModelEntry):  # type: ignore[misc]  # django-celery-beat comes without types
    """A periodic task that trusts no clock further than it must."""

    # When each interval ran last in this process, by time.monotonic(); rows are read anew now and then.
    ran_at: ClassVar[dict[str, float]] = {}
    schedule: Any  # the attributes of a class without types
    last_run_at: dt.datetime

    def __init__(self, model: PeriodicTask, app: Any = None) -> None:  # Any: Celery's application
        super().__init__(model, app=app)
        now = self._default_now()
        # Nothing has run in the future: the clock was set back since.
        self.last_run_at = self.model.last_run_at = min(self.last_run_at, now)
        # A row whose interval is gone has no schedule.
        if model.interval_id and hasattr(self, "schedule"):
            ago = (now - self.last_run_at).total_seconds()
            self.ran_at.setdefault(self.name, time.monotonic() - ago)
            self.schedule = MonotonicInterval(self.schedule, self.name)

    def __next__(self) -> "MonotonicEntry":
        self.ran_at[self.name] = time.monotonic()
        return super().__next__()  # type: ignore[no-any-return]


class SiteScheduler(DatabaseScheduler):  # type: ignore[misc]  # as above
    """Sends what is due, and the ticks of the site only where their queue is short."""

    Entry = MonotonicEntry
    _last_full_sync: dt.datetime | None

    def __init__(self, *args: Any, **options: Any) -> None:  # Any: Celery's own
        self._offset = time.time() - time.monotonic()
        self._held_back: set[str] = set()
        self._lease = BeatLease()
        super().__init__(*args, **options)

    def tick(self, *args: Any, **options: Any) -> float:  # Any: Celery's own
        """One step; returns the seconds to sleep."""
        self._notice_jump()
        if not self._may_hand_out():
            return WAIT_SECONDS
        heartbeats.note(heartbeats.BEAT)
        return super().tick(*args, **options)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Write down what ran, and let another take over at once."""
        super().close()
        self._lease.release()

    def _may_hand_out(self) -> bool:
        if self._lease.is_held:
            return self._is_confirmed()
        if not self._lease.take():
            return False
        # What the lease was lost by may have ended the other connection, too, which nobody has noticed on it.
        drop_dead_connection()
        # Another may have handed out meanwhile, and has written down what. What this one knows is of before.
        MonotonicEntry.ran_at.clear()
        self._heap, self._initial_read = None, True
        return True

    def _is_confirmed(self) -> bool:
        if self._lease.confirm():
            return True
        # Another may have written down later runs since.
        self._dirty: set[str] = set()
        return False

    def _notice_jump(self) -> None:
        """Read all anew where the wall clock was set: what runs at a time of the day has another way to go."""
        offset = time.time() - time.monotonic()
        if abs(offset - self._offset) < JUMP_SECONDS:
            return
        log.warning("The clock was set by %+.0f s: the schedule is read anew", offset - self._offset)
        self._offset = offset
        if self._last_full_sync is not None:
            self._last_full_sync = dt.datetime.min  # noqa: DTZ901  compared with naive times there

    def _when(self, entry: MonotonicEntry, next_time_to_run: float, mktime: Any = None) -> float:  # Any: Celery's own
        """The place in the order of what is due, by time.monotonic()."""
        return time.monotonic() + (self.adjust(next_time_to_run) or 0)

    def adjust(self, n: float, drift: float = 0) -> float:
        """Celery would wake up 10 ms early, and look again and again until it is time; by this clock it needn't."""
        return super().adjust(n, drift)  # type: ignore[no-any-return]

    def schedule_changed(self) -> bool:
        """Whether somebody has changed a row: at another time than before, be that an earlier one."""
        before = self._last_timestamp
        is_later = super().schedule_changed()
        return is_later or (before is not None and self._last_timestamp not in (None, before))

    def all_as_schedule(self) -> dict[str, MonotonicEntry]:
        try:
            periodic_tasks.restore()
        except Error as error:
            log.warning("The periodic tasks were not looked over: %s", error)
        return super().all_as_schedule()  # type: ignore[no-any-return]

    def apply_async(self, entry: MonotonicEntry, *args: Any, **options: Any) -> Any:  # Any: Celery's own
        """Send what is due, unless another beat does by now.

        A tick that finds its queue long is left out: the messages there do its work.
        """
        if self._lease.is_held and not self._is_confirmed():
            return None
        if self._is_held_back(entry):
            if entry.name not in self._held_back:
                log.error("%s is not sent: nobody takes up what is in its queue", entry.name)
            self._held_back.add(entry.name)
            metrics.HELD_BACK.add(entry.task)
            return None
        self._held_back.discard(entry.name)
        metrics.SENT.add(entry.task)
        sent = super().apply_async(entry, *args, **options)
        if not isinstance(entry.schedule, MonotonicInterval):
            # Rare, and written down at once: whoever takes over doesn't send it again.
            self.sync()
        return sent

    def _is_held_back(self, entry: MonotonicEntry) -> bool:
        spec = periodic_tasks.PERIODIC_TASKS.get(entry.name)
        queue = entry.options.get("queue") or periodic_tasks.OTHERS
        return spec is not None and spec.every is not None and not has_room(queue)
