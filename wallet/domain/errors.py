"""What the wallet refuses."""

from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict, PaymentRequired


class InsufficientBalance(PaymentRequired):
    """The balance would drop below zero."""

    code = "insufficient_balance"
    detail = _("There is not enough money in the wallet. Please top it up.")


class BalanceTooLarge(Conflict):
    """The balance would pass what a wallet can hold."""

    code = "balance_too_large"
    detail = _("A wallet can't hold that much money.")
