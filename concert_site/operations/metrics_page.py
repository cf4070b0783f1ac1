"""The page that Prometheus reads: what all processes of this host have counted, what they use, and the site's figures.

Nobody but who has the token, or reaches the address that the house chose, sees it: METRICS_TOKEN, METRICS_ADDRESS.
"""

import fcntl
import hmac
import logging
import os
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from django.conf import settings
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from concert_site.lib.metric_files import ReservedDict
from concert_site.lib.metrics import ENDED, PREFIX
from concert_site.operations.copy_figures import CopyFigures
from concert_site.operations.site_figures import SiteFigures, labelled

log = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
BEARER = "bearer"
TRIES = 5


def is_allowed(authorization: str) -> bool:
    """Whether a header names the token; without one set everybody who gets this far may look."""
    if not settings.METRICS_TOKEN:
        return True
    scheme, _, token = authorization.partition(" ")
    return scheme.lower() == BEARER and hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())


class MetricsPage:
    """Makes the page, one at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._figures, self._copies = SiteFigures(), CopyFigures()

    def render(self) -> bytes:
        """The page as it is now, in the text format of Prometheus."""
        with self._lock:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            fold_ended(self._folder)
            registry = CollectorRegistry()
            registry.register(ProcessFigures(self._folder))
            registry.register(self._figures)
            registry.register(self._copies)
            return counts(self._folder) + generate_latest(registry)


def counts(folder: Path) -> bytes:
    """What the processes have counted.

    :raises FileNotFoundError: if file after file is folded by another process meanwhile
    """
    for attempt in range(TRIES):
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]  # as it has it
        try:
            return generate_latest(registry)
        except FileNotFoundError:
            # Another process has just folded it; what it counted is in another file now.
            if attempt == TRIES - 1:
                raise
    raise AssertionError


class ProcessFigures:
    """What the processes of this host use, by what they are for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> list[CounterMetricFamily | GaugeMetricFamily]:
        """Summed up by role."""
        cpu: dict[str, float] = defaultdict(float)
        of: dict[str, dict[str, float]] = {name: defaultdict(float) for name in OF_A_PROCESS}
        for role, process in processes(self._folder):
            with suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                cpu[role] += times.user + times.system
                of["processes"][role] += 1
                of["process_memory_bytes"][role] += process.memory_info().rss
                of["process_threads"][role] += process.num_threads()
                of["process_open_files"][role] += process.num_fds()
        used = CounterMetricFamily(f"{PREFIX}process_cpu_seconds", "Processor time", labels=["role"])
        for role, seconds in cpu.items():
            used.add_metric([role], seconds)
        gauges = (labelled(name, what, "role", of[name].items()) for name, what in OF_A_PROCESS.items())
        return [used, *gauges, labelled("disk_free_ratio", "Share of the disk that is free", "folder", free_space())]


OF_A_PROCESS = {
    "processes": "Processes that count",
    "process_memory_bytes": "Memory that they have in use, what they share counted in each",
    "process_threads": "Threads",
    "process_open_files": "Open files and connections",
}


def free_space() -> Iterator[tuple[str, float]]:
    """What is left on the disks that we write to."""
    folders = {"data": Path(settings.DATA_DIR), "media": settings.MEDIA_ROOT, "metrics": settings.METRICS_DIR}
    for name, folder in folders.items():
        with suppress(OSError):
            usage = psutil.disk_usage(str(nearest(Path(folder))))
            yield name, usage.free / usage.total


def nearest(folder: Path) -> Path:
    """The folder, or where it will be made: that of posters isn't there before the first one."""
    return next((each for each in (folder, *folder.parents) if each.exists()), folder)


# --- Files of the processes --------------------------------------------------------------------


def named(path: Path) -> tuple[str, str, int | None]:
    """Role, host and number of the process that a file is of; no number for what is of ended ones."""
    role, _, rest = path.stem.rpartition("_")[2].partition("-")
    host, _, pid = rest.rpartition("-")
    return role, host, int(pid) if pid.isdecimal() else None


def processes(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The processes of this host that count and live, with their roles."""
    ours = {(role, pid) for role, host, pid in map(named, folder.glob("*.db")) if pid and host == this_host()}
    for role, pid in sorted(ours):
        with suppress(psutil.NoSuchProcess):
            yield role, psutil.Process(pid)


def this_host() -> str:
    return socket.gethostname().replace("_", "-")


def fold_ended(folder: Path) -> None:
    """Add what processes that have ended had counted to one file, and take theirs away; what they were is forgotten.

    So sums don't go back, and files don't pile up where a worker dies again and again.
    """
    with only_one(folder) as may_fold:
        if not may_fold:
            return
        for path in folder.glob("*.db"):
            _role, host, pid = named(path)
            if pid is None or host != this_host() or psutil.pid_exists(pid):
                continue
            if path.name.startswith("gauge_"):
                path.unlink(missing_ok=True)
            else:
                fold(path, folder / f"{path.name.partition('_')[0]}_{ENDED}.db")


def fold(path: Path, into: Path) -> None:
    """Add the counts of one file to another. Killed in the middle, it loses some and counts none twice."""
    moved = path.with_suffix(".ended")
    path.rename(moved)
    try:
        kept = ReservedDict(str(into))
        for key, value, _at, _position in MmapedDict.read_all_values_from_file(str(moved)):  # type: ignore[no-untyped-call]
            kept.write_value(key, kept.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
        kept.close()  # type: ignore[no-untyped-call]
    except (OSError, ValueError, RuntimeError) as error:
        log.warning("What a process that ended has counted is lost: %s", error)
    moved.unlink(missing_ok=True)


@contextmanager
def only_one(folder: Path) -> Iterator[bool]:
    """Whether nobody else is at it this moment."""
    descriptor = os.open(folder / "folding.lock", os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
