"""What each process counts of its own work, for Prometheus: declared here by name, and nothing at all while it is off.

Until `begin` is called a count costs a call and one look at an attribute. From then on it goes into a file of the
process in a folder that all processes of the host share (prometheus_client's multi-process mode), which whoever is
scraped adds up: concert_site.operations.metrics_page. Labels are words of ours, never what a client sent, so that
there are few of them.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

log = logging.getLogger(__name__)

M = TypeVar("M", "Counter", "Gauge", "Histogram")

PREFIX = "frontrow_"
# Where the counts of processes that have ended are kept, so that no sum goes back.
ENDED = "ended"
# A request of the API takes a few milliseconds, a page ten to fifty, a login a quarter of a second, a full lane 30 s.
SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
# Tasks run for milliseconds to a minute.
LONG_SECONDS = (0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 60.0)


class Metric(Generic[M]):
    """A metric with its labels; `make` makes prometheus_client's own once this process counts."""

    every: list[Metric[Any]] = []
    # Whether this process has said that it can't count.
    has_complained = False

    def __init__(self, name: str, what: str, *labels: str) -> None:
        self.name, self.what, self.labels = PREFIX + name, what, labels
        self._metric: M | None = None
        self._children: dict[tuple[str, ...], M] = {}
        Metric.every.append(self)

    def make(self) -> M:
        """Prometheus_client's metric."""
        raise NotImplementedError

    def begin(self) -> None:
        """Count from now on."""
        self._children = {}
        self._metric = self.make()

    def end(self) -> None:
        """Count no more."""
        self._metric = None

    def tell(self, values: tuple[str, ...], step: Callable[[M], object]) -> None:
        """Do it with the series of these labels, if this process counts.

        Why something isn't counted is said once: a request that can't be counted is answered all the same.
        """
        if self._metric is None:
            return
        try:
            found = self._children.get(values)
            if found is None:
                found = self._children[values] = self._metric.labels(*values) if values else self._metric
            step(found)
        except Exception as error:  # noqa: BLE001  whatever it is, who counts goes on
            if not Metric.has_complained:
                Metric.has_complained = True
                log.warning("%s and perhaps more isn't counted, METRICS_DIR can't be written: %r", self.name, error)


class CounterMetric(Metric["Counter"]):
    """Something that happens."""

    def make(self) -> Counter:
        from prometheus_client import Counter

        return Counter(self.name, self.what, self.labels, registry=None)

    def start_at_zero(self, *values: str) -> None:
        """Tell these labels from now on, at 0 as long as it doesn't happen: the first time is an increase then."""
        self.tell(values, lambda _metric: None)

    def add(self, *values: str, by: float = 1) -> None:
        """Count `by` more of it."""
        if by > 0:
            self.tell(values, lambda metric: metric.inc(by))


class HistogramMetric(Metric["Histogram"]):
    """How long something takes, in seconds."""

    def __init__(self, name: str, what: str, *labels: str, buckets: tuple[float, ...] = SECONDS) -> None:
        super().__init__(name, what, *labels)
        self.buckets = buckets

    def make(self) -> Histogram:
        from prometheus_client import Histogram

        return Histogram(self.name, self.what, self.labels, buckets=self.buckets, registry=None)

    def observe(self, seconds: float, *values: str) -> None:
        """Count one that took so long."""
        self.tell(values, lambda metric: metric.observe(seconds))


class GaugeMetric(Metric["Gauge"]):
    """How much there is of something; of several processes the sum, of those that live."""

    def make(self) -> Gauge:
        from prometheus_client import Gauge

        return Gauge(self.name, self.what, self.labels, multiprocess_mode="livesum", registry=None)

    def set(self, value: float, *values: str) -> None:
        """Say how much it is now."""
        self.tell(values, lambda metric: metric.set(value))


# --- Requests ----------------------------------------------------------------------------------

REQUESTS = CounterMetric("http_requests", "Requests that a thread answered", "route", "method", "status")
REQUEST_SECONDS = HistogramMetric("http_request_seconds", "From the end of a request's body to its answer", "route")
REPEATED = CounterMetric("http_repeated", "Requests that were answered without a thread", "kind")
REFUSALS = CounterMetric("refusals", "What was refused, by the code of the API", "code")
LANE_SECONDS = HistogramMetric("lane_wait_seconds", "How long work waited for a thread of its lane", "lane")
LANE_THREADS = GaugeMetric("lane_threads", "Threads of a lane", "lane")
LANE_BUSY = GaugeMetric("lane_busy_threads", "Threads of a lane that are at work", "lane")
LANE_WAITING = GaugeMetric("lane_waiting", "Work that waits for a thread of its lane", "lane")
LANE_REFUSED = CounterMetric(
    "lane_refused", "Work that was refused, its lane being full, or given up after its time", "lane"
)

# --- What is needed ----------------------------------------------------------------------------

POSTGRES_ERRORS = CounterMetric(
    "postgres_errors", "Statements that PostgreSQL did not do, by what came of them", "kind"
)
REDIS_ERRORS = CounterMetric("redis_errors", "Calls that Redis did not answer as it should", "kind")
SILENT = GaugeMetric("postgres_silent_processes", "Web processes that wait for PostgreSQL to say anything")

# --- The sale ----------------------------------------------------------------------------------

JOINS = CounterMetric("joins", "Fans who came into a line or lobby")
ADMISSIONS = CounterMetric("admissions", "Fans who were let in, by what let them in", "by")
HOLDS = CounterMetric("holds", "Bookings that were held")
HELD_SEATS = CounterMetric("held_seats", "Seats that were held")
LAPSED_SEATS = CounterMetric("lapsed_seats", "Held seats that were not paid in time, and returned to sale")
PAID_SEATS = CounterMetric("paid_seats", "Seats that were paid", "by")
PAID_AMOUNT = CounterMetric("paid_amount", "What was paid for seats, in minor units", "by")
REFUNDED_SEATS = CounterMetric("refunded_seats", "Paid seats that were refunded", "by")
MAILS = CounterMetric("mails", "Mails that the mail server was given, by what came of it", "outcome")
PROVIDER_CALLS = CounterMetric("provider_calls", "Questions to a payment provider", "provider", "outcome")
PROVIDER_SECONDS = HistogramMetric("provider_seconds", "How long a payment provider took to answer", "provider")

# --- Background work ---------------------------------------------------------------------------

TASKS = CounterMetric("tasks", "Tasks that were run", "task", "outcome")
TASK_SECONDS = HistogramMetric("task_seconds", "How long a task ran", "task", buckets=LONG_SECONDS)
SENT = CounterMetric("beat_sent", "Tasks that beat sent", "task")
HELD_BACK = CounterMetric("beat_held_back", "Ticks that beat did not send, their queue being long", "task")


def begin(role: str, folder: Path | None) -> None:
    """Have this process count, in files of its own in `folder`; None: it counts nothing.

    After the fork that made it. Once is enough, and a second time does nothing. Where the files can't be made, on a
    full disk say, the process works on uncounted.

    :param role: what the process is: web, ticks, worker, beat
    """
    if folder is None or REQUESTS._metric is not None:  # noqa: SLF001  its own module
        return
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    from prometheus_client import values

    from concert_site.lib.metric_files import ReservedDict

    values.MmapedDict = ReservedDict  # type: ignore[attr-defined]  # imported there: the class that it makes files by
    values.ValueClass = values.MultiProcessValue(process_identifier(role))  # type: ignore[no-untyped-call]  # as it has it
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        for each in Metric.every:
            each.begin()
        # An alert speaks of the first one, which is no increase where nothing was told before.
        MAILS.start_at_zero("server_away")
    except OSError as error:
        log.warning("This process isn't counted, METRICS_DIR=%s can't be written: %s", folder, error)
        end()


def end() -> None:
    """Count no more, and let go of the files."""
    from prometheus_client import values

    for each in Metric.every:
        each.end()
    values.close_all_multiprocess_files()  # type: ignore[no-untyped-call]  # as it has it
    values.ValueClass = values.MutexValue
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)


def process_identifier(role: str) -> Callable[[], str]:
    """What this process is called in the names of its files: role, host, number. After a fork it is another."""
    host = socket.gethostname().replace("_", "-")
    return lambda: f"{role}-{host}-{os.getpid()}"
