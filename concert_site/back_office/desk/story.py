"""What happened to a booking, or with a fan, in the order in which it did: the latest first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q
from django.utils.translation import gettext as _

from concert_site.accounts.models import User
from concert_site.lib.formats import money
from concert_site.lib.lazy_text import StrOrPromise
from concert_site.trace.models import Change
from concert_site.trace.queries import story_of_booking
from concert_site.trace.rendering import MONEY, HistoryEntry, lines
from payments.models import Payment, PaymentState
from payments.queries import payment_of
from reservations.halls.seat_names import seat_name
from reservations.models import Reservation
from reservations.queries.booking_summaries import BookedSeat, BookedSeatState

# The latest of a fan's story; older steps stand on the pages of their bookings.
MOST_ENTRIES = 100
# The numbers of rows, by their model.
Rows = Mapping[type[Model], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `by` is who did it, blank for the fan or the clock. `is_money` asks for a permission."""

    at: datetime
    what: StrOrPromise
    by: str = ""
    is_money: bool = False


def story_of(seats: Sequence[BookedSeat], fans: Iterable[User], *, with_money: bool) -> list[Event]:
    """All that is known of these seats, and what staff did with them and with their fans, the latest first."""
    events = [event for booked in seats for event in steps_of(booked)]
    payments = [payment.pk for booked in seats if (payment := payment_of(booked.reservation))]
    about: Rows = {
        Reservation: [booked.reservation.pk for booked in seats],
        Payment: payments,
        User: [fan.pk for fan in fans],
    }
    events += [*staff_steps(about), *traced_steps(about)]
    shown = [each for each in events if with_money or not each.is_money]
    return sorted(shown, key=lambda each: each.at, reverse=True)


def steps_of(booked: BookedSeat) -> Iterator[Event]:
    """What a seat's reservation and payment say of themselves."""
    reservation, seat = booked.reservation, seat_name(booked.seat)
    yield Event(reservation.created_at, _("Held: %(seat)s") % {"seat": seat}, reservation.user.email)
    if reservation.extended_at:
        yield Event(reservation.extended_at, _("More time to pay: %(seat)s") % {"seat": seat})
    payment = payment_of(reservation)
    if payment:
        yield from steps_of_payment(payment, seat)
    elif booked.state in {BookedSeatState.LAPSED, BookedSeatState.GIVEN_UP}:
        ended = {"seat": seat, "how": booked.state.label}
        yield Event(booked.ended_at, _("Ended: %(seat)s, %(how)s") % ended)


def steps_of_payment(payment: Payment, seat: str) -> Iterator[Event]:
    """Paid, refunded, and the mails about it."""
    paid = {"seat": seat, "amount": money(payment.price)}
    yield Event(payment.created_at, _("Paid: %(seat)s, %(amount)s") % paid, is_money=True)
    if payment.state == PaymentState.CANCELED:
        back = {"seat": seat, "amount": money(payment.refunded), "fee": money(payment.refund_fee or 0)}
        yield Event(payment.updated_state_at, _("Refunded: %(seat)s, %(amount)s, fee %(fee)s") % back, is_money=True)
    if payment.confirmed_mail_at:
        yield Event(payment.confirmed_mail_at, _("Mail sent: confirmation with the ticket, %(seat)s") % {"seat": seat})
    if payment.canceled_mail_at:
        yield Event(payment.canceled_mail_at, _("Mail sent: cancellation, %(seat)s") % {"seat": seat})


def staff_steps(about: Rows) -> list[Event]:
    """What the admin's log says of these."""
    asked = Q()
    for model, ids in about.items():
        kind = ContentType.objects.get_for_model(model)
        asked |= Q(content_type=kind, object_id__in=[str(pk) for pk in ids])
    entries = LogEntry.objects.filter(asked).select_related("user").order_by("-action_time")[:MOST_ENTRIES]
    return [
        Event(entry.action_time, entry.get_change_message() or entry.get_action_flag_display(), str(entry.user))
        for entry in entries
    ]


def traced_steps(about: Rows) -> list[Event]:
    """What staff changed about these, from what to what, as the trace has it."""
    changes = list(story_of_booking(about).filter(actor__isnull=False)[:MOST_ENTRIES])
    return [event_of(change, entry) for change, entry in zip(changes, lines(changes), strict=True)]


def event_of(change: Change, entry: HistoryEntry) -> Event:
    """A change in a line. Whatever tells an amount is money."""
    fields = ", ".join(f"{each.name}: {each.before or '–'} → {each.after or '–'}" for each in entry.fields)
    what = f"{entry.what} ({fields})" if fields else entry.what
    is_money = change.table_name == "payment" or bool(MONEY & set(change.changes))
    return Event(entry.at, what, entry.by, is_money=is_money)
