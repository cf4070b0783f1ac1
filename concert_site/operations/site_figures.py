"""What is told of the site as a whole, whichever process is asked: read from PostgreSQL and Redis once a scrape.

Everything is found by a partial index that holds what is still to be done, and counted up to a limit, so that it costs
a few milliseconds whatever the house has sold. A PostgreSQL or Redis that is away or silent is told as that, in time.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from typing import Any

from django.db import Error, connection, transaction
from django.db.models import Count, Min, QuerySet, Sum
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from redis import Redis

from concert_site.approvals.models import Approval
from concert_site.lib.metrics import PREFIX
from concert_site.lib.redis import try_broker, try_redis
from concert_site.operations import periodic_tasks
from concert_site.operations.monitoring import part_monitor, process_health
from payments.models import Payment, PaymentState
from payments.queries.mails import CONFIRMED, owed_payments, untold_recipients, untold_withdrawals
from queueing.domain import snapshots
from queueing.facts import QueueSnapshot
from reservations.queries.onsales import sales_of_the_day
from wallet.domain.stuck import count_stuck, failed_events
from wallet.models import ProviderEvent, TopUp, Withdrawal
from wallet.queries import top_ups_owed_a_receipt

log = logging.getLogger(__name__)

QUEUES = (periodic_tasks.TICKS, periodic_tasks.LINES, periodic_tasks.OTHERS)
# How long PostgreSQL may take for all of it; a scrape is over after ten seconds.
TIMEOUT_SECONDS = 1.5
# Rows that are owed are counted up to here.
MOST_COUNTED = 10_000
# What was read is told again to who asks within this time: two scrapers, or one that is impatient.
KEPT_SECONDS = 2.0


def figure(name: str, what: str, value: float | None = None) -> GaugeMetricFamily:
    """A figure without labels; of None nothing is told."""
    family = GaugeMetricFamily(PREFIX + name, what)
    if value is not None:
        family.add_metric([], value)
    return family


def labelled(name: str, what: str, label: str, values: Iterable[tuple[str, float | None]]) -> GaugeMetricFamily:
    """A figure by one label; what is None isn't told."""
    family = GaugeMetricFamily(PREFIX + name, what, labels=[label])
    for word, value in values:
        if value is not None:
            family.add_metric([word], value)
    return family


# --- PostgreSQL --------------------------------------------------------------------------------


def counted(rows: QuerySet[Any]) -> float:  # Any: rows of any table
    """How many there are, MOST_COUNTED at most."""
    return rows.order_by()[:MOST_COUNTED].count()


def age_of_first(rows: QuerySet[Any], column: str) -> float:  # Any: as above
    """For how many seconds the one with the lowest number has been waiting; 0 where none is."""
    first = rows.order_by("pk").values_list(column, flat=True).first()
    return max(0.0, (timezone.now() - first).total_seconds()) if first else 0.0


def owed_mails() -> Iterator[GaugeMetricFamily]:
    """Mails that are to be sent."""
    confirmed = owed_payments(CONFIRMED)
    # Those of canceled dates as well: to leave them out takes a walk through reservations.
    canceled = Payment.objects.filter(state=PaymentState.CANCELED, canceled_mail_at__isnull=True)
    kinds: dict[str, QuerySet[Any]] = {  # Any: as above
        "confirmed": confirmed,
        "canceled": canceled,
        "receipt": top_ups_owed_a_receipt(),
        "withdrawal": untold_withdrawals(),
        "announcement": untold_recipients(),
    }
    owed = [(kind, counted(rows)) for kind, rows in kinds.items()]
    yield labelled("owed_mails", "Mails that are to be sent, up to 10,000 of a kind", "kind", owed)
    ages = [
        ("confirmed", age_of_first(confirmed, "created_at")),
        ("canceled", age_of_first(canceled, "updated_state_at")),
    ]
    yield labelled("owed_mail_age_seconds", "For how long the oldest mail has been owed", "kind", ages)


def money_under_way() -> Iterator[GaugeMetricFamily]:
    """Money whose end only a provider knows."""
    open_top_ups = TopUp.objects.filter(next_look_at__isnull=False).order_by()
    by_provider = list(open_top_ups.values_list("provider").annotate(Count("pk"), Sum("amount"))[:20])
    yield labelled(
        "open_top_ups",
        "Top-ups whose end isn't known yet",
        "provider",
        [(name, count) for name, count, _ in by_provider],
    )
    yield labelled(
        "open_top_ups_amount",
        "Sum of these top-ups, in minor units",
        "provider",
        [(name, total) for name, _, total in by_provider],
    )
    pending = Withdrawal.objects.filter(next_look_at__isnull=False)
    found = pending.aggregate(count=Count("pk"), total=Sum("amount"), oldest=Min("created_at"))
    age = (timezone.now() - found["oldest"]).total_seconds() if found["oldest"] else 0.0
    yield figure("open_withdrawals", "Withdrawals that a provider hasn't paid out yet", found["count"])
    yield figure("open_withdrawals_amount", "Sum of these withdrawals, in minor units", found["total"] or 0)
    yield figure("open_withdrawal_age_seconds", "Since when the oldest withdrawal is under way", max(0.0, age))
    due = ProviderEvent.objects.filter(next_attempt_at__isnull=False)
    events = [("waiting", counted(due)), ("failed", counted(failed_events()))]
    yield labelled(
        "provider_events", "Messages of providers that are to be worked on, or were given up", "state", events
    )
    yield figure("money_for_staff", "What of money needs a person: “Needs attention” in the admin", count_stuck())


def staff_work() -> Iterator[GaugeMetricFamily]:
    waiting = Approval.objects.waiting()
    yield figure("open_approvals", "Requests that wait for a second person", counted(waiting))
    changed = len(periodic_tasks.deviations())
    yield figure("periodic_tasks_changed", "Periodic tasks that are not as they are declared", changed)


CONNECTIONS = """
select count(*) filter (where state = 'active'), count(*) filter (where state like 'idle in transaction%'), count(*),
       current_setting('max_connections')::int,
       coalesce(extract(epoch from
           max(statement_timestamp() - xact_start) filter (where backend_type = 'client backend')), 0)
  from pg_stat_activity
 -- Beat's lease is a transaction that is meant to stay open.
 where datname = current_database() and application_name not like 'beat of %'
"""


def connections() -> Iterator[GaugeMetricFamily]:
    """How PostgreSQL's connections are used; of other roles' only their number."""
    with connection.cursor() as cursor:
        cursor.execute(CONNECTIONS)
        active, idle, total, most, oldest = cursor.fetchone()
    states = [("active", active), ("idle_in_transaction", idle), ("all", total)]
    yield labelled("postgres_connections", "Connections to this database", "state", states)
    yield figure("postgres_max_connections", "How many PostgreSQL admits", most)
    yield figure(
        "postgres_longest_transaction_seconds", "For how long the oldest transaction has been open", float(oldest)
    )


def read_postgres() -> list[GaugeMetricFamily]:
    """Everything that is in tables."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select set_config('statement_timeout', %s, true)", [str(int(TIMEOUT_SECONDS * 1000))])
        return [*owed_mails(), *money_under_way(), *staff_work(), *connections()]


def read_all() -> tuple[list[GaugeMetricFamily], list[int]]:
    """The same, and the schedules that are sold today; on a connection that isn't kept."""
    try:
        return read_postgres(), sales_of_the_day()
    finally:
        connection.close()


# --- Redis -------------------------------------------------------------------------------------


def queue_lengths() -> Iterator[GaugeMetricFamily]:
    """What waits for a worker."""

    def step(broker: Redis) -> list[int]:
        with broker.pipeline(transaction=False) as pipe:
            for queue in QUEUES:
                pipe.llen(queue)
            pipe.hlen("unacked")
            found: list[int] = pipe.execute()
        return found

    found: list[int] = try_broker(step, [])
    yield figure("broker_up", "Whether the Redis of Celery’s queues answers", float(bool(found)))
    if not found:
        return
    *lengths, unacked = found
    yield labelled(
        "queue_length", "Messages that wait in a queue of Celery", "queue", zip(QUEUES, lengths, strict=True)
    )
    yield figure("queue_unacked", "Messages that a worker has taken and not done", unacked)


def parts() -> Iterator[GaugeMetricFamily]:
    """When each part was last at work."""
    found = process_health()
    yield labelled("heartbeat_age_seconds", "Since when a part was last at work", "part", found.ages.items())
    late = [(part, float(is_late)) for part, is_late in part_monitor.late(found).items()]
    yield labelled("part_late", "1 while a part has not been at work for too long", "part", late)


# --- Lines -------------------------------------------------------------------------------------

OF_A_LINE: dict[str, tuple[str, Callable[[QueueSnapshot], float | None]]] = {
    "line_waiting": ("Fans who wait in a line", lambda seen: seen.line.waiting),
    "line_serving": ("The number that was let in last", lambda seen: seen.line.serving),
    "line_per_minute": ("Numbers that are let in a minute", lambda seen: seen.numbers_per_minute or 0.0),
    "line_cap": ("Fans who may be inside at once", lambda seen: seen.facts.max_active),
    "line_paused": ("1 while staff have stopped the line", lambda seen: float(seen.facts.is_paused)),
    "line_stalled": ("1 while the line should move, and doesn't", lambda seen: float(seen.is_stalled)),
    "draw_overdue": ("1 while a draw takes too long", lambda seen: float(seen.is_draw_overdue)),
    "seats_left": ("Seats that are free", lambda seen: seen.facts.seats_left),
    "seats_held": ("Seats that are held", lambda seen: seen.facts.seats_held),
    "tick_age_seconds": (
        "Since when a tick last came to a line",
        lambda seen: max(0.0, seen.facts.now.timestamp() - seen.ticked_at) if seen.ticked_at else None,
    ),
}


def lines(schedules: Iterable[int]) -> list[GaugeMetricFamily]:
    """The lines of the day's sales, out of the snapshots that ticks leave in Redis: no table is touched."""
    seen = {str(each): found for each in schedules if (found := snapshots.stored(each)) is not None}
    return [
        labelled(name, what, "schedule", [(schedule, read(found)) for schedule, found in seen.items()])
        for name, (what, read) in OF_A_LINE.items()
    ]


# --- All of it ---------------------------------------------------------------------------------


class SiteFigures:
    """Collects them; prometheus_client calls `collect` at each scrape."""

    def __init__(self) -> None:
        # A thread of its own: one that waits for a silent PostgreSQL holds up no scrape.
        self._ask = ThreadPoolExecutor(max_workers=1, thread_name_prefix="site-figures")
        self._asking: Future[tuple[list[GaugeMetricFamily], list[int]]] | None = None
        self._kept: tuple[float, list[GaugeMetricFamily]] = (0.0, [])

    def collect(self) -> list[GaugeMetricFamily]:
        kept_until, kept = self._kept
        if time.monotonic() < kept_until:
            return kept
        found = self._collect()
        self._kept = time.monotonic() + KEPT_SECONDS, found
        return found

    def _collect(self) -> list[GaugeMetricFamily]:
        began = time.monotonic()
        answer = self._from_postgres()
        asked_for = time.monotonic() - began
        families, schedules = answer if answer is not None else ([], [])
        has_redis = try_redis(lambda redis: bool(redis.ping()), otherwise=False)
        return [
            figure("postgres_up", "Whether PostgreSQL answers", float(answer is not None)),
            figure("redis_up", "Whether Redis answers", float(has_redis)),
            figure("figures_seconds", "How long PostgreSQL took for the figures of this page", asked_for),
            *parts(),
            *families,
            *queue_lengths(),
            *(lines(schedules) if has_redis else ()),
        ]

    def _from_postgres(self) -> tuple[list[GaugeMetricFamily], list[int]] | None:
        """What PostgreSQL says; None if that can't be had in time."""
        if self._asking is None:
            self._asking = self._ask.submit(read_all)
        try:
            found = self._asking.result(TIMEOUT_SECONDS)
        except TookTooLong:
            # It is asked for still, and nobody else is sent after it.
            return None
        except Error as error:
            log.warning("PostgreSQL has no figures: %s", error)
            found = None
        self._asking = None
        return found
