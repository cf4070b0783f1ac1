"""What the waiting room refuses."""

from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict, NotAllowed


class QueueTokenRequired(NotAllowed):
    code = "queue_token_required"
    detail = _("Please join the line for this concert first.")


class QueueTokenInactive(NotAllowed):
    code = "queue_token_inactive"
    detail = _("It’s not your turn yet, or your time is up.")


class SaleNotOpen(Conflict):
    code = "sale_not_open"
    detail = _("The sale has not opened yet.")


class SaleClosed(Conflict):
    code = "sale_closed"
    detail = _("The sale is closed.")


class SoldOut(Conflict):
    code = "sold_out"
    detail = _("All seats are sold.")
