"""Looking on, from a connection of its own, how many are inside while a test races."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.models import QuerySet

from queueing.models import WaitingToken
from reservations.models import ConcertSchedule


def inside(schedule: ConcertSchedule) -> QuerySet[WaitingToken]:
    """The ACTIVE tokens of a schedule."""
    return WaitingToken.objects.filter(concert_schedule=schedule, status="ACTIVE")


@contextmanager
def watched(schedule: ConcertSchedule) -> Iterator[list[int]]:
    """Look on while a block runs; what was seen is in the list that it is given."""
    is_over, sampled = threading.Event(), []

    def look_on() -> None:
        while not is_over.is_set():
            sampled.append(inside(schedule).count())
            time.sleep(0.001)
        connection.close()

    watcher = threading.Thread(target=look_on)
    watcher.start()
    try:
        yield sampled
    finally:
        is_over.set()
        watcher.join()
