"""What a process tells systemd about itself: sd_notify(3), which is one datagram."""

import os
import socket

READY = "READY=1"
STOPPING = "STOPPING=1"


def notify(state: str) -> None:
    """Tell it, if systemd started us and asked to be told; it may be gone, which is no reason to fail."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where:
        return
    # A name that begins with @ is in the abstract namespace.
    address = f"\0{where[1:]}" if where.startswith("@") else where
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to_systemd:
        try:
            to_systemd.connect(address)
            to_systemd.sendall(state.encode())
        except OSError:
            return
