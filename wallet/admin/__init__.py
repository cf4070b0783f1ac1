"""The wallet in the admin: what fans have and why, and money on its way from and to providers."""

from wallet.admin.provider_events import ProviderEventAdmin
from wallet.admin.settlements import SettlementDayAdmin
from wallet.admin.top_ups import TopUpAdmin
from wallet.admin.wallets import BalanceAdmin, BalanceHistoryAdmin
from wallet.admin.withdrawals import WithdrawalAdmin

__all__ = [
    "BalanceAdmin",
    "BalanceHistoryAdmin",
    "ProviderEventAdmin",
    "SettlementDayAdmin",
    "TopUpAdmin",
    "WithdrawalAdmin",
]
