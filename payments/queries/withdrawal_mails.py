"""The mails that are owed of withdrawals: that money went to the card, or that it came back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import DateTimeField, F, QuerySet, Value
from django.db.models.functions import Now

from wallet.models import Withdrawal
from wallet.models.withdrawals import ENDED

# Rows of the index of owed mails that are read at once.
BATCH = 500


@dataclass(frozen=True, slots=True)
class OwedOutcome:
    """One mail that is owed: all of a fan's withdrawals that have ended so and were not told."""

    user_id: int
    state: str

    def __str__(self) -> str:
        return f"withdrawn:{self.state}:{self.user_id}"


def owed_outcomes() -> Iterator[OwedOutcome]:
    """The mails that are owed, the oldest first: through the partial index, which holds nothing else."""
    rows, seen, last = untold().order_by("pk").values_list("pk", "user_id", "state"), set(), 0
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        last = batch[-1][0]
        for _pk, user_id, state in batch:
            owed = OwedOutcome(user_id, state)
            if owed not in seen:
                seen.add(owed)
                yield owed


def untold() -> QuerySet[Withdrawal]:
    """The withdrawals that have ended and were not mailed yet."""
    return Withdrawal.objects.filter(state__in=ENDED, outcome_mail_at__isnull=True)


def withdrawals_of_mail(owed: OwedOutcome, *, now: datetime | None = None) -> QuerySet[Withdrawal]:
    """What a mail is about, with all that it shows, and `owed_for`."""
    moment = Value(now, output_field=DateTimeField()) if now else Now()
    own = untold().filter(user_id=owed.user_id, state=owed.state).select_related("top_up", "user")
    return own.annotate(owed_for=moment - F("updated_state_at")).order_by("pk")
