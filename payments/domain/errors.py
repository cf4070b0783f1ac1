"""What paying and canceling refuse, beside what booking and the wallet do."""

from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict


class FeeChanged(Conflict):
    """Canceling costs something else than the fan was shown."""

    code = "fee_changed"
    detail = _("The cancellation fee has changed. Please check it again.")


class PaymentUnderWay(Conflict):
    """A provider is taking money for these seats already, and can't be stopped."""

    code = "payment_under_way"
    detail = _("A payment for these seats is already in progress. Please wait for it to finish.")


class PriceChanged(Conflict):
    """What is to be sold or exchanged costs something else than the clerk has said."""

    code = "price_changed"
    detail = _("The price has changed meanwhile. Please check the total again.")


class FanIsBusy(Conflict):
    """The fan is booking, paying or joining a line at this very moment."""

    code = "fan_is_busy"
    detail = _("This fan is booking at this moment. Please try again in a few seconds.")


class NotPaid(Conflict):
    """What is to be exchanged or handed over isn't a paid seat of one fan, or not any more."""

    code = "not_paid"
    detail = _("Only paid seats of one fan can be changed together. They may have been refunded meanwhile.")
