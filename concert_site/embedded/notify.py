"""What systemd is told of a service of `Type=notify`: that it is ready, reloads, stops, and is alive.

The protocol is that of sd_notify(3): lines in a datagram, to the socket that NOTIFY_SOCKET names.
"""

import os
import socket
import time
from contextlib import suppress

READY, STOPPING = "READY=1", "STOPPING=1"


class Notifier:
    """Tells systemd, if it is there; else nobody."""

    def __init__(self) -> None:
        # Taken, so that programs that are started from here don't speak for us.
        self._address = os.environ.pop("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        patience = os.environ.pop("WATCHDOG_USEC", "")
        self._alive_every = int(patience) / 3_000_000 if patience.isdecimal() else None
        self._alive_at = 0.0

    def tell(self, *lines: str) -> None:
        if self._address:
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_systemd:
                to_systemd.sendto("\n".join(lines).encode(), self._address)

    def tell_reloading(self) -> None:
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def tell_alive(self) -> None:
        """Call it often; `WatchdogSec` ends a service that doesn't."""
        if self._alive_every is not None and time.monotonic() - self._alive_at > self._alive_every:
            self._alive_at = time.monotonic()
            self.tell("WATCHDOG=1")
