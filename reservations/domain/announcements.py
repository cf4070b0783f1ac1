"""What all ticket holders of a date are told. Who is owed a mail stands in the tables; payments send it."""

from collections.abc import Callable
from datetime import datetime
from typing import TypedDict, Unpack
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict, Invalid
from reservations.domain.transactions import lock_schedule
from reservations.models import Announcement, AnnouncementKind, AnnouncementRecipient
from reservations.models.announcement import LONGEST_BODY, LONGEST_SUBJECT
from reservations.models.reservation import ReservationStatus
from reservations.queries.bookings import of_schedule

BATCH = 5000


class Texts(TypedDict):
    """Subject and text of a message, in Korean, English, or both."""

    subject_ko: str
    subject_en: str
    body_ko: str
    body_en: str


def message_holders(
    *, schedule_id: int, actor_id: int, key: UUID, now: datetime, **texts: Unpack[Texts]
) -> tuple[Announcement, bool]:
    """Write to every fan who has a ticket of a date, one mail each; the message, and whether this call made it.

    The same `key` again: that message, and nobody is written to twice.

    :raises NotFound: if there is no such schedule
    :raises Invalid: if a language has a subject without a text or the other way round, or there is none at all
    :raises Conflict: if nobody has a ticket
    """
    require_texts(texts)
    return once(key, lambda: write_message(schedule_id, actor_id, key, now, texts))


def once(key: UUID, write: Callable[[], Announcement]) -> tuple[Announcement, bool]:
    """The announcement of a click, made by `write` if it is the first; and whether it is."""
    if known := Announcement.objects.filter(key=key).first():
        return known, False
    try:
        return write(), True
    except IntegrityError:
        # The same click came through twice at one moment; then the other one stands there by now.
        if known := Announcement.objects.filter(key=key).first():
            return known, False
        raise


@transaction.atomic(durable=True)
def write_message(schedule_id: int, actor_id: int, key: UUID, now: datetime, texts: Texts) -> Announcement:
    """The transaction of it.

    :raises NotFound, Conflict: as `message_holders` does
    """
    lock_schedule(schedule_id)
    message = Announcement.objects.create(
        concert_schedule_id=schedule_id,
        kind=AnnouncementKind.MESSAGE,
        actor_id=actor_id,
        key=key,
        created_at=now,
        **texts,
    )
    if not address(message):
        raise Conflict(_("Nobody has a ticket for this date, so there is nobody to write to."))
    return message


def address(announcement: Announcement) -> int:
    """Owe a mail of this to everyone who has a ticket now: a step of the caller's transaction; how many fans."""
    paid = of_schedule(announcement.concert_schedule_id).filter(status=ReservationStatus.RESERVED)
    fans = paid.order_by("user").values_list("user", flat=True).distinct()
    owed = [AnnouncementRecipient(announcement=announcement, user_id=fan) for fan in fans]
    AnnouncementRecipient.objects.bulk_create(owed, batch_size=BATCH)
    return len(owed)


def require_texts(texts: Texts) -> None:
    """
    :raises Invalid: at the field at fault
    """
    for name, text in texts.items():
        most = LONGEST_SUBJECT if name.startswith("subject") else LONGEST_BODY
        if len(str(text)) > most or "\0" in str(text):
            raise Invalid(_("This is too long: at most %(most)s characters.") % {"most": most}, attr=name)
    for subject, body in (("subject_ko", "body_ko"), ("subject_en", "body_en")):
        given = {name: bool(str(texts[name]).strip()) for name in (subject, body)}  # type: ignore[literal-required]
        if given[subject] != given[body]:
            raise Invalid(
                _("A message needs a subject and a text in the same language."),
                attr=body if given[subject] else subject,
            )
    if not texts["body_ko"].strip() and not texts["body_en"].strip():
        raise Invalid(_("Write the message in Korean, in English, or in both."), attr="body_ko")
