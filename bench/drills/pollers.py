"""Many fans who look at a line, each over a connection of their own, from one thread."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

PATIENCE_SECONDS = 10.0


@dataclass
class Polls:
    """What they were answered: statuses, and how long each took, in seconds."""

    statuses: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """A latency in milliseconds."""
        ordered = sorted(self.latencies) or [0.0]
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


async def poll_all(hosts: Sequence[tuple[str, int]], path: str, *, count: int, every: float, seconds: float) -> Polls:
    """Let `count` fans ask every so many seconds, each at a moment of their own, for `seconds` in all."""
    polls, until = Polls(), time.monotonic() + seconds
    # As browsers that are logged in: each with a cookie of its own.
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip, deflate, br\r\n"
    requests = [f"{head}Cookie: sessionid=s{nth}\r\n\r\n" for nth in range(count)]
    fans = [
        poll(hosts[nth % len(hosts)], request.encode(), every=every, until=until, polls=polls)
        for nth, request in enumerate(requests)
    ]
    await asyncio.gather(*fans)
    return polls


async def poll(host: tuple[str, int], request: bytes, *, every: float, until: float, polls: Polls) -> None:
    """One fan, who connects again where the connection ends."""
    await asyncio.sleep(random.random() * every)
    streams = None
    while time.monotonic() < until:
        asked_at = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                streams = streams or await asyncio.open_connection(*host)
                status = await ask(*streams, request)
            polls.latencies.append(time.monotonic() - asked_at)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            streams, status = None, type(error).__name__
        polls.statuses[status] += 1
        await asyncio.sleep(max(0.0, asked_at + every - time.monotonic()))
    if streams:
        streams[1].close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> str:
    """One request; the status of its answer, which was read to its end."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    lengths = [line.partition(":")[2] for line in lines if line.startswith("content-length:")]
    await reader.readexactly(int(lengths[0]) if lengths else 0)
    return lines[0].split()[1]
