"""What the wallet refuses."""

from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict, PaymentRequired


class InsufficientBalance(PaymentRequired):
    """The balance would drop below zero."""

    code = "insufficient_balance"
    detail = _("There isn’t enough in your wallet. Please top it up.")


class BalanceTooLarge(Conflict):
    """The balance would pass what a wallet can hold."""

    code = "balance_too_large"
    detail = _("That’s more than a wallet can hold.")


class TopUpDayLimit(Conflict):
    """The fan has topped up as much as may be in one day."""

    code = "top_up_day_limit"
    detail = _("You can top up by %(left)s more today.")


class TopUpMonthLimit(Conflict):
    """The fan has topped up as much as may be in 30 days."""

    code = "top_up_month_limit"
    detail = _("You can top up by %(left)s more within 30 days.")


class WithdrawalTooLarge(Conflict):
    """More is asked for than has come by card and is still there."""

    code = "withdrawal_too_large"
    detail = _("You can withdraw %(left)s: what you topped up by card and haven’t spent.")
