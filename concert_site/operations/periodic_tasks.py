"""The periodic work of the site: what beat must send, and when. The one place where that is written.

The rows of django-celery-beat are a copy that `restore` brings up to date, after each `migrate` and whenever beat
reads them. What a superuser has changed in the admin, and confirmed, is left as it is.
"""

import json
import logging
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

log = logging.getLogger(__name__)

# In a row's headers: that a superuser has confirmed these values, and who.
CONFIRMED, CONFIRMED_BY = "accepted", "accepted_by"
TICKS, LINES, OTHERS = "ticks", "lines", "celery"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodicSpec:
    """One task of the site: every so many seconds, or each night at hour and minute in the venue's zone.

    A superuser may slow it down to `most_seconds`.
    """

    task: str
    description: str
    queue: str = OTHERS
    every: int | None = None
    at: tuple[int, int] | None = None
    most_seconds: int = 60


PERIODIC_TASKS = {
    each.task: each
    for each in (
        PeriodicSpec(
            task="reservations.tick_admission",
            description="Let fans in, and end lines whose sale is over",
            queue=TICKS,
            every=1,
            most_seconds=5,
        ),
        PeriodicSpec(
            task="reservations.tick_release",
            description="Return lapsed holds to sale",
            queue=TICKS,
            every=1,
        ),
        PeriodicSpec(
            task="concert_site.tick_analyze",
            description="Keep the statistics of a young sale fresh",
            queue=LINES,
            every=5,
        ),
        PeriodicSpec(
            task="payments.send_mails",
            description="Send the mails of payments and refunds",
            every=5,
        ),
        PeriodicSpec(
            task="payments.refund_dates",
            description="Refund dates that were canceled",
            every=2,
        ),
        PeriodicSpec(
            task="wallet.handle_events",
            description="Work on the messages of providers",
            every=2,
        ),
        PeriodicSpec(
            task="wallet.settle_top_ups",
            description="Ask providers what became of money that is under way to wallets",
            every=5,
        ),
        PeriodicSpec(
            task="wallet.settle_withdrawals",
            description="Ask providers what became of money that is under way to cards",
            every=5,
        ),
        PeriodicSpec(
            task="approvals.expire",
            description="End requests for a second person’s confirmation that nobody decided in time",
            at=(4, 30),
        ),
        PeriodicSpec(
            task="concert_site.audit", description="Check every invariant over the whole database", at=(4, 10)
        ),
        PeriodicSpec(
            task="wallet.settle_days",
            description="Compare yesterday’s books of the providers with the ledger",
            at=(5, 20),
        ),
        PeriodicSpec(task="concert_site.clear_sessions", description="Delete the sessions that are over", at=(4, 40)),
        PeriodicSpec(task="concert_site.prune", description="Take away what nobody needs any more", at=(5, 0)),
        PeriodicSpec(
            task="reservations.clear_posters", description="Delete posters that no concert shows any more", at=(4, 50)
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Deviation:
    """What is wrong with the row of a task: `missing`, or the names of the fields that differ."""

    task: str
    fields: tuple[str, ...] = ()
    is_confirmed: bool = False

    @property
    def is_missing(self) -> bool:
        return not self.fields

    @property
    def is_disabled(self) -> bool:
        return "enabled" in self.fields

    def __str__(self) -> str:
        if self.is_missing:
            return f"{self.task} is missing"
        return f"{self.task} is {'disabled' if self.is_disabled else 'altered'} ({', '.join(self.fields)})"


# Columns that say the same of every task of the site.
PLAIN: dict[str, object] = {
    "enabled": True,
    "exchange": None,
    "routing_key": None,
    "priority": None,
    # A worker would judge by its own clock what beat's clock has set.
    "expires": None,
    "expire_seconds": None,
    "one_off": False,
    "start_time": None,
}


def expected_values(each: PeriodicSpec) -> dict[str, Any]:  # Any: values of several fields
    when = f"every {each.every} seconds" if each.at is None else nightly(*each.at, settings.TIME_ZONE)
    return {"task": each.task, "when": when, "queue": each.queue, "args": [], "kwargs": {}, "headers": {}} | PLAIN


def actual_values(row: PeriodicTask) -> dict[str, Any]:  # Any: as above
    """The same values as they are in a row."""
    headers = parsed(row.headers)
    if isinstance(headers, dict):
        headers = {name: value for name, value in headers.items() if name not in (CONFIRMED, CONFIRMED_BY)}
    return {
        "task": row.task,
        "when": when_of(row),
        # The default of the others.
        "queue": row.queue or OTHERS,
        "args": parsed(row.args),
        "kwargs": parsed(row.kwargs),
        "headers": headers,
        # Blank text stands for none.
        **{name: None if getattr(row, name) == "" else getattr(row, name) for name in PLAIN},
    }


def when_of(row: PeriodicTask) -> str:
    if row.interval is not None:
        return f"every {row.interval.every} {row.interval.period}"
    cron = row.crontab
    if cron is None:
        return "never" if row.solar is None and row.clocked is None else "otherwise"
    if (cron.day_of_month, cron.month_of_year, cron.day_of_week) != ("*", "*", "*"):
        return f"at {cron}"
    return nightly(cron.hour, cron.minute, str(cron.timezone))


def nightly(hour: object, minute: object, zone: str) -> str:
    return f"daily at {hour}:{minute} {zone}"


def parsed(text: str) -> Any:  # Any: JSON
    """A row's JSON; None where it is none."""
    try:
        return json.loads(text or "null")
    except ValueError:
        return None


def fingerprint(row: PeriodicTask) -> str:
    """What a superuser confirms: all values of a row as they are."""
    return sha256(json.dumps(actual_values(row), sort_keys=True, default=str).encode()).hexdigest()[:16]


def confirm(row: PeriodicTask, *, actor_id: int) -> None:
    """Write into a row, not saved yet, that a superuser has confirmed its values."""
    row.headers = json.dumps({CONFIRMED: fingerprint(row), CONFIRMED_BY: actor_id} if deviation_of(row) else {})


def deviation_of(row: PeriodicTask) -> Deviation | None:
    wanted, there = expected_values(PERIODIC_TASKS[row.name]), actual_values(row)
    fields = tuple(name for name, value in wanted.items() if there[name] != value)
    if not fields:
        return None
    headers = parsed(row.headers)
    is_confirmed = isinstance(headers, dict) and headers.get(CONFIRMED) == fingerprint(row)
    return Deviation(row.name, fields, is_confirmed=is_confirmed)


def rows_by_name() -> dict[str, PeriodicTask]:
    found_rows = PeriodicTask.objects.filter(name__in=PERIODIC_TASKS).select_related("interval", "crontab")
    return {row.name: row for row in found_rows}


def deviations() -> list[Deviation]:
    """All that is not as it is declared, what a superuser has confirmed included: one query."""
    there = rows_by_name()
    missing = [Deviation(name) for name in PERIODIC_TASKS if name not in there]
    return missing + [deviation for row in there.values() if (deviation := deviation_of(row))]


def restore() -> list[Deviation]:
    """Make every row of the site as it is declared, save for what a superuser has confirmed; return what was not so.

    Idempotent, and safe to run from many processes at once.
    """
    wrong = [each for each in deviations() if not each.is_confirmed]
    if not wrong:
        return []
    with transaction.atomic():
        for each in wrong:
            write_row(PERIODIC_TASKS[each.task])
        PeriodicTasks.update_changed()
    is_first = sum(each.is_missing for each in wrong) == len(PERIODIC_TASKS)
    for each in wrong:
        log.log(logging.DEBUG if is_first else log_level(each), "Periodic task %s: put back as it is declared", each)
    return wrong


def log_level(deviation: Deviation) -> int:
    """How loudly to tell that a row was put back."""
    if deviation.is_missing:
        # Deleted, or new with this release.
        return logging.WARNING
    # That much differs where an earlier release has left it so.
    return logging.DEBUG if set(deviation.fields) <= {"expire_seconds", "queue"} else logging.ERROR


def write_row(each: PeriodicSpec) -> None:
    values = expected_values(each)
    del values["when"]
    values |= {"args": "[]", "kwargs": "{}", "headers": "{}", "solar": None, "clocked": None}
    values |= {"interval": interval_of(each.every), "crontab": crontab_of(each.at)}
    # Without save(): that of django-celery-beat refuses a row which has two schedules for the moment.
    if not PeriodicTask.objects.filter(name=each.task).update(**values):
        PeriodicTask.objects.get_or_create(name=each.task, defaults=values | {"description": each.description})


def interval_of(seconds: int | None) -> IntervalSchedule | None:
    """The row that says every so many seconds; there may be several."""
    if seconds is None:
        return None
    values = {"every": seconds, "period": IntervalSchedule.SECONDS}
    return IntervalSchedule.objects.filter(**values).first() or IntervalSchedule.objects.create(**values)


def crontab_of(at: tuple[int, int] | None) -> CrontabSchedule | None:
    """The row that says daily at hour and minute in the venue's zone; there may be several."""
    if at is None:
        return None
    values = {
        "hour": str(at[0]),
        "minute": str(at[1]),
        "day_of_month": "*",
        "month_of_year": "*",
        "day_of_week": "*",
        "timezone": settings.TIME_ZONE,
    }
    return CrontabSchedule.objects.filter(**values).first() or CrontabSchedule.objects.create(**values)
