"""Ticks and admissions as calls of the domain, for lines of several lengths in turns."""

import time
from collections.abc import Callable, Sequence

from crowds import Connection, Crowd
from turns import Sheet, in_turns

# A tick that finds nothing to do, one that lets one fan in, one that lets in so many at once, from the lines that have
# them several times over.
TICKS, ONES = 30, 30
MANY, MANY_ROUNDS = 10_000, 3
# The facts of a sale and its seats are remembered for a second, which is how often beat ticks.
TICK_PAUSE_SECONDS = 1.05
LAPSE = """
update waiting_token set expired_at = clock_timestamp() - interval '1 second'
 where concert_schedule_id = %(schedule)s and status = 'ACTIVE'"""


def measure(connection: Connection, crowds: Sequence[Crowd], sheet: Sheet) -> None:
    """All of it; the caps are 0 before and afterwards."""
    whole, without_seats = ticks(crowds)
    sheet.add_times("tick with nothing to do", whole)
    sheet.add_times("- apart from reading the hall's seats", without_seats)
    sheet.add_times("find all lines and lobbies that move", [*([] for _ in crowds[1:]), finds()])
    sheet.add_times("admit one", admissions(crowds, rounds=ONES, many=1))
    for crowd in crowds:
        empty(connection, crowd)
    many = min(MANY, crowds[-1].size // (MANY_ROUNDS + 1))
    entered, closed = many_admissions(connection, crowds, many)
    sheet.add_times(f"admit {many:,}", entered)
    sheet.add_times("- close them again, their time being over", closed)


def ticks(crowds: Sequence[Crowd]) -> tuple[list[list[float]], list[list[float]]]:
    """Seconds of ticks, a second apart as beat sends them, and without what reading the seats takes of them.

    The seats are read once a second by whoever asks first, most often not by the tick.
    """
    from reservations.domain import waiting_room
    from reservations.queries.availability import availability_of

    whole: list[list[float]] = [[] for _ in crowds]
    without_seats: list[list[float]] = [[] for _ in crowds]

    def one(turn: int, nth: int) -> None:
        if turn not in seen:
            time.sleep(TICK_PAUSE_SECONDS)
            seen.add(turn)
        schedule_id = crowds[nth].line.schedule
        seats = timed(lambda: availability_of(schedule_id))
        without_seats[nth].append(timed(lambda: waiting_room.tick(schedule_id)))
        whole[nth].append(without_seats[nth][-1] + seats)

    seen: set[int] = set()
    in_turns(TICKS, len(crowds), one)
    return whole, without_seats


def finds() -> list[float]:
    from queueing.queries import schedules_with_a_line

    return [timed(schedules_with_a_line) for _ in range(TICKS)]


def admissions(crowds: Sequence[Crowd], *, rounds: int, many: int) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in crowds]

    def one(turn: int, nth: int) -> None:
        times[nth].append(admitted(crowds[nth], cap=many * (turn + 1), expected=many))

    in_turns(rounds, len(crowds), one)
    return times


def many_admissions(
    connection: Connection, crowds: Sequence[Crowd], many: int
) -> tuple[list[list[float]], list[list[float]]]:
    entered: list[list[float]] = [[] for _ in crowds]
    closed: list[list[float]] = [[] for _ in crowds]

    def one(turn: int, nth: int) -> None:
        crowd = crowds[nth]
        if crowd.size > many * MANY_ROUNDS:
            entered[nth].append(admitted(crowd, cap=many, expected=many))
            closed[nth].append(empty(connection, crowd))

    in_turns(MANY_ROUNDS, len(crowds), one)
    return entered, closed


def admitted(crowd: Crowd, *, cap: int, expected: int) -> float:
    from queueing.domain import admission
    from reservations.domain import sale_settings

    sale_settings.change_sale_settings(schedule_id=crowd.line.schedule, queue_max_active=cap)
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
    began = time.perf_counter()
    step()
    return time.perf_counter() - began
