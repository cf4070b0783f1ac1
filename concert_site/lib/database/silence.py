"""A PostgreSQL that is there and says nothing: frozen, its disk gone, or its host without a word.

A thread that waits for an answer would wait for ever, and soon all of them would. No timeout of the server's own helps,
for it is the server that does nothing. So each process of the site asks a question of its own every moment. While that
stays without an answer, the connections that others wait on are ended, and no new ones are made: whoever needs
PostgreSQL is told 503 at once, and what needs none is answered as ever. The first answer ends it, be it another
server's that has taken the place of the silent one.
"""

import logging
import os
import socket
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import psycopg
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

log = logging.getLogger(__name__)

# Between two questions, and before asking anew where nobody listens.
PAUSE_SECONDS = 0.25

# By the alias of their database.
_connections: defaultdict[str, WeakSet[psycopg.Connection[Any]]] = defaultdict(WeakSet)
_lock = threading.Lock()
_is_silent = threading.Event()


def is_silent() -> bool:
    """Whether PostgreSQL takes connections and says nothing, as far as this process knows."""
    return _is_silent.is_set()


def refuse_while_silent(alias: str = DEFAULT_DB_ALIAS) -> None:
    """Make no connection that would only wait.

    :raises OperationalError: if PostgreSQL says nothing
    """
    if alias == DEFAULT_DB_ALIAS and _is_silent.is_set():
        raise OperationalError("PostgreSQL takes connections and says nothing")


def remember(connection: psycopg.Connection[Any], alias: str = DEFAULT_DB_ALIAS) -> None:
    """Have a connection ended, should the server fall silent."""
    with _lock:
        _connections[alias].add(connection)


def hang_up(some: Sequence[psycopg.Connection[Any]] = (), alias: str = DEFAULT_DB_ALIAS) -> int:
    """End these connections, or all to a database, at the socket, so that who waits on one stops; return how many."""
    with _lock:
        ended = [each for each in some or _connections[alias] if not each.closed]
        if not some:
            _connections[alias].clear()
    for connection in ended:
        # Its own thread may be closing it.
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)
    return len(ended)


class SilenceWatch:
    """Asks in a thread, and is looked at by whoever has a clock: `look` is to be called every so often.

    Looks are counted, and no clock is read: a process that was itself stopped for a while accuses nobody.
    """

    def __init__(self, looks: int) -> None:
        """:param looks: how many in a row may find the same question without an answer"""
        self._most_looks = looks
        self._stopped = threading.Event()
        self._asked = self._answered = 0
        self._seen = self._looks = 0
        self._own: psycopg.Connection[Any] | None = None

    def start(self) -> None:
        """Begin to ask, in the process that uses it."""
        threading.Thread(target=self._ask_on, name="silence-watch", daemon=True).start()

    def look_on(self) -> None:
        """Look until it is stopped, in a thread of a process that has no loop to look from."""
        while not self._stopped.wait(PAUSE_SECONDS):
            self.check()

    def stop(self) -> None:
        """Ask no more. A thread that waits in vain is left behind."""
        self._stopped.set()

    def check(self) -> None:
        """End what waits in vain; costs nothing while there are answers."""
        if self._answered == self._asked:
            if _is_silent.is_set():
                _is_silent.clear()
                log.warning("PostgreSQL answers again")
            self._looks = 0
            return
        self._looks = self._looks + 1 if self._seen == self._asked else 0
        self._seen = self._asked
        if self._looks >= self._most_looks:
            if not _is_silent.is_set():
                _is_silent.set()
                log.error("PostgreSQL says nothing: what needs it is refused until it does")
            hang_up()
            # Ours as well: one that is frozen for good says nothing of who took its place. Now and then, so that an
            # answer has time to come.
            if self._own is not None and self._looks % self._most_looks == 0:
                hang_up([self._own])

    def _ask_on(self) -> None:
        params = connections[DEFAULT_DB_ALIAS].get_connection_params()
        connection: psycopg.Connection[Any] | None = None
        while not self._stopped.wait(PAUSE_SECONDS):
            self._asked += 1
            connection = self._answer(connection, params)
            self._answered = self._asked
        if connection is not None:
            connection.close()

    def _answer(
        self, connection: psycopg.Connection[Any] | None, params: Mapping[str, Any]
    ) -> psycopg.Connection[Any] | None:
        """Have a question answered, however long it takes; a refusal is an answer as well."""
        while not self._stopped.is_set():
            try:
                if connection is None:
                    connection = psycopg.connect(**params, autocommit=True)
                    self._own = connection
                connection.execute("select 1")
            except psycopg.errors.ConnectionTimeout:
                continue
            except psycopg.Error:
                if connection is None:
                    return None
                # It ended while we asked: is there another server? A pooler whose server is gone ends each at once.
                connection.close()
                connection = None
                self._stopped.wait(PAUSE_SECONDS)
            else:
                return connection
        return connection


def watch_by_thread(seconds: float) -> SilenceWatch:
    """Begin to ask and to look in this process: a worker, or beat.

    :param seconds: for how long there may be no answer
    """
    watch = SilenceWatch(looks=round(seconds / PAUSE_SECONDS))
    watch.start()
    threading.Thread(target=watch.look_on, name="silence-look", daemon=True).start()
    return watch
