"""The reconciler: whatever is under way is asked about, ever more seldom, until it is known how it ended.

It needs nobody: no fan who comes back, no webhook. What they bring is merely sooner.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from wallet.domain import claims, top_ups, withdrawals
from wallet.domain.errors import BalanceTooLarge
from wallet.models import TopUp, Withdrawal
from wallet.providers.base import Outcome, ProviderError, ProviderStatus

log = logging.getLogger(__name__)

# Nobody waits any more for what is still open so long after its time: the provider is asked to close it.
CANCEL_AFTER = timedelta(minutes=15)
# What it can't close may still be paid (a bank takes days). After this only its book tells.
OPEN_AT_MOST = timedelta(days=14)


def settle_due(provider: str, *, now: datetime | None = None) -> int:
    """Ask a provider about its top-ups that are due; return how many were taken up."""
    return claims.process_due(lambda: claim_next(provider, now), lambda top_up: reconcile(top_up, now=now))


def claim_next(provider: str, now: datetime | None = None) -> TopUp | None:
    """Take up the top-up that is due longest."""
    own = TopUp.objects.filter(provider=provider)
    return claims.claim(own, due_at="next_look_at", count="looks", now=now)


def reconcile(top_up: TopUp, *, now: datetime | None = None) -> None:
    """Settle a top-up by what its provider says, and see to it that it ends.

    :raises ProviderError: if the provider doesn't say; it is asked again later
    """
    settle_or_back_off(top_up, lambda: top_ups.settle(top_up, outcome_of(top_up, now), now=now), now)


def settle_or_back_off(row: TopUp | Withdrawal, settle: Callable[[], object], now: datetime | None) -> None:
    """Settle something under way, and say when it is asked about again, whatever comes of it.

    :raises ProviderError: if the provider doesn't say
    """
    try:
        settle()
    except BalanceTooLarge:
        # Noted on the row, where staff find it.
        return
    except (OperationalError, InterfaceError):
        # PostgreSQL is away or busy, and nothing can be noted: it is due again by itself.
        raise
    except ProviderError:
        postpone(row, now)
        raise
    except Exception:
        log.exception("%s %s can't be settled", type(row).__name__, row.pk)
    postpone(row, now)


def outcome_of(top_up: TopUp, now: datetime | None) -> Outcome:
    """How it stands at its provider; what is open long after its time is closed there, if that is possible.

    So is what nobody needs to pay any more, because its seats were paid otherwise.

    :raises ProviderError: if the provider doesn't say
    """
    late_by = (now or timezone.now()) - top_up.expires_at
    outcome = top_ups.look_up(top_up)
    if outcome.status == ProviderStatus.OPEN and late_by > CANCEL_AFTER:
        outcome = top_ups.give_up(top_up)
        if outcome.failure == top_ups.CANCELED:
            # By us, and because its time was over: its fan is told so.
            outcome = Outcome(status=ProviderStatus.EXPIRED, failure="expired")
    elif outcome.status == ProviderStatus.OPEN and top_ups.is_overtaken(top_up):
        # Paid from the wallet by an app, which ends nothing: pages do so at once.
        outcome = top_ups.give_up(top_up)
    if outcome.status == ProviderStatus.OPEN and late_by > OPEN_AT_MOST:
        log.error("Top-up %s is given up: %s has it open for two weeks", top_up.pk, top_up.provider)
        return Outcome(status=ProviderStatus.EXPIRED, failure="never_ended")
    return outcome


def postpone(row: TopUp | Withdrawal, now: datetime | None) -> None:
    """Say when it is asked about next; not of one that has ended, is left to staff, or was taken up anew."""
    open_rows = (TopUp if isinstance(row, TopUp) else Withdrawal).objects.open()
    own = open_rows.filter(pk=row.pk, looks=row.looks, next_look_at__isnull=False)
    own.update(next_look_at=(now or timezone.now()) + interval_after(row.looks))


def interval_after(looks: int) -> timedelta:
    """How long to wait after so many looks: the second soon, then ever longer."""
    doubled = top_ups.FIRST_LOOK * 2 ** min(looks, 16)
    return timedelta(seconds=min(doubled, top_ups.LAST_LOOK))


# --- Withdrawals -------------------------------------------------------------------------------


def settle_due_withdrawals(provider: str, *, now: datetime | None = None) -> int:
    """Ask a provider about the withdrawals that are due; return how many were taken up.

    One that it has never heard of, since we died before asking, is asked for.
    """
    return claims.process_due(
        lambda: claim_next_withdrawal(provider, now), lambda withdrawal: reconcile_withdrawal(withdrawal, now=now)
    )


def claim_next_withdrawal(provider: str, now: datetime | None = None) -> Withdrawal | None:
    """Take up the withdrawal that is due longest; the top-up itself is left alone."""
    own = Withdrawal.objects.filter(top_up__provider=provider).select_related("top_up")
    return claims.claim(own, due_at="next_look_at", count="looks", now=now)


def reconcile_withdrawal(withdrawal: Withdrawal, *, now: datetime | None = None) -> None:
    """Settle a withdrawal by what its provider says.

    :raises ProviderError: if the provider doesn't say; it is asked again later
    """
    settle_or_back_off(
        withdrawal, lambda: withdrawals.settle(withdrawal, withdrawals.look_up(withdrawal), now=now), now
    )
