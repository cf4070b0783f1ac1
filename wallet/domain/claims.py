"""Taking up what is due: one row at a time, by one worker at a time, and nothing is lost with a worker that dies.

Who takes a row up pushes on when it is due next, commits that, and asks the provider outside of any transaction. A row
of a worker that died is due again once that time has come.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from wallet.providers.base import ProviderError

log = logging.getLogger(__name__)

# Longer than any provider is waited for.
LEASE = timedelta(minutes=2)
# The bounds of a run: beat sends the next one in a few seconds.
MOST_AT_ONCE = 200
RUN_SECONDS = 20.0

Row = TypeVar("Row")


def work_off(claim_next: Callable[[], Row | None], work: Callable[[Row], None]) -> int:
    """Work on one row after the other, within the bounds of a run; return how many were taken up.

    A provider that is away would be away for the others, too: they keep until the next run.
    """
    taken, until = 0, time.monotonic() + RUN_SECONDS
    while taken < MOST_AT_ONCE and time.monotonic() < until:
        row = claim_next()
        if row is None:
            break
        taken += 1
        try:
            work(row)
        except ProviderError as error:
            log.warning("%s waits, its provider is away: %s", row, error)
            break
    return taken
