"""Messages of providers (webhooks): kept word for word, then worked on.

A message is a hint that something has happened; what, and how much, is asked of the provider. So it makes no difference
how often it comes, in which order, and who sent it.
"""

import logging
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from concert_site.lib.database.statements import fetch
from concert_site.lib.states import StateQuerySet
from wallet.domain import claims, top_ups, withdrawals
from wallet.domain.errors import BalanceTooLarge
from wallet.models import EventState, ProviderEvent, TopUp
from wallet.providers.base import ProviderError, WebhookMessage
from wallet.queries import top_up_at_provider, withdrawal_at_provider, withdrawals_under_way

log = logging.getLogger(__name__)

# Between two attempts, in seconds: doubled each time, up to an hour.
MOST_PAUSE = 3600
# What is about nothing of ours by then (two hours) never was.
ATTEMPTS_TO_FIND = 12
# Half a day; the reconciler goes on asking about the money itself.
MOST_ATTEMPTS = 20
LONGEST_KIND, LONGEST_REFERENCE, LONGEST_ERROR = 100, 255, 500

# One round trip: a message that came before is no error, and is left as it is.
RECORD = """
insert into provider_event (provider, event_id, kind, reference, body, state, received_at, next_attempt_at)
values (%(provider)s::text, %(event_id)s::text, %(kind)s::text, %(reference)s::text, %(body)s::bytea, 'RECEIVED',
        coalesce(%(now)s::timestamptz, statement_timestamp()), coalesce(%(now)s::timestamptz, statement_timestamp()))
on conflict (provider, event_id) do nothing
returning id
"""


class TooEarly(Exception):
    """It is about something that we have no row of: not yet committed, or never ours."""


# --- Keeping -----------------------------------------------------------------------------------


def record(provider: str, message: WebhookMessage, body: bytes, *, now: datetime | None = None) -> bool:
    """Keep a message whose signature and age were found good; return whether it is new."""
    row = {
        "provider": provider,
        "event_id": message.event_id,
        "kind": message.kind[:LONGEST_KIND],
        "reference": message.reference[:LONGEST_REFERENCE],
        "body": body,
        "now": now,
    }
    return bool(fetch(RECORD, row))


def replay(event_id: int, *, now: datetime | None = None) -> bool:
    """Have a message done again, whatever came of it; return whether it was over."""
    again = {"attempts": 0, "error": "", "next_attempt_at": now or timezone.now(), "handled_at": None}
    row = ProviderEvent.objects.filter(pk=event_id)
    over = (EventState.DONE, EventState.IGNORED, EventState.FAILED)
    return any(row.move(source, EventState.RECEIVED, **again) for source in over)


# --- Working on them ---------------------------------------------------------------------------


def handle_due(provider: str, *, now: datetime | None = None) -> int:
    """Work on the messages of a provider that are due; return how many were taken up."""
    return claims.process_due(lambda: claim_next(provider, now), lambda event: handle(event, now=now))


def claim_next(provider: str, now: datetime | None = None) -> ProviderEvent | None:
    """Take up the message that is due longest."""
    own = ProviderEvent.objects.filter(provider=provider)
    return claims.claim(own, due_at="next_attempt_at", count="attempts", now=now)


def handle(event: ProviderEvent, *, now: datetime | None = None) -> None:
    """Ask the provider about what a message is about, and note what came of it.

    :raises ProviderError: if it doesn't say; the message waits for another attempt
    """
    try:
        said = act_on(event, now)
    except TooEarly:
        if event.attempts < ATTEMPTS_TO_FIND:
            wait(event, "unknown_reference", now)
        else:
            end(event, EventState.IGNORED, "unknown_reference", now)
    except ProviderError as error:
        fail(event, error, now)
        raise
    except (OperationalError, InterfaceError):
        # PostgreSQL is away or busy, and nothing can be noted: it is due again by itself.
        raise
    except Exception as error:
        log.exception("The message %s of %s failed", event.event_id, event.provider)
        fail(event, error, now)
    else:
        end(event, EventState.DONE if event.reference else EventState.IGNORED, said, now)


def act_on(event: ProviderEvent, now: datetime | None) -> str:
    """Settle what a message is about by what the provider says now; return what staff should know of it.

    :raises TooEarly: if there is no such thing
    :raises ProviderError: if the provider doesn't say
    """
    if not event.reference:
        return ""
    top_up = top_up_at_provider(event.provider, event.reference)
    if top_up is not None:
        return settle_top_up(top_up, now)
    withdrawal = withdrawal_at_provider(event.provider, event.reference)
    if withdrawal is None:
        raise TooEarly
    return withdrawals.settle(withdrawal, withdrawals.look_up(withdrawal), now=now).failure


def settle_top_up(top_up: TopUp, now: datetime | None) -> str:
    """Settle a top-up, and what goes back of it, by what its provider says; return what is wrong, if anything is."""
    try:
        top_ups.settle(top_up, top_ups.look_up(top_up), now=now)
    except BalanceTooLarge:
        # Noted on the top-up, where staff find it.
        return BalanceTooLarge.code
    if top_up.is_open:
        # The message was quicker than the provider's own book.
        soon = (now or timezone.now()) + timedelta(seconds=top_ups.FIRST_LOOK)
        TopUp.objects.filter(pk=top_up.pk, next_look_at__gt=soon).update(next_look_at=soon)
    for withdrawal in withdrawals_under_way(top_up.provider, [top_up.reference]):
        # Some providers tell of a refund by its payment alone.
        withdrawals.settle(withdrawal, withdrawals.look_up(withdrawal), now=now)
    return top_up.failure


# --- What came of it ---------------------------------------------------------------------------


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts."""
    return timedelta(seconds=min(2**attempts, MOST_PAUSE))


def wait(event: ProviderEvent, error: str, now: datetime | None) -> None:
    """Have it tried again later."""
    again_at = (now or timezone.now()) + pause_after(event.attempts)
    own = claimed(event).filter(state=EventState.RECEIVED)
    own.update(error=error[:LONGEST_ERROR], next_attempt_at=again_at)


def fail(event: ProviderEvent, error: Exception, now: datetime | None) -> None:
    """Have it tried again later, or leave it to staff."""
    said = f"{type(error).__name__}: {error}"
    if event.attempts < MOST_ATTEMPTS:
        wait(event, said, now)
    else:
        log.error("The message %s of %s is given up: %s", event.event_id, event.provider, said)
        end(event, EventState.FAILED, said, now)


def end(event: ProviderEvent, to: EventState, error: str, now: datetime | None) -> None:
    changes = {"error": error[:LONGEST_ERROR], "next_attempt_at": None, "handled_at": now or timezone.now()}
    claimed(event).move(EventState.RECEIVED, to, **changes)


def claimed(event: ProviderEvent) -> StateQuerySet[ProviderEvent]:
    """The row, unless somebody else has taken it up since: who comes back too late writes nothing."""
    return ProviderEvent.objects.filter(pk=event.pk, attempts=event.attempts)
