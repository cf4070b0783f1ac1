"""Adjusting a wallet by staff: at once up to their ceiling, above it once a second person has confirmed."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from concert_site.approvals.asking import counted_since, require_ceiling
from concert_site.approvals.ceilings import MAY_ADJUST
from concert_site.approvals.models import Approval
from concert_site.approvals.steps import DescriptionLine, Step
from concert_site.lib.formats import money
from wallet.domain import ledger
from wallet.domain.errors import BalanceTooLarge, InsufficientBalance
from wallet.domain.ledger import LARGEST_BALANCE, BookedEntry
from wallet.models import BalanceHistory, LedgerKind
from wallet.queries import wallet_of


def adjust_by_staff(
    *, user_id: int, amount: int, note: str, actor_id: int, idempotency_key: str, now: datetime | None = None
) -> BookedEntry:
    """Adjust a wallet as `ledger.adjust` does, if it is within what this member of staff may do alone.

    :raises ApprovalRequired: if it is above, alone or with what they did to this wallet within a day
    :raises IdempotencyKeyReused, Invalid, InsufficientBalance, BalanceTooLarge: as `ledger.adjust` does
    """
    asked = ledger.checked_order(amount=amount, note=note, actor_id=actor_id)
    if not ledger.booked_before(user_id, idempotency_key, asked):
        require_room(user_id, amount)
        require_ceiling(
            ADJUSTMENT.kind,
            actor_id=actor_id,
            amount=abs(amount),
            counted=max(abs(amount), abs(amount + lately(user_id, actor_id, now))),
            reason=note,
            subject=f"{user_id}:{idempotency_key}",
            is_key=True,
            payload={"user": user_id, "amount": amount},
            fan_id=user_id,
        )
    return ledger.adjust(
        user_id=user_id, amount=amount, note=note, actor_id=actor_id, idempotency_key=idempotency_key, now=now
    )


def require_room(user_id: int, amount: int) -> None:
    """Nobody is asked to confirm what couldn't be done.

    :raises InsufficientBalance: if there isn't as much in the wallet
    :raises BalanceTooLarge: if it would hold too much
    """
    left = wallet_of(user_id).amount + amount
    if left < 0:
        raise InsufficientBalance
    if left > LARGEST_BALANCE:
        raise BalanceTooLarge


def lately(user_id: int, actor_id: int, now: datetime | None) -> int:
    """What somebody adjusted this wallet by within a day, in minor units.

    Lines of sales at the counter, hand-overs and top-ups ended by hand are adjustments, too, but have no key.
    """
    own = BalanceHistory.objects.of(user_id=user_id).filter(
        kind=LedgerKind.ADJUSTMENT, actor=actor_id, idempotency_key__isnull=False, created_at__gt=counted_since(now)
    )
    return int(own.aggregate(sum=Sum("amount", default=0))["sum"])


def run(asked: Approval) -> BookedEntry:
    """Book what was confirmed, by who asked; once, since its key is the approval's."""
    return ledger.adjust(
        user_id=asked.payload["user"],
        amount=asked.payload["amount"],
        note=asked.reason,
        actor_id=asked.asked_by_id,
        idempotency_key=f"approval-{asked.pk}",
    )


def describe(asked: Approval) -> Sequence[DescriptionLine]:
    return [
        (_("Fan"), asked.fan.email if asked.fan else ""),
        (_("The wallet has"), money(wallet_of(asked.payload["user"]).amount)),
        (_("Adjust by"), money(asked.payload["amount"])),
    ]


ADJUSTMENT = Step("wallet.adjust", _("Wallet adjustment"), MAY_ADJUST, run, describe)
