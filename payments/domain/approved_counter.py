"""What was above somebody's ceiling at the counter and the help desk, once confirmed: done as who asked would have."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from concert_site.accounts.models import User
from concert_site.approvals.models import Approval
from concert_site.approvals.steps import DescriptionLine, Step
from concert_site.lib.formats import signed_money
from payments.domain import ceilings, counter, counter_refunds, rebooking
from payments.domain.approved_refunds import MAY_REFUND, lines_of_seats, name_of_date
from payments.domain.counter_orders import Buyer, SaleOrder, Tender
from payments.models import RebookingKind, TillMethod
from reservations.halls.seat_names import seat_name
from reservations.models import ConcertSeat

MAY_GIVE, MAY_EXCHANGE = "payments.give_complimentary", "payments.exchange_reservation"
MAY_SERVE = "reservations.serve_fan"

# --- Complimentary tickets ---------------------------------------------------------------------


def order_in(asked: Approval) -> SaleOrder:
    """The order that a second person is asked about; its key is the approval's, so that it is done once."""
    sent = asked.payload
    order = SaleOrder(**sent | {"buyer": Buyer(**sent["buyer"]), "tender": Tender(TillMethod.COMPLIMENTARY)})
    return replace(order, idempotency_key=f"approval-{asked.pk}")


def give_complimentary(asked: Approval) -> None:
    counter.sell_now(order_in(asked))


def describe_complimentary(asked: Approval) -> Sequence[DescriptionLine]:
    order = order_in(asked)
    seats = ConcertSeat.objects.filter(pk__in=order.seat_ids).order_by("pk")
    fan = asked.fan.email if asked.fan else order.buyer.name
    return [
        (_("Date"), name_of_date(order.schedule_id)),
        (_("Seats"), ", ".join(map(seat_name, seats))),
        (_("Fan"), fan),
    ]


# --- Sales that are taken back -----------------------------------------------------------------


def undo(asked: Approval) -> None:
    """Take it back; what was refunded meanwhile is left as it is."""
    sent = asked.payload
    try:
        counter_refunds.undo_now(
            sale=UUID(sent["sale"]), reservation_ids=sent["reservations"], actor_id=asked.asked_by_id, note=asked.reason
        )
    except counter_refunds.NothingToUndo:
        return


def describe_undo(asked: Approval) -> Sequence[DescriptionLine]:
    return [(_("Seats"), lines_of_seats(asked.payload["reservations"]))]


# --- Exchanges and hand-overs ------------------------------------------------------------------


def exchange(asked: Approval) -> None:
    """Exchange for the difference that was shown; once, since what was exchanged isn't paid any more."""
    rebooking.rebook(
        RebookingKind.EXCHANGE,
        {int(pk): seat for pk, seat in asked.payload["seats"].items()},
        receiver_id=None,
        agreed=asked.payload["difference"],
        note=asked.reason,
        actor_id=asked.asked_by_id,
        now=None,
    )


def describe_exchange(asked: Approval) -> Sequence[DescriptionLine]:
    sent = asked.payload
    seats = ConcertSeat.objects.filter(pk__in=sent["seats"].values()).order_by("pk")
    return [
        (_("Seats"), lines_of_seats([int(pk) for pk in sent["seats"]])),
        (_("Exchange"), f"{', '.join(map(seat_name, seats))}: {signed_money(sent['difference'])}"),
    ]


def hand_over(asked: Approval) -> None:
    rebooking.hand_over_now(
        reservation_ids=asked.payload["reservations"],
        receiver_id=asked.payload["receiver"],
        actor_id=asked.asked_by_id,
        note=asked.reason,
    )


def describe_hand_over(asked: Approval) -> Sequence[DescriptionLine]:
    receiver = User.objects.filter(pk=asked.payload["receiver"]).first()
    return [
        (_("Seats"), lines_of_seats(asked.payload["reservations"])),
        (_("To the account"), receiver.email if receiver else ""),
    ]


STEPS = (
    Step(ceilings.GIVE, _("Complimentary tickets"), MAY_GIVE, give_complimentary, describe_complimentary),
    Step(ceilings.UNDO, _("Refund a sale of the counter"), MAY_REFUND, undo, describe_undo),
    Step(ceilings.EXCHANGE, _("Exchange"), MAY_EXCHANGE, exchange, describe_exchange),
    Step(ceilings.HAND_OVER, _("Hand over"), MAY_SERVE, hand_over, describe_hand_over),
)
