"""Clients that are slow, silent or gone, by the dozen: raw sockets to a real site."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Self

HOST = "127.0.0.1"
DRIBBLE_SECONDS = 0.5
HEAD = b"Host: localhost\r\nContent-Type: application/json\r\n"
POST = b"POST /api/v1/x HTTP/1.1\r\n" + HEAD
# What each kind sends at once, and what it sends bit by bit afterwards.
KINDS = {
    "nothing": (b"", b""),
    "half a head": (b"GET /api/v1/wallet/ HTTP/1.1\r\nHo", b""),
    "a head bit by bit": (b"GET /api/v1/wallet/ HTTP/1.1\r\nHost: localhost\r\nX-Long: ", b"a"),
    "one byte of nine": (POST + b"Content-Length: 9\r\n\r\n{", b""),
    "a body bit by bit": (POST + b"Content-Length: 4000\r\n\r\n{", b" "),
    "a larger body bit by bit": (POST + b"Content-Length: 60000\r\n\r\n" + b" " * 9000, b" "),
    "chunks bit by bit": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", b"1\r\n \r\n"),
    "a chunk that doesn't end": (POST + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{", b""),
    "a login of one byte": (b"POST /accounts/login/ HTTP/1.1\r\n" + HEAD + b"Content-Length: 9\r\n\r\ne", b""),
    "an upload": (b"POST /admin/x/ HTTP/1.1\r\n" + HEAD + b"Content-Length: 9000000\r\n\r\n" + b"a" * 90_000, b"a"),
}


def connected(port: int, small: bool = False) -> socket.socket:
    """A connection; a small one takes in next to nothing."""
    client = socket.socket()
    if small:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.settimeout(10)
    client.connect((HOST, port))
    return client


class SlowClients:
    """So many of each kind, and as many that ask for `path` and read nothing; they stay until the end of the block."""

    def __init__(self, port: int, *, each: int, path: str) -> None:
        self._port, self._each, self._path = port, each, path
        self.clients: dict[str, list[socket.socket]] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._dribble, daemon=True)
        self.since = 0.0

    def __enter__(self) -> Self:
        self.since = time.monotonic()
        for kind, (first, _) in KINDS.items():
            self.clients[kind] = [self._opened(first) for _ in range(self._each)]
        ask = f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self.clients["reads nothing"] = [self._opened(ask * 3, small=True) for _ in range(self._each)]
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        for clients in self.clients.values():
            for client in clients:
                client.close()

    def _opened(self, first: bytes, small: bool = False) -> socket.socket:
        client = connected(self._port, small)
        client.sendall(first)
        return client

    def _dribble(self) -> None:
        while not self._stopped.wait(DRIBBLE_SECONDS):
            for kind, (_, more) in KINDS.items():
                for client in self.clients[kind] if more else ():
                    # Those that were sent away meanwhile are looked at by the test.
                    with contextlib.suppress(OSError):
                        client.send(more)

    def are_waiting(self, kind: str) -> bool:
        """Whether none of this kind was answered or sent away yet."""
        return all(said(client) is None for client in self.clients[kind])


def said(client: socket.socket) -> bytes | None:
    """What the site said, up to the end of the connection if it ended; None while it says nothing."""
    client.setblocking(False)
    try:
        return client.recv(65_536, socket.MSG_PEEK)
    except BlockingIOError:
        return None
    except OSError:
        return b""
    finally:
        client.settimeout(10)


def read_to_the_end(client: socket.socket, seconds: float) -> tuple[bytes, bool]:
    """Everything that comes, and whether the connection ended within so many seconds."""
    read, deadline = b"", time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        client.settimeout(left)
        try:
            piece = client.recv(65_536)
        except TimeoutError:
            return read, False
        except OSError:
            return read, True
        if not piece:
            return read, True
        read += piece
    return read, False


def raw(port: int, request: bytes, seconds: float = 10) -> tuple[bytes, bool]:
    """Send bytes; everything that is answered until the connection ends or rests for a second."""
    with connected(port) as client:
        client.sendall(request)
        read, deadline = b"", time.monotonic() + seconds
        while time.monotonic() < deadline:
            client.settimeout(1 if read else seconds)
            try:
                piece = client.recv(65_536)
            except TimeoutError:
                return read, False
            except OSError:
                return read, True
            if not piece:
                return read, True
            read += piece
        return read, False


@contextlib.contextmanager
def storm(work: "list[threading.Thread]") -> Iterator[None]:
    """Run these threads for the length of the block; they must end by themselves soon after."""
    for thread in work:
        thread.start()
    yield
    for thread in work:
        thread.join(30)
