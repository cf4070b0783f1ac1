"""What booking refuses."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict, Invalid, TooManyRequests
from concert_site.lib.lazy_text import StrOrPromise


class SeatUnavailable(Conflict):
    code = "seat_unavailable"
    detail = _("This seat is taken.")


class SeatUnknown(Invalid):
    code = "does_not_exist"
    detail = _("This schedule has no such seat.")


class SectionUnknown(Invalid):
    code = "does_not_exist"
    detail = _("This date has no such section.")


class CategoryUnknown(Invalid):
    code = "does_not_exist"
    detail = _("This date has no such category.")


class ScheduleUnknown(Invalid):
    code = "does_not_exist"
    detail = _("There is no such schedule.")


class SingleSeatLeft(Conflict):
    """The choice would leave seats alone; ids of those, and of as many seats that could be had instead."""

    code = "single_seat_left"
    detail = _("This choice would leave a single seat alone. Choose the seat beside it, or move by one.")

    def __init__(self, lonely: Sequence[int] = (), instead: Sequence[int] = ()) -> None:
        super().__init__(attr="seats")
        self.lonely = list(lonely)
        self.instead = list(instead)


class HoldExpired(Conflict):
    code = "hold_expired"
    detail = _("Your hold has expired.")


class TicketLimitExceeded(Conflict):
    code = "ticket_limit_exceeded"
    detail = _("That’s over the ticket limit for this date.")


class RefundClosed(Conflict):
    code = "refund_closed"
    detail = _("It’s too late to cancel this ticket.")


class PosterRefused(Invalid):
    """An upload that can't be a poster; its `attr` is the field."""

    def __init__(self, detail: StrOrPromise) -> None:
        super().__init__(detail, attr="poster")


class HoldCooldown(TooManyRequests):
    """The fan has held seats of this schedule and given them back, again and again."""

    detail = _("You’ve released seats for this date several times. Please wait a moment before choosing again.")

    def __init__(self, seconds: float) -> None:
        """
        :param seconds: how long the fan must still wait
        """
        super().__init__()
        self.retry_after_seconds = seconds
