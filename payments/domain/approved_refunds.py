"""Refunds above somebody's ceiling, once a second person has confirmed them: done as who asked would have."""

from collections.abc import Sequence

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from concert_site.approvals.models import Approval
from concert_site.approvals.steps import DescriptionLine, Step
from concert_site.lib.errors import DomainError
from concert_site.lib.formats import money, short_day
from payments.domain import card_refunds, ceilings, refund_runs
from payments.models import RefundTo
from reservations.models import ConcertSchedule, Reservation
from reservations.queries.staff import date_name

MAY_REFUND = "payments.refund_payment"
# As many seats as a page names.
MOST_NAMED = 10


def run(asked: Approval) -> None:
    """Refund each that is still paid; one that was refunded meanwhile is left as it is.

    :raises DomainError: what the first of them was refused for, after the others were refunded
    """
    refused: list[DomainError] = []
    for reservation_id, fee in asked.payload["fees"].items():
        try:
            card_refunds.refund_and_ask(
                int(reservation_id),
                fee=fee,
                note=asked.reason,
                actor_id=asked.asked_by_id,
                refund_to=RefundTo(asked.payload["refund_to"]),
            )
        except DomainError as refusal:
            refused.append(refusal)
    if refused:
        raise refused[0]


def describe(asked: Approval) -> Sequence[DescriptionLine]:
    return [
        (_("Seats"), lines_of_seats([int(pk) for pk in asked.payload["fees"]])),
        (_("Fee"), money(sum(asked.payload["fees"].values()))),
        (_("Refund to"), str(RefundTo(asked.payload["refund_to"]).label)),
    ]


def lines_of_seats(ids: Sequence[int]) -> str:
    """What was booked by these reservations and by whom, a line each of as many as a page names."""
    booked = Reservation.objects.filter(pk__in=ids).select_related("user", "concert_seat").order_by("pk")
    named = [
        f"{each.concert_name}, {short_day(each.concert_date)} · {each.concert_seat} · {each.user.email}"
        for each in booked[:MOST_NAMED]
    ]
    left = len(ids) - len(named)
    if left > 0:
        named.append(ngettext("and %(count)d more", "and %(count)d more", left) % {"count": left})
    return "\n".join(named)


def name_of_date(schedule_id: int) -> str:
    """What is played and when; empty if the date is gone."""
    of = ConcertSchedule.objects.select_related("concert__venue").filter(pk=schedule_id).first()
    return date_name(of) if of else ""


def run_for_date(asked: Approval) -> None:
    """Begin the run of the date; whoever refunds it goes on with it on these terms, until nothing is left.

    :raises RefundRunning: if somebody refunds it on other terms meanwhile
    """
    order = asked.payload
    terms = refund_runs.RefundRunTerms(order["fee"], RefundTo(order["refund_to"]), asked.reason)
    refund_runs.begin(schedule_id=order["schedule"], actor_id=asked.asked_by_id, terms=terms)


def describe_date(asked: Approval) -> Sequence[DescriptionLine]:
    order = asked.payload
    return [
        (_("Date"), name_of_date(order["schedule"])),
        (_("Paid seats"), str(order["seats"])),
        (_("Fee of each seat"), money(order["fee"])),
        (_("Refund to"), str(RefundTo(order["refund_to"]).label)),
        (_("Once confirmed"), gettext("the refund begins; its page shows how far it is")),
    ]


ONE = Step(ceilings.ONE, _("Refund"), MAY_REFUND, run, describe)
SELECTED = Step(ceilings.SELECTED, _("Refund of several seats"), MAY_REFUND, run, describe)
DATE = Step(ceilings.DATE, _("Refund of a whole date"), MAY_REFUND, run_for_date, describe_date)
