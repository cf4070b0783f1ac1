"""Compare the same request on several lines, in turns: what it costs, and how the costs compare."""

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import load
import psutil
import stack
from stack import Stack

T = TypeVar("T")
CLIENTS = 8

Backends = dict[int, float]


@dataclass(frozen=True)
class Meter:
    """Reads what the site has computed: its web processes, and PostgreSQL for its clients.

    What PostgreSQL does in the background, such as the analyzing of a young sale, belongs to no request.
    """

    site: Stack

    def web(self) -> float:
        return stack.cpu_seconds(psutil.Process(self.site.pid_of("web")))

    def backends(self) -> Backends:
        """CPU seconds so far of each of PostgreSQL's processes that serve a client."""
        with self.site.connect() as connection:
            rows = connection.execute(
                "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
            ).fetchall()
        return {pid: seconds for (pid,) in rows if (seconds := stack.computed(pid)) is not None}


def spent(before: Backends, after: Backends) -> float:
    """CPU seconds between two readings, of the processes that are in both or new."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


@dataclass
class Side:
    """One of those that are compared, and what its rounds came to."""

    per_second: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    web: float = 0.0
    database: float = 0.0
    count: int = 0

    def run(self, site: Stack, requests: Sequence[bytes], status: int) -> load.Load:
        meter = Meter(site)
        web, backends = meter.web(), meter.backends()
        done = load.run(site.port, requests, clients=CLIENTS).expect(status)
        self.database += spent(backends, meter.backends())
        self.web += meter.web() - web
        self.count += len(requests)
        self.per_second.append(done.per_second)
        self.p99.append(done.percentile(0.99))
        return done

    @property
    def cpu_us(self) -> float:
        return (self.web + self.database) / self.count * 1e6


def turned(order: Sequence[T], turn: int) -> list[T]:
    """Every round begins with another and goes the other way every other time, so that nobody always comes first."""
    start = turn // 2 % len(order)
    rolled = [*order[start:], *order[:start]]
    return rolled[::-1] if turn % 2 else rolled


def in_turns(rounds: int, sides: int, step: Callable[[int, int], None]) -> None:
    """Call `step(turn, side)` for every side in every round."""
    for turn in range(rounds):
        for side in turned(range(sides), turn):
            step(turn, side)


def ratio(largest: Sequence[float], smallest: Sequence[float]) -> str:
    """How two compare round by round: the median, with the range."""
    ratios = [ours / theirs for ours, theirs in zip(largest, smallest, strict=True)]
    return f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f}-{max(ratios):.2f})"


def ratio_of_medians(largest: Sequence[float], smallest: Sequence[float]) -> str:
    """How two compare where single steps are too short to be paired."""
    return f"**{statistics.median(largest) / statistics.median(smallest):.2f}**"


def in_ms(times: Sequence[float]) -> str:
    """Seconds in milliseconds: the median, with the range."""
    least, middle, most = (each * 1000 for each in (min(times), statistics.median(times), max(times)))
    return f"{middle:.1f} ({least:.1f}-{most:.1f})"


@dataclass
class Sheet:
    """The table, a column for each size; its rows are shown as they come, since a run takes minutes."""

    sizes: Sequence[int]
    rows: list[list[str]] = field(default_factory=list)

    def add(self, what: str, values: Sequence[str], last: str = "") -> None:
        self.rows.append([what, *values, last])
        print(f"  {what}: {'; '.join(values)}; {last}", file=sys.stderr, flush=True)

    def add_sides(self, what: str, sides: Sequence[Side]) -> None:
        """The rows of a comparison: the longest line against the shortest."""
        rates, costs = [each.per_second for each in sides], [each.cpu_us for each in sides]
        medians = [f"{statistics.median(each):,.0f}" for each in rates]
        self.add(f"{what}, a second", medians, ratio(rates[-1], rates[0]))
        self.add("- CPU of web and database, µs", [f"{each:,.0f}" for each in costs], f"**{costs[-1] / costs[0]:.2f}**")
        self.add("- 99 of 100 within, ms", [f"{statistics.median(each.p99):.1f}" for each in sides])

    def add_times(self, what: str, times: Sequence[Sequence[float]]) -> None:
        """Seconds of the same step, in milliseconds: the median, with the range; nothing where it was not taken."""
        taken = [each for each in times if each]
        cells = [in_ms(each) if each else "" for each in times]
        self.add(f"{what}, ms", cells, ratio_of_medians(taken[-1], taken[0]) if len(taken) > 1 else "")

    def text(self) -> str:
        head = ["waiting", *(f"{size:,}" for size in self.sizes), "longest : shortest (range)"]
        return stack.table(head, self.rows)
