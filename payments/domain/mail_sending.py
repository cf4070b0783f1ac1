"""Sending the mails that are owed.

Beat finds them by the tables: a payment without `confirmed_mail_at`, a refund without `canceled_mail_at`, a top-up that
came and has no `receipt_mail_at`, a withdrawal that has ended and has no `outcome_mail_at`, a recipient of an
announcement who has neither `mailed_at` nor `skipped_at`. Of a date that was canceled a fan gets one mail for all. A
mail is marked once the mail server has accepted it, so it goes out at least once: a crash between the two sends it
again, with the same Message-ID, and never none.

What fails is of two kinds. A mail that the server refuses (the address is gone, the mailbox is full) waits, each time
as long again as it has waited already, and is given up after a day. A server that is away is nobody's fault: nothing
is marked, and all of it waits for half a minute. The waits are kept in Redis; should they get lost, the next attempt
merely comes earlier.
"""

import logging
import smtplib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.db.models.functions import Coalesce, Now

from concert_site.accounts.models import User
from concert_site.accounts.walk_ins import is_walk_in
from concert_site.lib import metrics
from concert_site.lib.redis import try_redis
from payments.domain.mail_rendering import (
    render_announcement,
    render_date_canceled,
    render_mail,
    render_outcome,
    render_receipt,
)
from payments.models import Payment, RebookingKind
from payments.queries.mails import (
    CANCELED,
    CONFIRMED,
    MailKind,
    OwedAnnouncement,
    OwedDateMail,
    OwedMail,
    OwedOutcome,
    OwedReceipt,
    owed_announcements,
    owed_date_mails,
    owed_mails,
    owed_outcomes,
    owed_receipts,
    payments_of_date_mail,
    payments_of_mail,
    recipient_of_mail,
    top_up_of_mail,
    withdrawals_of_mail,
)
from payments.queries.till import counter_address_of, counter_address_of_fan
from reservations.models import AnnouncementRecipient
from wallet.domain.top_ups import note_receipt_mailed
from wallet.domain.withdrawals import note_outcome_mailed

log = logging.getLogger(__name__)

# A run ends after so many mails or seconds; the next one goes on. A ticket takes some 6 ms of a processor, nearly all
# of it for the picture, and mails must not take the rush its processors: so they leave at about 8 a second.
MOST_AT_ONCE = 40
# One without a ticket's picture is a fifth of that.
WITHOUT_PICTURE = 0.2
RUN_SECONDS = 15.0
# A server that refuses everything makes ten thousand mails wait: they are looked through so many at a time.
BATCH = 200
SERVER_RESTS_SECONDS = 30
SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=1)
SERVICE_CLOSES = 421
SERVER_BACKOFF_KEY = "mails:resting"
# The class of the advisory locks that a mail is claimed by; any number that nothing else uses.
LOCK_CLASS = 0x3A11


Owed = OwedMail | OwedReceipt | OwedOutcome | OwedDateMail | OwedAnnouncement


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A mail that is to be sent: for how long it has been owed, how it is written, and noted as sent."""

    owed_for: timedelta
    render: Callable[[], EmailMessage]
    mark: Callable[[datetime | None], object]


class MailRefused(Exception):
    """The server takes other mails, but not this one."""


class ServerAway(Exception):
    """No mail can be sent at the moment."""


def send_owed(*, now: datetime | None = None) -> int:
    """Send what is owed, the oldest first; return how many mails were accepted."""
    if try_redis(lambda redis: bool(redis.exists(SERVER_BACKOFF_KEY)), False):
        return 0
    owed = due_mails()
    first = next(owed, None)
    if first is None:
        return 0
    try:
        with server() as backend:
            return send_each(first, owed, backend, now=now)
    except ServerAway as error:
        metrics.MAILS.add("server_away")
        try_redis(lambda redis: redis.set(SERVER_BACKOFF_KEY, 1, ex=SERVER_RESTS_SECONDS), None)
        log.warning("Mails wait, the mail server is away: %s", error.__cause__ or error)
        return 0


def due_mails() -> Iterator[Owed]:
    """The mails that are owed and are not waiting for a later attempt, those of payments first."""
    all_owed: tuple[Iterator[Owed], ...] = (
        owed_mails(CONFIRMED),
        owed_mails(CANCELED),
        owed_receipts(),
        owed_outcomes(),
        owed_date_mails(),
        owed_announcements(),
    )
    for mails in all_owed:
        while batch := list(islice(mails, BATCH)):
            yield from (owed for owed, is_waiting in zip(batch, backing_off(batch), strict=True) if not is_waiting)


def send_each(first: Owed, others: Iterator[Owed], backend: BaseEmailBackend, *, now: datetime | None) -> int:
    """Send one mail after the other, within the bounds of a run.

    :raises ServerAway: if the server goes away meanwhile
    """
    sent, tried, until = 0, 0.0, time.monotonic() + RUN_SECONDS
    owed: Owed | None = first
    while owed is not None:
        sent += send(owed, backend, now=now)
        tried += cost_of(owed)
        owed = next(others, None) if tried < MOST_AT_ONCE and time.monotonic() < until else None
    return sent


def cost_of(owed: Owed) -> float:
    """What a mail takes, of a run's MOST_AT_ONCE."""
    return 1 if isinstance(owed, OwedMail) and owed.kind is CONFIRMED else WITHOUT_PICTURE


@transaction.atomic(durable=True)
def send(owed: Owed, backend: BaseEmailBackend, *, now: datetime | None = None) -> bool:
    """Send one mail and mark what it is about; return whether the server accepted it.

    Who sends it holds an advisory lock meanwhile, and whoever comes second leaves it alone. The rows themselves are
    not locked: a fan who wants a refund would have to wait for the mail server. What was paid when the mail was
    written is marked, also if it was refunded meanwhile; then the other mail is owed.

    :raises ServerAway: if no mail can be sent; nothing is marked
    """
    if not claim(owed):
        return False
    # Read behind the lock: who had it before has marked and committed by now.
    outgoing = read_mail(owed, now=now)
    if outgoing is None:
        return False
    try:
        deliver(owed, outgoing, backend)
    except MailRefused as refusal:
        metrics.MAILS.add("refused")
        if outgoing.owed_for < GIVEN_UP_AFTER:
            log.warning("The mail %s was refused, and waits: %s", owed, refusal)
            back_off(owed, outgoing.owed_for)
            return False
        log.error("The mail %s was refused for a day and is given up: %s", owed, refusal)  # noqa: TRY400  one line
        outgoing.mark(now)
        return False
    except ServerAway:
        # Should it be this mail that the server dies of, others come first next time.
        back_off(owed, outgoing.owed_for)
        raise
    metrics.MAILS.add("sent")
    outgoing.mark(now)
    return True


def read_mail(owed: Owed, *, now: datetime | None) -> OutgoingMail | None:
    """What a mail is about; None if it was sent meanwhile."""
    if isinstance(owed, OwedReceipt):
        top_up = top_up_of_mail(owed, now=now)
        own = [top_up] if top_up else []
        return mail_of(own, lambda: render_receipt(own[0]), lambda at: note_receipt_mailed(own[0], now=at))
    if isinstance(owed, OwedOutcome):
        made = list(withdrawals_of_mail(owed, now=now))
        return mail_of(made, lambda: render_outcome(made), lambda at: note_outcome_mailed(made, now=at))
    if isinstance(owed, OwedAnnouncement):
        return mail_of_announcement(owed, now)
    if isinstance(owed, OwedDateMail):
        refunded = list(payments_of_date_mail(owed, now=now))
        return mail_of_payments(CANCELED, refunded, address_of_holder, render_date_canceled, now)
    payments = list(payments_of_mail(owed, now=now))
    # What was handed over has a mail of its own: of both the other comes first, this with the next run.
    payments = [each for each in payments if each.became != RebookingKind.HANDOVER] or payments
    return mail_of_payments(owed.kind, payments, partial(address_of, owed), partial(render_mail, owed.kind), now)


def mail_of(
    rows: Sequence[Any],  # Any: of several models, read with `owed_for`
    render: Callable[[], EmailMessage],
    mark: Callable[[datetime | None], object],
) -> OutgoingMail | None:
    return OutgoingMail(max(each.owed_for for each in rows), render, mark) if rows else None


def mail_of_payments(
    kind: MailKind,
    payments: list[Payment],
    find_address: Callable[[User], str],
    render: Callable[[list[Payment]], EmailMessage],
    now: datetime | None,
) -> OutgoingMail | None:
    """The mail of some payments of one fan; None, and noted, where nobody can be written to."""
    if not payments:
        return None
    if not (address := find_address(payments[0].user)):
        mark_sent(kind, payments, now=now)
        return None
    return mail_of(payments, lambda: sent_to(address, render(payments)), lambda at: mark_sent(kind, payments, now=at))


def address_of(owed: OwedMail, fan: User) -> str:
    """Where a fan reads about a booking: a walk-in at the address given at the counter, nowhere if none was."""
    return counter_address_of(owed.reference) if is_walk_in(fan) else fan.email


def address_of_holder(fan: User) -> str:
    """Where a ticket holder reads about a date: a walk-in where their tickets were mailed to, if they were."""
    return counter_address_of_fan(fan.pk) if is_walk_in(fan) else fan.email


def mail_of_announcement(owed: OwedAnnouncement, now: datetime | None) -> OutgoingMail | None:
    """The mail of an announcement. Who has no ticket any more is left out, and it is noted."""
    recipient = recipient_of_mail(owed, now=now)
    if recipient is None:
        return None
    own = AnnouncementRecipient.objects.filter(pk=recipient.pk)
    address = address_of_holder(recipient.user)
    if not recipient.has_ticket or not address:  # type: ignore[attr-defined]  # annotated
        own.update(skipped_at=now or Now())
        return None
    return mail_of(
        [recipient],
        lambda: sent_to(address, render_announcement(recipient)),
        lambda at: own.update(mailed_at=at or Now()),
    )


def sent_to(address: str, message: EmailMessage) -> EmailMessage:
    message.to = [address]
    return message


def claim(owed: Owed) -> bool:
    """Take the lock of a mail until the transaction ends; false if someone else is sending it."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, hashtext(%s))", [LOCK_CLASS, str(owed)])
        (is_ours,) = cursor.fetchone()
    return bool(is_ours)


def mark_sent(kind: MailKind, payments: list[Payment], *, now: datetime | None) -> None:
    """Note that the mail was sent. After that of a refund nobody wants to hear that the seat was booked."""
    moment = now or Now()
    changes: dict[str, object] = {kind.mailed: moment}
    if kind is CANCELED:
        changes[CONFIRMED.mailed] = Coalesce(CONFIRMED.mailed, moment)
    Payment.objects.filter(pk__in=[each.pk for each in payments]).update(**changes)


def backoff_key(owed: Owed) -> str:
    """The mark of a mail that waits for its next try."""
    # In braces what a cluster keeps together.
    return f"{{mails:waiting}}:{owed}"


def backing_off(mails: Sequence[Owed]) -> list[bool]:
    """Of each of these mails whether it is to be left alone for now, in one round trip."""
    keys = [backoff_key(owed) for owed in mails]
    return try_redis(lambda redis: [mark is not None for mark in redis.mget(keys)], [False] * len(keys))


def back_off(owed: Owed, owed_for: timedelta) -> None:
    """Leave a mail alone for as long as it has been owed: a minute at least, an hour at most."""
    pause = min(max(owed_for, SHORTEST_WAIT), LONGEST_WAIT)
    try_redis(lambda redis: redis.set(backoff_key(owed), 1, ex=pause), None)


@contextmanager
def server() -> Iterator[BaseEmailBackend]:
    """A connection to the mail server, for many mails.

    :raises ServerAway: if there is none to be had
    """
    backend = mail.get_connection()
    try:
        backend.open()
    except OSError as error:
        raise ServerAway from error
    try:
        yield backend
    finally:
        # What was accepted is accepted, however the conversation ends.
        with suppress(OSError):
            backend.close()


def deliver(owed: Owed, outgoing: OutgoingMail, backend: BaseEmailBackend) -> None:
    """Write a mail and hand it to the server.

    :raises MailRefused: if the server doesn't take it, or it can't be written
    :raises ServerAway: if the server takes no mail at all
    """
    try:
        message = outgoing.render()
        # Whatever makes a mail impossible to write or to encode is its own trouble, and must not be the others'.
        message.message()
    except Exception as error:
        log.exception("The mail %s can't be written", owed)
        raise MailRefused(str(error)) from error
    submit(message, backend)


def submit(message: EmailMessage, backend: BaseEmailBackend) -> None:
    """Hand a message to the server.

    :raises MailRefused: if the server answers that it doesn't want this one
    :raises ServerAway: if it says nothing, or goodbye
    """
    try:
        backend.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        raise smtp_refusal(error, *(code for code, _ in error.recipients.values())) from error
    except smtplib.SMTPDataError as error:
        raise smtp_refusal(error, error.smtp_code) from error
    except (smtplib.SMTPNotSupportedError, ValueError) as error:
        # An address that this server has no letters for.
        raise MailRefused(str(error)) from error
    except OSError as error:
        raise ServerAway from error


def smtp_refusal(error: smtplib.SMTPException, *codes: int) -> MailRefused | ServerAway:
    """What a refusal means: 421 is the server's goodbye, everything else is about this mail."""
    return ServerAway() if SERVICE_CLOSES in codes else MailRefused(str(error))
