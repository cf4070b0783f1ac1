"""What the waiting room refuses."""

from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import NotAllowed


class QueueTokenRequired(NotAllowed):
    code = "queue_token_required"
    detail = _("Join the line of this concert first.")


class QueueTokenInactive(NotAllowed):
    code = "queue_token_inactive"
    detail = _("It is not your turn, or your time is over.")
