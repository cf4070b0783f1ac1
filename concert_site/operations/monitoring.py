"""Whether the waiting room's machinery runs, and what staff should do if not.

Nothing is stopped by what is found here: a tick that is late is a reason to look, not to take web processes away from
fans who hold and pay without it.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from concert_site.lib import heartbeats
from concert_site.lib.heartbeats import BEAT
from concert_site.operations import periodic_tasks
from reservations.queries.onsales import Onsale
from wallet.domain.stuck import unexplained_days

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

log = logging.getLogger(__name__)

TICK, MAILS = "reservations.tick_admission", "payments.send_mails"
# After how long without a trace of a part something is wrong. A tick comes each second; the rest of the work is looked
# for each five, and may be behind something else for a while.
LATE_AFTER = {"beat": 10.0, "ticks": 10.0, "worker": 60.0}
OK, LATE = "ok", "late"
# Who has more of them knows what to look for.
MOST_DAYS = 3


@dataclass(frozen=True, slots=True)
class StaffWarning:
    """What is wrong, for staff, and what to do about it. The code is for tests and for the manual."""

    code: str
    what: "StrPromise | str"
    advice: "StrPromise | str"


@dataclass(frozen=True, slots=True)
class ProcessHealth:
    """When each part was last at work, in seconds: None where there is no trace. Without Redis nothing is known."""

    has_redis: bool
    tick: float | None = None
    beat: float | None = None
    worker: float | None = None

    @property
    def ages(self) -> dict[str, float | None]:
        return {"beat": self.beat, "ticks": self.tick, "worker": self.worker}

    @property
    def late_parts(self) -> set[str]:
        """Parts without a trace, or with none that is young enough."""
        return {part for part, age in self.ages.items() if age is None or age > LATE_AFTER[part]}

    @property
    def is_late(self) -> bool:
        """Whether ticks are."""
        return "ticks" in self.late_parts


def process_health() -> ProcessHealth:
    ages = heartbeats.ages(TICK, BEAT, MAILS)
    if ages is None:
        return ProcessHealth(has_redis=False)
    return ProcessHealth(has_redis=True, tick=ages[TICK], beat=ages[BEAT], worker=ages[MAILS])


def clear_stopped_site() -> None:
    """Before a start: the traces of a site that stopped say nothing of the one that begins, and would look like it."""
    if process_health().is_late:
        heartbeats.delete_heartbeats(TICK, BEAT, MAILS)


def warnings(found: ProcessHealth, sales: Sequence[Onsale]) -> list[StaffWarning]:
    """All that staff should know, the gravest first: two queries."""
    return [*process_warnings(found), *settlement_warnings(), *task_warnings(), *line_warnings(sales)]


def process_warnings(found: ProcessHealth) -> list[StaffWarning]:
    if not found.has_redis:
        return [REDIS_AWAY]
    return [warning for part, warning in PARTS_AWAY.items() if part in found.late_parts][:1]


def settlement_warnings() -> list[StaffWarning]:
    """On which days a provider's book and the ledger differ, and nobody has said why."""
    return [
        StaffWarning(
            "settlement_differs",
            _("%(provider)s, %(day)s: the provider’s book and the ledger differ in %(count)d lines.")
            % {"provider": each.provider, "day": each.day, "count": each.difference_count},
            SETTLEMENT_ADVICE,
        )
        for each in unexplained_days()[:MOST_DAYS]
    ]


def task_warnings() -> list[StaffWarning]:
    return [
        StaffWarning(
            "task_changed",
            _("The periodic task “%(task)s” is not as it should be: %(how)s.")
            % {"task": each.task, "how": deviation_text(each)},
            CHANGED_BY_A_SUPERUSER if each.is_confirmed else CHANGED,
        )
        for each in periodic_tasks.deviations()
    ]


def deviation_text(each: periodic_tasks.Deviation) -> "StrPromise":
    if each.is_missing:
        return _("it is missing")
    return _("it is switched off") if each.is_disabled else _("it was changed")


def line_warnings(sales: Sequence[Onsale]) -> list[StaffWarning]:
    found = []
    for sale in sales:
        name = {"concert": sale.concert_name}
        if sale.is_draw_overdue:
            what = _("%(concert)s: the draw of the numbers is overdue.") % name
            found.append(StaffWarning("draw_overdue", what, DRAW_ADVICE))
        elif sale.is_stalled:
            what = _("%(concert)s: the line isn’t moving, although fans are waiting and there is room.") % name
            found.append(StaffWarning("line_stands_still", what, LINE_ADVICE))
    return found


REDIS_AWAY = StaffWarning(
    "redis_away",
    _("Redis is unavailable: nobody new can join a line, and the lines don’t move."),
    _("Start Redis again. No place in line is lost, and holding and paying go on."),
)
BEAT_AWAY = StaffWarning(
    "beat_away",
    _("Beat isn’t running: what has to be done each second isn’t sent."),
    _("Start the process “beat” again, and look into its log. Until then lines move only while fans look at them."),
)
TICKS_AWAY = StaffWarning(
    "ticks_away",
    _("The worker of the ticks isn’t running or is stuck: the lines don’t move."),
    _("Start the process “ticks” again, and look into its log. Until then lines move only while fans look at them."),
)
WORKER_AWAY = StaffWarning(
    "worker_away",
    _("The worker isn’t running or is overloaded: numbers are not drawn, and mails are not sent."),
    _("Start the process “worker” again, and look into its log. Nothing that is owed is lost."),
)
# The gravest first: without beat nobody else has anything to do.
PARTS_AWAY = {"beat": BEAT_AWAY, "ticks": TICKS_AWAY, "worker": WORKER_AWAY}
CHANGED = _("It is put back when beat reads its tasks again, within five minutes, or at the next start.")
CHANGED_BY_A_SUPERUSER = _("A superuser has confirmed this. Change it back on its page when it is no longer wanted.")
SETTLEMENT_ADVICE = _("Open “Needs attention” under Money, look at the day, and explain the difference.")
DRAW_ADVICE = _("Look into the log of “worker”. Everybody keeps their place, and the draw comes to the same numbers.")
LINE_ADVICE = _("Look into the log of “ticks”. If somebody is at work on this date in a shell, have them finish.")


class TickMonitor:
    """Says in the log, once each time, that ticks have stopped and that they run again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._late_since: float | None = None
        self._has_said = False

    def observe(self, found: ProcessHealth) -> float:
        """Take note of how it stands; return for how many seconds ticks have been seen to be late."""
        with self._lock:
            now = time.monotonic()
            if not found.is_late:
                if self._has_said:
                    log.info("Ticks run again")
                self._late_since, self._has_said = None, False
                return 0.0
            if self._late_since is None:
                self._late_since = now
            # A process that has just been started knows of no tick, and a Redis that was just emptied of none either.
            if not self._has_said and (found.tick is not None or now - self._late_since > LATE_AFTER["ticks"]):
                self._has_said = True
                reasons = "; ".join(each.code for each in process_warnings(found))
                log.error("Ticks have stopped (%s): lines don't move by themselves", reasons)
            return now - self._late_since


tick_monitor = TickMonitor()


class PartMonitor:
    """Says of each part whether it has not been at work for too long.

    Where there is no trace of one it is given its time from the first look on: the site may have just been started.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._missing_since: dict[str, float] = {}

    def late(self, found: ProcessHealth) -> dict[str, bool]:
        """By the name of the part. Without Redis nothing is known, and nothing is said to be late."""
        with self._lock:
            return {part: found.has_redis and self._is_late(part, age) for part, age in found.ages.items()}

    def _is_late(self, part: str, age: float | None) -> bool:
        if age is None:
            age = time.monotonic() - self._missing_since.setdefault(part, time.monotonic())
        else:
            self._missing_since.pop(part, None)
        return age > LATE_AFTER[part]


part_monitor = PartMonitor()
