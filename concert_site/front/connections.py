"""Connections of clients that don't read what they asked for: they end, since the web server itself waits for ever.

Linux says of each connection what it took from us and what still lies in the kernel. Elsewhere nothing is watched.
"""

from __future__ import annotations

import logging
import os
import socket
import stat
import struct
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path

log = logging.getLogger(__name__)

# How often is looked, how much a reader must have taken by then of what is there for it, and how often it may fail to.
CHECK_SECONDS = 10.0
LEAST_BYTES = 20_480
MOST_STRIKES = 3
# A peer that acknowledges nothing, or takes nothing in, is gone after so long, also once we have closed our end.
UNACKNOWLEDGED_MS = 30_000

SO_COOKIE = 57
ACKNOWLEDGED_AT = 120  # tcpi_bytes_acked in struct tcp_info (linux/tcp.h)
TCP_INFO_BYTES = 128


class Connections:
    """Watches the connections of this process."""

    def __init__(self) -> None:
        # By the kernel's number for a connection: how much it had acknowledged, and how often that was too little.
        self._seen: dict[bytes, tuple[int, int]] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        if sys.platform == "linux":
            threading.Thread(target=self._watch, name="connections", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def check(self) -> int:
        """Look at every connection; end those that took too little too often, and say how many that were."""
        seen, self._seen = self._seen, {}
        ended = 0
        for connection in accepted():
            with suppress(OSError):
                if not unread_bytes(connection):
                    continue
                name = connection.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
                acknowledged = acknowledged_bytes(connection)
                before, strikes = seen.get(name, (None, 0))
                if before is not None:
                    strikes = 0 if acknowledged - before >= LEAST_BYTES else strikes + 1
                if strikes < MOST_STRIKES:
                    self._seen[name] = (acknowledged, strikes)
                    continue
                ended += 1
                # The web server finds it broken, and lets go of what it held for it.
                connection.shutdown(socket.SHUT_RDWR)
        return ended

    def _watch(self) -> None:
        limit_unacknowledged()
        while not self._stopped.wait(CHECK_SECONDS):
            ended = self.check()
            if ended:
                log.warning("Ended %d connections that didn't read their answer", ended)


def accepted() -> Iterator[socket.socket]:
    """Each connection that this process accepted, as `sockets` hands them out."""
    ports = {each.getsockname()[1] for each in sockets() if is_listening(each)}
    for each in sockets():
        with suppress(OSError):
            if not is_listening(each) and each.getsockname()[1] in ports and each.getpeername():
                yield each


def sockets() -> Iterator[socket.socket]:
    """A copy of each TCP socket of this process, until the next one: a copy can't become another's under us."""
    # A copy of the list: it would change while it is read.
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        with suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            with socket.socket(fileno=os.dup(number)) as copy:
                if copy.family in (socket.AF_INET, socket.AF_INET6) and copy.type == socket.SOCK_STREAM:
                    yield copy


def is_listening(one: socket.socket) -> bool:
    return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def limit_unacknowledged() -> None:
    """Have the kernel end connections whose peer is gone; those that are accepted take it over from the listener."""
    for each in sockets():
        with suppress(OSError):
            if is_listening(each):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)


def unread_bytes(connection: socket.socket) -> int:
    """What was sent and is not acknowledged, or couldn't be sent yet."""
    (count,) = struct.unpack("i", ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))
    return int(count)


def acknowledged_bytes(connection: socket.socket) -> int:
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    (count,) = struct.unpack_from("Q", info, ACKNOWLEDGED_AT)
    return int(count)
