"""How long a wait may be, and how often to ask meanwhile: slowly while far away, quickly when near."""

import random
from math import ceil, floor

from queueing.facts import LineMeasurement, QueueSnapshot, RoomState

# How often to ask: seconds, from so many people ahead on. Clients spread themselves by up to JITTER.
POLL = [(0, 1), (200, 3), (1000, 5), (5000, 10), (20_000, 20)]
JITTER = 0.2
# In the lobby: a tenth of the time that is left, and no less or more often than that.
LOBBY_SHARE = 10
LOBBY_LEAST, LOBBY_MOST = 3.0, 30.0
# A draw of a few takes a second at most, with what asks for it.
DRAWING_LEAST = 1.0
# At the opening the whole lobby wants to know its number. So many a second are asked to come; the spread has its
# bounds all the same, for those who drew a low number should hear of it soon.
ARRIVALS_A_SECOND = 2000
SPREAD_LEAST, SPREAD_MOST = 1.0, 30.0
# The same for pages, which know how many come only once the lobby is open.
PAGE_SPREAD_MOST, SPREAD_OF_UNKNOWN = 15.0, 3.0
# Up to how many minutes a wait is told ahead.
MOST_MINUTES = 90


def most_ahead(number: int, line: LineMeasurement) -> int:
    """How many people can be ahead of this number at most: those who left are still counted."""
    return max(0, number - line.serving - 1)


def estimated_wait(ahead: int | None, numbers_per_minute: float | None) -> int | None:
    """Seconds until the turn comes, at the speed that was measured; None while that isn't known."""
    if ahead is None or not numbers_per_minute:
        return None
    return round((ahead + 1) / numbers_per_minute * 60)


def minutes_of_wait(ahead: int, numbers_per_minute: float | None) -> int | None:
    """The same in minutes begun."""
    seconds = estimated_wait(ahead, numbers_per_minute)
    return None if seconds is None else max(1, ceil(seconds / 60))


def ahead_by_minutes(seen: QueueSnapshot) -> list[int]:
    """How many may be ahead at most for a wait of one minute, of two, and so on, for the line as it is."""
    speed, steps = seen.numbers_per_minute, list[int]()
    if not speed:
        return steps
    longest = seen.line.last_number - seen.line.serving
    for minutes in range(1, MOST_MINUTES + 1):
        # Rounding decides about the last of them.
        ahead = floor((60 * minutes + 0.5) / 60 * speed) + 1
        while ahead >= 0 and (minutes_of_wait(ahead, speed) or 0) > minutes:
            ahead -= 1
        steps.append(ahead)
        if ahead > longest:
            break
    return steps


def poll_after(ahead: int) -> float:
    """Seconds after which to ask again, with so many people ahead."""
    seconds = next(each for least, each in reversed(POLL) if ahead >= least)
    return round(seconds * random.uniform(1, 1 + JITTER), 1)


def poll_before(left: float) -> float:
    """Seconds after which to ask again for who waits for a moment in so many seconds."""
    return min(max(left / LOBBY_SHARE, LOBBY_LEAST), LOBBY_MOST)


def poll_after_in_lobby(seen: QueueSnapshot) -> float:
    """Seconds after which to ask again for who waits without a number: until the opening, or until the draw is made.

    Nobody is told to sleep far past the opening, and no two to come back at the same moment.
    """
    opens_in = seen.facts.opens_in
    spread = min(max(seen.line.waiting / ARRIVALS_A_SECOND, SPREAD_LEAST), SPREAD_MOST)
    if opens_in <= 0:
        return round(random.uniform(DRAWING_LEAST, DRAWING_LEAST + spread), 1)
    seconds = poll_before(opens_in) * random.uniform(1, 1 + JITTER)
    if seconds < opens_in:
        return round(seconds, 1)
    return round(opens_in + random.uniform(0, spread), 1)


def page_poll_after(seen: QueueSnapshot) -> float | None:
    """Seconds after which a page looks again that waits for the lobby or the opening; None once the sale is open.

    Never asleep when the moment comes; and not at the very moment, which may be late by a second.
    """
    if seen.state not in {RoomState.UPCOMING, RoomState.LOBBY}:
        return None
    moment = seen.facts.lobby_at if seen.state is RoomState.UPCOMING else seen.facts.opens_at
    left = (moment - seen.facts.now).total_seconds()
    seconds = poll_before(left)
    return round(left + 0.5 if left < seconds else seconds, 1)


def page_spread(seen: QueueSnapshot) -> float:
    """Seconds over which pages spread that learn of this state by the same answer."""
    if seen.state is RoomState.LOBBY:
        return SPREAD_OF_UNKNOWN
    return round(min(seen.line.waiting / ARRIVALS_A_SECOND, PAGE_SPREAD_MOST), 1)
