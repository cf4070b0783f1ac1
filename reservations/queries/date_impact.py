"""Whom it touches when a date is moved, canceled or written about."""

from dataclasses import dataclass

from django.db.models import Count, Q, Sum
from django.utils.translation import gettext as _

from concert_site.lib.formats import money, thousands
from queueing.queries import count_waiting
from reservations.models.reservation import LIVE, ReservationStatus, is_held_at
from reservations.queries.bookings import of_schedule


@dataclass(frozen=True, slots=True)
class DateImpact:
    """So many paid tickets of so many fans, what they paid (minor units), holds, and fans in line or gathered."""

    tickets: int
    fans: int
    amount: int
    held: int
    waiting: int

    @property
    def sold(self) -> str:
        facts = {"tickets": thousands(self.tickets), "fans": thousands(self.fans), "amount": money(self.amount)}
        return _("Tickets: %(tickets)s, fans: %(fans)s, paid: %(amount)s") % facts


def date_impact(schedule_id: int) -> DateImpact:
    """Whom a change of this date touches, as things stand: two queries, whatever the size of the hall."""
    paid = Q(status=ReservationStatus.RESERVED)
    live = of_schedule(schedule_id).filter(status__in=LIVE)
    found = live.aggregate(
        tickets=Count("pk", filter=paid),
        fans=Count("user", filter=paid, distinct=True),
        amount=Sum("price", filter=paid, default=0),
        held=Count("pk", filter=Q(is_held_at())),
    )
    return DateImpact(**found, waiting=count_waiting(schedule_id))
