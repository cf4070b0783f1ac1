"""A small load generator: one thread, a few connections that are kept, one request in flight on each.

It reads just enough HTTP to know where an answer ends, so that it costs little of the cores that it shares with
what it measures.
"""

import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

HOST = "127.0.0.1"
STUCK_SECONDS = 30.0


@dataclass
class Load:
    """What a run of requests came to. Answers are in the order of the requests."""

    seconds: float
    statuses: Counter[int]
    bodies: list[bytes]
    latencies: list[float] = field(repr=False)

    @property
    def per_second(self) -> float:
        return len(self.bodies) / self.seconds

    def percentile(self, share: float) -> float:
        """A latency in milliseconds, such as that of the slowest hundredth (0.99)."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

    def expect(self, status: int) -> "Load":
        """Insist that every answer had this status: a benchmark of refusals measures something else."""
        if set(self.statuses) != {status}:
            odd = next((body for body in self.bodies if b"error" in body), b"")
            raise SystemExit(f"Expected {status} alone, got {dict(self.statuses)}: {odd[:300]!r}")
        return self


def request(method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if method != "GET":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """A kept connection: what it waits for, and what it has read of it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=STUCK_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.index = -1
        self.sent_at = 0.0
        self.read = b""

    def send(self, index: int, request: bytes) -> None:
        self.index, self.read, self.sent_at = index, b"", time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> tuple[int, bytes] | None:
        """Read on; status and body once the answer is complete."""
        piece = self.socket.recv(1 << 18)
        if not piece:
            raise SystemExit("The server closed a connection in the middle of an answer.")
        self.read += piece
        return parsed(self.read)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        self.send(0, request)
        while (answer := self.receive()) is None:
            pass
        return answer

    def header(self, name: str) -> str:
        """A header of the last answer, by its name in small letters.

        :raises SystemExit: if the answer has none
        """
        for line in self.read.partition(b"\r\n\r\n")[0].decode().split("\r\n"):
            found, _, value = line.partition(": ")
            if found.lower() == name:
                return value
        raise SystemExit(f"The answer has no header {name}.")


def parsed(read: bytes) -> tuple[int, bytes] | None:
    """Status and body of an answer, None if it is not complete yet."""
    head, separator, body = read.partition(b"\r\n\r\n")
    if not separator:
        return None
    status = int(head[9:12])
    if status == 304:
        return status, b""
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    return (status, body) if len(body) >= length else None


def in_threads(count: int, work: Callable[[], None], patience: float | None = None) -> None:
    """Do the same work in so many threads; wait for each of them, for so many seconds at most."""
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience)


def run(port: int, requests: Sequence[bytes], *, clients: int) -> Load:
    """Send all requests over `clients` connections, as fast as they are answered."""
    selector = selectors.DefaultSelector()
    bodies, latencies, statuses = [b""] * len(requests), [0.0] * len(requests), Counter[int]()
    connections = [Connection(port) for _ in range(min(clients, len(requests)))]
    waiting = iter(enumerate(requests))
    began = time.perf_counter()
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send(*next(waiting))
    open_ends = len(connections)
    while open_ends:
        ready = selector.select(STUCK_SECONDS)
        if not ready:
            raise SystemExit("The server does not answer any more.")
        for key, _ in ready:
            connection = key.data
            answer = connection.receive()
            if answer is None:
                continue
            statuses[answer[0]] += 1
            bodies[connection.index] = answer[1]
            latencies[connection.index] = time.perf_counter() - connection.sent_at
            following = next(waiting, None)
            if following is None:
                open_ends -= 1
            else:
                connection.send(*following)
    seconds = time.perf_counter() - began
    for connection in connections:
        selector.unregister(connection.socket)
        connection.socket.close()
    return Load(seconds, statuses, bodies, latencies)
