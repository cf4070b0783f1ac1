"""Ticks and admissions as calls of the domain, for lines of several lengths in turns."""

import time
from collections.abc import Callable, Sequence

from crowds import Connection, Crowd
from turns import Sheet, in_turns

# A tick that finds nothing to do, one that lets one fan in, one that lets in so many at once. A short line has fewer
# to give: at most a fifth of it each time.
TICKS, ONES = 30, 30
MANY, MANY_ROUNDS = 10_000, 3
# The facts of a sale and its seats are remembered for a second, which is how often beat ticks.
TICK_PAUSE_SECONDS = 1.05
LAPSE = """
update waiting_token set expired_at = clock_timestamp() - interval '1 second'
 where concert_schedule_id = %(schedule)s and status = 'ACTIVE'"""


def measure(connection: Connection, crowds: Sequence[Crowd], sheet: Sheet) -> None:
    """All of it; the caps are 0 before and afterwards."""
    sheet.add_times("tick with nothing to do", ticks(crowds))
    sheet.add_times("admit one", admissions(crowds, rounds=ONES, many=1))
    for crowd in crowds:
        empty(connection, crowd)
    entered, closed = many_admissions(connection, crowds)
    sheet.add_times(f"admit {MANY:,} (a fifth of a short line)", entered)
    sheet.add_times("- close them again, their time being over", closed)


def ticks(crowds: Sequence[Crowd]) -> list[list[float]]:
    """Seconds of ticks, a second apart as beat sends them."""
    from reservations.domain import waiting_room

    times: list[list[float]] = [[] for _ in crowds]

    def one(turn: int, nth: int) -> None:
        if nth == 0:
            time.sleep(TICK_PAUSE_SECONDS)
        times[nth].append(timed(lambda: waiting_room.tick(crowds[nth].line.schedule)))

    in_turns(TICKS, len(crowds), one)
    return times


def admissions(crowds: Sequence[Crowd], *, rounds: int, many: int) -> list[list[float]]:
    """Seconds of admissions of so many each."""
    times: list[list[float]] = [[] for _ in crowds]

    def one(turn: int, nth: int) -> None:
        times[nth].append(admitted(crowds[nth], cap=many * (turn + 1), expected=many))

    in_turns(rounds, len(crowds), one)
    return times


def many_admissions(connection: Connection, crowds: Sequence[Crowd]) -> tuple[list[list[float]], list[list[float]]]:
    """Seconds of admitting many, and of closing as many."""
    entered: list[list[float]] = [[] for _ in crowds]
    closed: list[list[float]] = [[] for _ in crowds]

    def one(turn: int, nth: int) -> None:
        crowd = crowds[nth]
        many = min(MANY, crowd.size // 5)
        entered[nth].append(admitted(crowd, cap=many, expected=many))
        closed[nth].append(empty(connection, crowd))

    in_turns(MANY_ROUNDS, len(crowds), one)
    return entered, closed


def admitted(crowd: Crowd, *, cap: int, expected: int) -> float:
    """Seconds of one admission under a new cap."""
    from queueing.domain import admission
    from reservations.domain import levers

    levers.pull(schedule_id=crowd.line.schedule, queue_max_active=cap)
    moved: list[int] = []
    seconds = timed(lambda: moved.append(admission.admit(crowd.line.schedule).admitted))
    if moved != [expected]:
        raise SystemExit(f"Expected {expected:,} to be admitted, got {moved}.")
    return seconds


def empty(connection: Connection, crowd: Crowd) -> float:
    """Let the time of everybody inside be over, with nobody let in; seconds of the admission that closes them."""
    connection.execute(LAPSE, {"schedule": crowd.line.schedule})
    return admitted(crowd, cap=0, expected=0)


def timed(step: Callable[[], object]) -> float:
    """Seconds of a step."""
    began = time.perf_counter()
    step()
    return time.perf_counter() - began
