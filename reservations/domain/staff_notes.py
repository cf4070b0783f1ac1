"""What staff write about bookings and fans, and what they do for a hold: each once a click, with who and why."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict, Invalid
from reservations.domain.errors import HoldExpired
from reservations.models import ConcertSeat, NoteKind, Reservation, StaffNote
from reservations.models.reservation import ReservationStatus, is_held_at
from reservations.models.staff_note import LONGEST_NOTE


class ExtendedByStaff(Conflict):
    """A hold is given its longer time by the fan once, and by staff once."""

    code = "extended_by_staff"
    detail = _("This booking was given more time by staff before.")


def add_note(
    *, text: str, actor_id: int, key: UUID, reference: str = "", user_id: int | None = None, kind: str = NoteKind.NOTE
) -> bool:
    """Write a note about a booking, a fan, or both; whether it is new: the same key again changes nothing.

    :raises Invalid: if it says nothing, or too much
    """
    plain = " ".join(text.split())
    if not plain or len(plain) > LONGEST_NOTE or not plain.isprintable():
        raise Invalid(_("Write something, up to 500 characters."), attr="note")
    fields = {"text": plain, "actor_id": actor_id, "booking_reference": reference, "user_id": user_id, "kind": kind}
    _note, is_new = StaffNote.objects.get_or_create(key=key, defaults=fields)
    return is_new


@transaction.atomic(durable=True)
def extend_by_staff(*, reference: str, actor_id: int, note: str, key: UUID, now: datetime | None = None) -> int:
    """Give what is held of a booking HOLD_SECONDS more, once, beyond the fan's own time; how many seats. Again: none.

    :raises Invalid: without a reason
    :raises HoldExpired: if nothing of it is held any more
    :raises ExtendedByStaff: if staff have done it before
    """
    held = Reservation.objects.filter(booking_reference=reference, status=ReservationStatus.RESERVING)
    seats = ConcertSeat.objects.filter(pk__in=held.values("concert_seat_id")).order_by("pk")
    # Seats before reservations, by id: the seat is the mutex. What follows is read behind it.
    list(seats.select_for_update(of=("self",), no_key=True).values_list("pk"))
    if StaffNote.objects.filter(key=key).exists():
        return 0
    if StaffNote.objects.filter(booking_reference=reference, kind=NoteKind.EXTENDED).exists():
        raise ExtendedByStaff
    live = dict(held.filter(is_held_at(now)).values_list("pk", "concert_seat_id"))
    if not live:
        raise HoldExpired
    add_note(text=note, actor_id=actor_id, key=key, reference=reference, kind=NoteKind.EXTENDED)
    longer = {"expired_at": F("expired_at") + timedelta(seconds=settings.HOLD_SECONDS)}
    held.filter(pk__in=live).update(**longer)
    ConcertSeat.objects.filter(pk__in=live.values()).update(**longer)
    return len(live)
