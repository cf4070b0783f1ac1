"""How long a wait may be, and how often to ask meanwhile: slowly while far away, quickly when near."""

import random

from queueing.domain.measurement import LineMeasurement
from queueing.domain.snapshots import QueueSnapshot

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


def most_ahead(number: int, line: LineMeasurement) -> int:
    """How many people can be ahead of this number at most: those who left are still counted."""
    return max(0, number - line.serving - 1)


def estimated_wait(ahead: int | None, numbers_per_minute: float | None) -> int | None:
    """Seconds until the turn comes, at the speed that was measured; None while that isn't known."""
    if ahead is None or not numbers_per_minute:
        return None
    return round((ahead + 1) / numbers_per_minute * 60)


def poll_after(ahead: int) -> float:
    """Seconds after which to ask again, with so many people ahead."""
    seconds = next(each for least, each in reversed(POLL) if ahead >= least)
    return round(seconds * random.uniform(1, 1 + JITTER), 1)


def poll_after_in_lobby(seen: QueueSnapshot) -> float:
    """Seconds after which to ask again for who waits without a number: until the opening, or until the draw is made.

    Nobody is told to sleep far past the opening, and no two to come back at the same moment.
    """
    opens_in = seen.facts.opens_in
    spread = min(max(seen.line.waiting / ARRIVALS_A_SECOND, SPREAD_LEAST), SPREAD_MOST)
    if opens_in <= 0:
        return round(random.uniform(DRAWING_LEAST, DRAWING_LEAST + spread), 1)
    seconds = min(max(opens_in / LOBBY_SHARE, LOBBY_LEAST), LOBBY_MOST) * random.uniform(1, 1 + JITTER)
    if seconds < opens_in:
        return round(seconds, 1)
    return round(opens_in + random.uniform(0, spread), 1)
