"""A relay before PostgreSQL that can be frozen, as a server is whose processes are stopped and whose kernel goes on."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from django.db import connection

from concert_site.accounts.tests.concurrency import end_threads


class FreezingRelay:
    """Passes bytes on by TCP. What was connected when it froze stays silent for good, whatever comes after."""

    def __init__(self, listener: socket.socket) -> None:
        self.port = int(listener.getsockname()[1])
        self.is_frozen = False
        self._listener = listener
        self._ends: list[socket.socket] = []
        self._silent: set[socket.socket] = set()

    def freeze(self) -> None:
        """Take connections, and say nothing on any."""
        self.is_frozen = True
        self._silent.update(self._ends)

    def replace(self) -> None:
        """Have another server answer from now on, on new connections alone."""
        self.is_frozen = False

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._ends.append(near)
                if self.is_frozen:
                    self._silent.add(near)
                    continue
                far = connect_to_postgres()
                self._ends.append(far)
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def close(self) -> None:
        for end in self._ends:
            # Closing alone ends nothing while a thread reads.
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if source in self._silent:
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)


def connect_to_postgres() -> socket.socket:
    """A socket to the tests' own server, as the driver finds it."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as asked:
        host, port = asked.info.host, asked.info.port
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    far = socket.socket(socket.AF_UNIX)
    far.connect(f"{host}/.s.PGSQL.{port}")
    return far


@contextmanager
def freezing_relay() -> Iterator[FreezingRelay]:
    """Have the next connections of every thread made through one; it drops this thread's, so it needs
    a test with transaction=True.
    """
    before = {name: connection.settings_dict[name] for name in ("HOST", "PORT")}
    end_threads()
    connection.close()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = FreezingRelay(listener)
        threading.Thread(target=relay.serve, daemon=True).start()
        connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": relay.port}
        try:
            yield relay
        finally:
            end_threads()
            connection.close()
            connection.settings_dict |= before
            relay.close()
