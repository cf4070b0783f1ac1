"""Sending the tickets of a booking again: the mail is owed once more, and goes the way of every other."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict
from payments.models import Payment, PaymentState
from reservations.domain.staff_notes import add_note
from reservations.models import NoteKind


class NoTickets(Conflict):
    """Nothing of the booking is paid."""

    code = "no_tickets"
    detail = _("Nothing of this booking is paid, so it has no tickets.")


@transaction.atomic(durable=True)
def send_again(*, reference: str, actor_id: int, note: str, key: UUID) -> int:
    """Have the tickets that a booking has now mailed again; how many. The same key again: none.

    :raises Invalid: without a reason
    :raises NoTickets: if there are none
    """
    paid = Payment.objects.filter(reservation__booking_reference=reference, state=PaymentState.COMPLETED)
    if not paid.exists():
        raise NoTickets
    tickets = paid.with_tickets()
    if not tickets.exists():
        raise NoTickets(_("This date was canceled, so it has no tickets any more."))
    if not add_note(text=note, actor_id=actor_id, key=key, reference=reference, kind=NoteKind.RESENT):
        return 0
    return tickets.update(confirmed_mail_at=None)
