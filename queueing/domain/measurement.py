"""How a line is measured: where it stands, how many wait, and how fast it moves."""

import time
from dataclasses import dataclass, field, replace

from concert_site.lib.database.statements import fetch_one, sql_beside
from queueing.models import Status, WaitingToken

# Speed is measured over the last three minutes, and not before ten seconds of them have passed.
SPEED_WINDOW_SECONDS = 180
SPEED_SAMPLE_SECONDS = 5
SPEED_MIN_SECONDS = 10
# After so long without anybody waiting the measuring begins anew: how fast fans trickle into a quiet sale says
# nothing of how fast a line will move.
SPEED_GAP_SECONDS = 15
# Counting the line costs a walk along it, so the walk may take a fiftieth of the time at most; and a walk that can be
# felt is not made at every tick, however much time there is.
COUNT_SHARE = 50
LONG_COUNT_SECONDS, COUNT_EVERY_SECONDS = 0.001, 5.0

# What was served when: seconds on the clock of PostgreSQL, which is the same for every host; and the number.
Samples = list[tuple[float, int]]


@dataclass(frozen=True, slots=True)
class LineMeasurement:
    """What was measured of the line of a schedule. A fan is at most `number - serving` from the front."""

    serving: int
    last_number: int
    waiting: int
    numbers_per_minute: float | None = None
    # Whether somebody waits without a number, for the draw.
    has_lobby: bool = False
    # When and how the line was last counted, so that it is not walked again too soon.
    counted: int = 0
    counted_at: float = 0.0
    counted_serving: int = 0
    counted_last: int = 0
    count_seconds: float = 0.0
    samples: Samples = field(default_factory=list)

    @property
    def has_anybody(self) -> bool:
        """Whether somebody waits, with a number or for one."""
        return self.has_lobby or self.serving < self.last_number


def measure(
    schedule_id: int, before: LineMeasurement | None = None, *, is_drawn: bool = False, may_count: bool = True
) -> LineMeasurement:
    """The line from PostgreSQL: one look at its ends, and now and then a count.

    Everyone below the first who waits has been served or has left. `before` is how the line was last seen. Without
    `may_count` it is counted only where it never was: whoever asks for a page doesn't wait for a walk along a million.
    """
    served = before.serving if before else 0
    params = {"schedule": schedule_id, "served": served, "is_drawn": is_drawn}
    ends = fetch_one(sql_beside(__file__, "measure_line.sql"), params)
    last, first = ends["last_number"], ends["first_waiting"]
    # It never goes back, unless the line itself did: of a database put back from a backup Redis knows nothing.
    serving = max(min(served, last), last if first is None else first - 1, ends["last_inside"])
    seen = LineMeasurement(serving, last, 0, has_lobby=ends["has_lobby"])
    if first is None and not seen.has_lobby:
        return seen
    now = ends["now"]
    if before and before.counted and (not may_count or is_counted(seen, before, now)):
        return carried(seen, before)
    return counted(seen, schedule_id, now)


def is_counted(seen: LineMeasurement, before: LineMeasurement, now: float) -> bool:
    """Whether the last count is young enough, and of the same line: fans of a lobby have no numbers to count by."""
    lasts = COUNT_SHARE * before.count_seconds
    if before.count_seconds > LONG_COUNT_SECONDS:
        lasts = max(lasts, COUNT_EVERY_SECONDS)
    # Below zero: the clock was set back.
    is_young = 0 <= now - before.counted_at < lasts
    return is_young and seen.has_lobby == before.has_lobby


def carried(seen: LineMeasurement, before: LineMeasurement) -> LineMeasurement:
    """The line with its last count carried forward by what came and went at the ends since."""
    moved = (seen.last_number - before.counted_last) - (seen.serving - before.counted_serving)
    most = before.counted if seen.has_lobby else seen.last_number - seen.serving
    return replace(
        seen,
        waiting=max(0, min(before.counted + moved, most)),
        counted=before.counted,
        counted_at=before.counted_at,
        counted_serving=before.counted_serving,
        counted_last=before.counted_last,
        count_seconds=before.count_seconds,
    )


def counted(seen: LineMeasurement, schedule_id: int, now: float) -> LineMeasurement:
    """The line, counted now, which is a time of PostgreSQL's."""
    began = time.perf_counter()
    waiting = count_waiting(schedule_id)
    return replace(
        seen,
        waiting=waiting,
        counted=waiting,
        counted_at=now,
        counted_serving=seen.serving,
        counted_last=seen.last_number,
        count_seconds=time.perf_counter() - began,
    )


def count_waiting(schedule_id: int) -> int:
    """How many wait; it walks the line, so ask rarely."""
    return WaitingToken.objects.filter(concert_schedule_id=schedule_id, status=Status.WAITING).count()


def with_speed(
    line: LineMeasurement, before: LineMeasurement | None, *, now: float, is_moving: bool
) -> LineMeasurement:
    """The line with its speed, measured on from `before`.

    Where nobody is let in, what was measured before promises nothing: the measuring begins anew.
    """
    samples = sampled(before.samples if before else [], line, now) if is_moving and not line.has_lobby else []
    return replace(line, samples=samples, numbers_per_minute=speed_of(samples, line.serving, now))


def sampled(samples: Samples, line: LineMeasurement, now: float) -> Samples:
    """The samples with this moment's, where one is due: only while somebody waits, for then the house is full."""
    if not line.waiting:
        return samples
    if samples and not 0 <= now - samples[-1][0] <= SPEED_GAP_SECONDS:
        # Too long ago, or in the future: the clock was set back.
        samples = []
    if samples and now - samples[-1][0] < SPEED_SAMPLE_SECONDS:
        return samples
    return [*samples, (now, line.serving)][-(SPEED_WINDOW_SECONDS // SPEED_SAMPLE_SECONDS) :]


def speed_of(samples: Samples, serving: int, now: float) -> float | None:
    """Numbers a minute over the last minutes: `serving` now against the oldest sample that counts."""
    recent = [(at, number) for at, number in samples if now - at <= SPEED_WINDOW_SECONDS]
    if not recent or now - recent[-1][0] > SPEED_GAP_SECONDS or now - recent[0][0] < SPEED_MIN_SECONDS:
        return None
    began, number = recent[0]
    # A line that has stood still says nothing of how long a wait will be.
    return round((serving - number) / (now - began) * 60, 1) if serving > number else None
