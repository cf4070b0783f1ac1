"""The wallet: balances, the ledger that explains them, and the money that comes in and goes out again."""

from wallet.models.ledger import Balance, BalanceHistory, BalanceHistoryQuerySet, LedgerKind
from wallet.models.provider_records import EventState, ProviderEvent, SandboxPayment
from wallet.models.settlements import SettlementDay
from wallet.models.top_ups import OPEN, Purpose, TopUp, TopUpQuerySet, TopUpState
from wallet.models.withdrawals import Withdrawal, WithdrawalState, sent_and_returned

__all__ = [
    "OPEN",
    "Balance",
    "BalanceHistory",
    "BalanceHistoryQuerySet",
    "EventState",
    "LedgerKind",
    "ProviderEvent",
    "Purpose",
    "SandboxPayment",
    "SettlementDay",
    "TopUp",
    "TopUpQuerySet",
    "TopUpState",
    "Withdrawal",
    "WithdrawalState",
    "sent_and_returned",
]
