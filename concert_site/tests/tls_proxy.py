"""TLS before a server of a test that speaks none, such as the wheel's Valkey."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from concert_site.tests.certificates import Certificates


class Relay(socketserver.BaseRequestHandler):
    """One connection: TLS on this side, the socket of the server on the other."""

    target: ClassVar[Path]
    context: ClassVar[ssl.SSLContext]

    def handle(self) -> None:
        # Whoever doesn't trust us hangs up in the middle.
        with (
            suppress(OSError),
            self.context.wrap_socket(self.request, server_side=True) as near,
            socket.socket(socket.AF_UNIX) as far,
        ):
            far.connect(str(self.target))
            threading.Thread(target=pump, args=(far, near), daemon=True).start()
            pump(near, far)


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes until the end."""
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def tls_before(target: Path, certificates: Certificates) -> Iterator[int]:
    """Offer a server's socket with TLS on a port, for the duration of a block."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    relay = type("Relay", (Relay,), {"target": target, "context": context})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), relay) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield int(proxy.server_address[1])
        proxy.shutdown()
