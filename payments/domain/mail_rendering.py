"""The mails themselves: what a fan reads after paying, and after a refund."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from email.mime.image import MIMEImage
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.translation import get_language, get_supported_language_variant, override

from concert_site.accounts.models import User
from concert_site.accounts.walk_ins import is_walk_in
from concert_site.house.queries import house_in
from concert_site.lib.zones import day_at
from payments.models import Payment, Rebooking, RebookingKind
from payments.queries.mails import CONFIRMED, MailKind
from payments.queries.receipts import card_parts
from reservations.models import Announcement, AnnouncementKind, AnnouncementRecipient
from reservations.tickets.codes import Ticket, ticket_of
from wallet.models import TopUp, Withdrawal, WithdrawalState
from wallet.queries import sent_on_to_cards

# Pixels a module: about 350 a side, as wide as a phone's screen.
PIXELS = 6


@dataclass(frozen=True, slots=True)
class MailLine:
    """One seat in a mail; amounts in minor units. `image` is how the HTML names the picture of its ticket."""

    payment: Payment
    ticket: Ticket | None

    @property
    def image(self) -> str:
        """The Content-ID of the ticket's picture."""
        return f"ticket-{self.payment.reservation_id}@frontrow"


def render_mail(kind: MailKind, payments: Sequence[Payment]) -> EmailMultiAlternatives:
    """One mail about payments of one booking, read by payments_of_mail, in the language of the fan."""
    with override(language_of(payments[0].user)):
        lines = [MailLine(each, ticket_for(each) if kind is CONFIRMED else None) for each in payments]
        context = mail_context(lines)
        if kind is CONFIRMED:
            context |= {"parts": (parts := card_parts(payments, user_id=payments[0].user_id))}
            at_counter: int = payments[0].at_counter  # type: ignore[attr-defined]  # annotated
            from_card = sum(part.amount for part in parts)
            from_wallet = sum(each.price for each in payments) - from_card - at_counter
            context |= {"from_wallet": max(0, from_wallet), "at_counter": at_counter}
            context["has_account"] = not is_walk_in(payments[0].user)
        else:
            context["to_card"] = sent_on_to_cards(each.pk for each in payments)
        context |= {"rebooked": rebookings_of(payments) if kind is CONFIRMED else ()}
        name = "handed_over" if payments[0].became == RebookingKind.HANDOVER else kind.name
        message = message_of(name, context, payments[0].user, headers(lines))
    # The pictures belong to the text rather than beside it.
    message.mixed_subtype = "related"  # type: ignore[attr-defined]  # documented by Django, not in the stubs
    for line in lines:
        if line.ticket:
            message.attach(ticket_image(line.ticket, line.image, line.payment))
    return message


def rebookings_of(payments: Sequence[Payment]) -> list[Rebooking]:
    """Which of these payments came of an exchange or a hand-over."""
    return [each.rebooked_from for each in payments if hasattr(each, "rebooked_from")]


def render_date_canceled(payments: Sequence[Payment]) -> EmailMultiAlternatives:
    """The one mail to a fan whose date was canceled: why, and what they got back for all of their tickets."""
    fan = payments[0].user
    schedule = payments[0].reservation.concert_schedule
    with override(language_of(fan)):
        lines = [MailLine(each, None) for each in payments]
        context = mail_context(lines) | {"reason": schedule.change_reason}
        context["to_card"] = sent_on_to_cards(each.pk for each in payments)
        return message_of("date_canceled", context, fan, named(f"date.{schedule.pk}.{fan.pk}.{payments[0].pk}"))


def render_announcement(recipient: AnnouncementRecipient) -> EmailMultiAlternatives:
    told, fan = recipient.announcement, recipient.user
    language = language_of(fan)
    concert = told.concert_schedule.concert
    with override(language):
        context = {
            "subject": told.subject_in(language),
            "body": told.body_in(language),
            "concert": concert,
            "concert_name": concert.name,
            "concert_at": told.moved_to or told.concert_schedule.concert_at,
            "moved_from": told.moved_from,
            "free_until": free_until(told),
            "zone": concert.time_zone,
        }
        kind = "moved" if told.kind == AnnouncementKind.MOVED else "message"
        return message_of(kind, context, fan, named(f"{kind}.{told.pk}.{fan.pk}"))


def free_until(told: Announcement) -> date | None:
    """Until which day the fans of a date that was moved cancel for nothing: at most until it is played."""
    if told.free_refunds_until is None or told.moved_to is None:
        return None
    return min(told.free_refunds_until, day_at(told.moved_to, told.concert_schedule.concert.time_zone))


def render_receipt(top_up: TopUp) -> EmailMultiAlternatives:
    """The mail of a top-up: that the money is in the wallet, and why it is there if it was for a booking."""
    with override(language_of(top_up.user)):
        return message_of("receipt", {"top_up": top_up}, top_up.user, named(f"receipt.{top_up.reference}"))


def render_outcome(made: Sequence[Withdrawal]) -> EmailMultiAlternatives:
    """The mail of a fan's withdrawals that have ended alike: paid out, or back in the wallet."""
    fan = made[0].user
    kind = "withdrawn" if made[0].state == WithdrawalState.SUCCEEDED else "returned"
    with override(language_of(fan)):
        context = {"withdrawals": made, "total": sum(each.amount for each in made), "is_returned": kind == "returned"}
        return message_of("withdrawal", context, fan, named(f"{kind}.{'-'.join(str(each.pk) for each in made)}"))


def message_of(name: str, context: dict[str, object], fan: User, head: dict[str, str]) -> EmailMultiAlternatives:
    folder = f"payments/mails/{name}"
    context = context | {"fan": fan, "site_url": settings.SITE_URL, "house": house_in(get_language() or "")}
    # A subject is one line, whatever stands in the name of a concert: a line break would begin another header.
    subject = " ".join(render_to_string(f"{folder}_subject.txt", context).split())
    message = EmailMultiAlternatives(subject, render_to_string(f"{folder}.txt", context), to=[fan.email], headers=head)
    message.attach_alternative(render_to_string(f"{folder}.html", context), "text/html")
    return message


def ticket_for(payment: Payment) -> Ticket:
    return ticket_of(payment.reservation, payment_id=payment.pk)


def language_of(user: User) -> str:
    """The language that the fan chose, if the site speaks it, else the site's own."""
    try:
        return get_supported_language_variant(user.locale)
    except LookupError:
        return str(settings.LANGUAGE_CODE)


def mail_context(lines: Sequence[MailLine]) -> dict[str, Any]:  # Any: what templates show
    reservation = lines[0].payment.reservation
    return {
        "lines": lines,
        "reference": reservation.booking_reference,
        "concert_name": reservation.concert.name,
        "moved_from": reservation.concert_schedule.first_concert_at,
        "concert_at": reservation.concert_schedule.concert_at,
        "concert": reservation.concert,
        "zone": reservation.concert.time_zone,
        "total": sum(line.payment.price for line in lines),
        "fee": sum(line.payment.refund_fee or 0 for line in lines),
        "refund": sum(line.payment.refunded for line in lines),
    }


def headers(lines: Sequence[MailLine]) -> dict[str, str]:
    """Headers that say that nobody sits there to answer, and a name for the mail.

    The name is the same if the mail is sent a second time, so that mailboxes can tell; another once staff were asked
    to send it again, since a mailbox hides what it has had before.
    """
    first = lines[0].payment
    ids = "-".join(str(line.payment.pk) for line in lines)
    again: int = first.resent  # type: ignore[attr-defined]  # annotated
    name = f"{first.state.lower()}.{first.reservation.booking_reference}.{ids}"
    return named(f"{name}.again-{again}" if again else name)


def named(name: str) -> dict[str, str]:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "frontrow"
    return {"Message-ID": f"<{name}@{domain}>", "Auto-Submitted": "auto-generated"}


def ticket_image(ticket: Ticket, image: str, payment: Payment) -> MIMEImage:
    """The ticket's QR code, shown where the HTML names it."""
    picture = MIMEImage(ticket.png(PIXELS), "png")
    picture.add_header("Content-ID", f"<{image}>")
    picture.add_header("Content-Disposition", "inline", filename=f"ticket-{payment.reservation_id}.png")
    return picture
