"""What is refused around ceilings and approvals."""

from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict, NotAllowed, PageConflict
from concert_site.lib.lazy_text import StrOrPromise


class ApprovalRequired(PageConflict):
    """It is above what this member of staff may do alone. It was not done: it waits for a second person."""

    code = "approval_required"
    detail = _("This is above your ceiling. A colleague has to confirm it.")

    def __init__(self, detail: StrOrPromise | None = None, *, approval_id: int) -> None:
        """
        :param approval_id: what waits
        """
        super().__init__(detail)
        self.approval_id = approval_id


class OwnRequest(NotAllowed):
    """Who asked can't be the second person."""

    code = "own_request"
    detail = _("You asked for this yourself. Somebody else has to confirm it.")


class MayNotDecide(NotAllowed):
    """This member of staff may not decide it."""

    code = "may_not_decide"
    detail = _("You may not decide this.")


class AskerMayNot(Conflict):
    """Who asked may no longer do it themselves."""

    code = "asker_may_not"
    detail = _("Who asked for this may not do it any more. It can only be declined.")


class AlreadyDecided(Conflict):
    """Somebody was quicker, or it has lapsed."""

    code = "already_decided"
    detail = _("This was decided already, or it has expired.")
