"""What is told of the copies of the database: how far the replica is behind, and how old the newest backup is."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from contextlib import suppress

from django.conf import settings
from prometheus_client.core import GaugeMetricFamily

from concert_site.lib.database.replica import is_configured, lag_watch
from concert_site.operations.backup.stores import store_at
from concert_site.operations.site_figures import figure

log = logging.getLogger(__name__)

# A store is looked into so often, and a scrape waits for it so long; a bucket may take its time.
LOOK_SECONDS, PATIENCE_SECONDS = 60.0, 0.5
NONE = float("-inf")


class CopyFigures:
    """Collects them; prometheus_client calls `collect` at each scrape."""

    def __init__(self) -> None:
        self._ask = ThreadPoolExecutor(max_workers=1, thread_name_prefix="newest-backup")
        self._asking: Future[float] | None = None
        self._asked_at = NONE
        # Seconds since 1970; until a store has been looked into, nothing.
        self._made_at: float | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        if is_configured():
            usable, lag = lag_watch.is_usable(), lag_watch.lag_seconds
            yield figure("replica_usable", "1 while pages may be read from the replica", float(usable))
            yield figure("replica_lag_seconds", "Seconds by which the replica is behind; none while it is away", lag)
        if settings.BACKUP_TO:
            self._look()
            age = None if self._made_at is None else time.time() - self._made_at
            what = "Age of the newest backup in BACKUP_TO; +Inf if there is none, or it can't be read"
            yield figure("backup_age_seconds", what, age)

    def _look(self) -> None:
        """Take note of the newest backup, once a minute."""
        if self._asking is None and time.monotonic() - self._asked_at >= LOOK_SECONDS:
            self._asked_at = time.monotonic()
            self._asking = self._ask.submit(newest_backup, settings.BACKUP_TO)
        if self._asking is not None:
            with suppress(TookTooLong):
                self._made_at = self._asking.result(PATIENCE_SECONDS)
                self._asking = None


def newest_backup(place: str) -> float:
    """When the newest archive in a store was made, in seconds since 1970.

    That of a store that is empty, or that this process can't read, was never made: in an emergency it is the same.
    """
    try:
        archives = store_at(place).archives()
    except Exception as error:  # noqa: BLE001  a folder's, a network's, or that the library isn't there
        log.warning("Nobody knows how old the newest backup is: %s", error)
        return NONE
    return archives[-1].made_at.timestamp() if archives else NONE
