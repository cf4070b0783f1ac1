"""Which of several beats hands work out: the one whose transaction holds a lock in PostgreSQL.

A transaction, since behind a pooler a session belongs to nobody. While it is open, its server process says so to
whoever asks for the lock; it ends, and the lock with it, as soon as its beat does, and at the latest when PostgreSQL
has heard nothing of it for LEASE_SECONDS: of a beat that was stopped, that hangs, or whose network is gone. That is
counted by PostgreSQL's steady clock, so that no clock that is set makes two of one, or none.

Whoever holds it asks again before each task that it sends. One that was stopped between that and the sending sends this
one task when it goes on; each task of the site may come twice.
"""

import logging
import os
import socket
import time
from typing import Any

from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

log = logging.getLogger(__name__)

# For how long a beat may say nothing. Longer than it waits for a broker that is away, per task.
LEASE_SECONDS = 5.0
# How often one that waits asks.
WAIT_SECONDS = 0.5
# How far the clock of this host may be from PostgreSQL's before the log says so, and how often it does.
SKEW_SECONDS, SKEW_SAID_SECONDS = 5.0, 3600.0
KEY = "hashtextextended('frontrow: beat', 0)"
# Who holds it, for people: `select application_name from pg_stat_activity where application_name like 'beat of %'`.
NAME = f"beat of {socket.gethostname()}, process {os.getpid()}"

BEGIN = f"""
    select pg_try_advisory_xact_lock({KEY}),
        set_config('idle_in_transaction_session_timeout', %s, true),
        set_config('application_name', %s, true),
        -- Since PostgreSQL 17: ours is to stay open for days.
        case when current_setting('server_version_num')::int >= 170000
            then set_config('transaction_timeout', '0', true) end
"""
CONFIRM = "select extract(epoch from clock_timestamp())"


class BeatLease:
    """The right to hand work out, as one process has it or wants it. For one thread."""

    def __init__(self) -> None:
        self._connection: BaseDatabaseWrapper | None = None
        self._has_said_waiting = False
        self._skew_said_at = -SKEW_SAID_SECONDS

    @property
    def is_held(self) -> bool:
        """Whether it was ours when last asked."""
        return self._connection is not None

    def take(self) -> bool:
        """Take it, unless another beat has it."""
        connection = connections[DEFAULT_DB_ALIAS].copy()
        try:
            connection.set_autocommit(False)
            with connection.cursor() as cursor:
                cursor.execute(BEGIN, [f"{LEASE_SECONDS * 1000:.0f}", NAME])
                (is_ours, *_set) = cursor.fetchone() or (False,)
        except Error as error:
            log.warning("Whether another beat runs can't be asked: %s", str(error).strip())
            is_ours = False
        if not is_ours:
            hang_up(connection)
            self._say_waiting()
            return False
        self._connection, self._has_said_waiting = connection, False
        log.info("This beat hands work out (%s)", NAME)
        return True

    def confirm(self) -> bool:
        """Ask whether it still is ours; if not, or if nobody can say, it is given up."""
        if self._connection is None:
            return False
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(CONFIRM)
                self._look_at_clock(cursor.fetchone())
        except Error as error:
            log.warning("This beat hands out nothing for now, since PostgreSQL hung up: %s", str(error).strip())
            self.release()
            return False
        return True

    def release(self) -> None:
        """Let another have it at once."""
        if self._connection is not None:
            hang_up(self._connection)
            self._connection = None

    def _say_waiting(self) -> None:
        if not self._has_said_waiting:
            log.info("Another beat hands work out: this one waits, and takes over when that one ends")
        self._has_said_waiting = True

    def _look_at_clock(self, row: Any) -> None:  # Any: a row
        skew = time.time() - float(row[0])
        if abs(skew) > SKEW_SECONDS and time.monotonic() - self._skew_said_at > SKEW_SAID_SECONDS:
            self._skew_said_at = time.monotonic()
            log.warning("The clock of this host is %+.0f s off PostgreSQL's: what is nightly runs by it", skew)


def hang_up(connection: BaseDatabaseWrapper) -> None:
    """Close a connection, whatever state it is in: that ends its transaction."""
    try:
        connection.close()
    except Error as error:
        log.debug("A connection was not closed in order: %s", error)
