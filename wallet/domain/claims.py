"""Taking up what is due: one row at a time, by one worker at a time, and nothing is lost with a worker that dies.

Who takes a row up pushes on when it is due next, commits that, and asks the provider outside of any transaction. A row
of a worker that died is due again once that time has come.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from wallet.providers.base import ProviderError

log = logging.getLogger(__name__)

# Longer than any provider is waited for.
LEASE = timedelta(minutes=2)
# The bounds of a run: beat sends the next one in a few seconds.
MOST_AT_ONCE = 200
RUN_SECONDS = 20.0

Row = TypeVar("Row")
Due = TypeVar("Due", bound=Model)


@transaction.atomic(durable=True)
def claim(rows: QuerySet[Due], *, due_at: str, count: str, now: datetime | None = None) -> Due | None:
    """Claim the row that is due longest, by the column `due_at`, counting so in the column `count`.

    Whoever is at a row has it: nobody waits. Who changes it otherwise meanwhile waits for this commit alone.
    """
    at = now or timezone.now()
    due = rows.filter(**{f"{due_at}__lte": at}).order_by(due_at)
    row = due.select_for_update(of=("self",), skip_locked=True, no_key=True).first()
    if row is not None:
        setattr(row, count, getattr(row, count) + 1)
        setattr(row, due_at, at + LEASE)
        row.save(update_fields=[count, due_at])
    return row


def process_due(claim_next: Callable[[], Row | None], work: Callable[[Row], None]) -> int:
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
