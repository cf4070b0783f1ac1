"""How long a wait may be, and how often to ask meanwhile: slowly while far away, quickly when near."""

import random

from queueing.domain.progress import Line

# How often to ask: seconds, from so many people ahead on. Clients spread themselves by up to JITTER.
POLL = [(0, 1), (200, 3), (1000, 5), (5000, 10), (20_000, 20)]
JITTER = 0.2


def most_ahead(number: int, line: Line) -> int:
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
