"""What isn't settled, and doesn't settle by itself."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from wallet.domain import settlements
from wallet.models import EventState, ProviderEvent, SettlementDay, TopUp, Withdrawal

# By then the reconciler has asked a dozen times, and has had the provider close it if it could.
TOP_UP_LATE = timedelta(hours=2)
# Providers take so long for a refund as a rule.
WITHDRAWAL_LATE = timedelta(days=1)
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Stuck:
    """Rows of each kind, the oldest first; of many, some."""

    for_staff: list[TopUp]
    late_top_ups: list[TopUp]
    late_withdrawals: list[Withdrawal]
    failed_events: list[ProviderEvent]
    unexplained_days: list[SettlementDay]
    missing_days: list[tuple[str, date]]


def stuck() -> Stuck:
    return Stuck(
        for_staff=list(for_staff().select_related("user")[:MOST_SHOWN]),
        late_top_ups=list(late_top_ups().select_related("user")[:MOST_SHOWN]),
        late_withdrawals=list(late_withdrawals().select_related("user", "top_up")[:MOST_SHOWN]),
        failed_events=list(failed_events().defer("body")[:MOST_SHOWN]),
        unexplained_days=list(unexplained_days()[:MOST_SHOWN]),
        missing_days=settlements.missing_days()[:MOST_SHOWN],
    )


def count_stuck() -> int:
    """How much it is, for staff's first page: one query, each kind by an index of its own, and for missing days two."""
    first, *others = (
        each.order_by().values_list("pk", flat=True)
        for each in (for_staff(), late_top_ups(), late_withdrawals(), failed_events(), unexplained_days())
    )
    return first.union(*others, all=True).count() + len(settlements.missing_days())


def for_staff() -> QuerySet[TopUp]:
    return TopUp.objects.for_staff().order_by("pk")


def late_top_ups() -> QuerySet[TopUp]:
    """Top-ups that nobody knows the end of, long after their time."""
    return TopUp.objects.filter(next_look_at__isnull=False, expires_at__lt=Now() - TOP_UP_LATE).order_by("pk")


def late_withdrawals() -> QuerySet[Withdrawal]:
    """Withdrawals that are under way for long."""
    return Withdrawal.objects.filter(next_look_at__isnull=False, created_at__lt=Now() - WITHDRAWAL_LATE).order_by("pk")


def failed_events() -> QuerySet[ProviderEvent]:
    return ProviderEvent.objects.filter(state=EventState.FAILED).order_by("pk")


def unexplained_days() -> QuerySet[SettlementDay]:
    """Days on which a provider's book and the ledger differ, and nobody has said why."""
    return SettlementDay.objects.filter(difference_count__gt=0, note="").order_by("day", "provider")
