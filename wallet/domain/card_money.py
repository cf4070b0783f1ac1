"""What of a wallet has come by card: the part that can go back there. What staff gave in cash, or as a gift, can't."""

from collections.abc import Iterable, Mapping
from itertools import chain

from wallet.models import BalanceHistory, LedgerKind
from wallet.providers import can_refund

# Kind, amount, payment, and the provider of the top-up that a charge is of.
Entry = tuple[str, int, int | None, str | None]


def card_money_of(user_id: int, refunds: Mapping[int, int] | None = None) -> int:
    """What of a fan's wallet has come by providers that can give back, in minor units.

    A step of whoever holds the lock of the balance, where it has to be exact.
    :param refunds: what else is to be refunded, a sum by payment
    """
    entries = BalanceHistory.objects.of(user_id=user_id).order_by("id")
    booked = entries.values_list("kind", "amount", "payment_id", "top_up__provider")
    to_come = [(str(LedgerKind.REFUND), amount, payment, None) for payment, amount in (refunds or {}).items()]
    return card_money_in(chain(booked, to_come))


def card_money_in(entries: Iterable[Entry]) -> int:
    """The same of a ledger, oldest first: of a mixed wallet what didn't come by card is spent first.

    A refund gives back to each of the two what the payment took of it; what a fee keeps is kept of the other.
    """
    card, other = 0, 0
    refundable: dict[str | None, bool] = {None: False}
    paid_by_card: dict[int | None, int] = {}
    for kind, amount, payment, provider in entries:
        if kind == LedgerKind.CHARGE and provider not in refundable:
            refundable[provider] = can_refund(str(provider))
        if kind == LedgerKind.WITHDRAWAL or (kind == LedgerKind.CHARGE and refundable[provider]):
            card += amount
        elif kind == LedgerKind.REFUND:
            back = min(amount, paid_by_card.get(payment, 0))
            card, other = card + back, other + amount - back
        elif amount > 0:
            other += amount
        else:
            of_card = max(0, -amount - other)
            card, other = card - of_card, max(0, other + amount)
            paid_by_card[payment] = of_card
    return max(0, card)
