"""Top-ups: money that comes to a wallet from outside, on record before it moves, credited once."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urljoin

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from concert_site.accounts.models import User
from concert_site.lib.database.statements import fetch
from concert_site.lib.errors import Unavailable
from concert_site.lib.idempotency import made_before, request_hash
from wallet.domain.errors import BalanceTooLarge
from wallet.domain.ledger import LARGEST_BALANCE
from wallet.domain.top_up_limits import require_in_bounds, require_in_limits
from wallet.models import OPEN, Purpose, TopUp, TopUpQuerySet, TopUpState
from wallet.models.top_ups import AMOUNT_DIFFERS, BY_STAFF, TOO_LARGE
from wallet.providers import current_provider, provider_named
from wallet.providers.base import Order, Outcome, PayPage, Provider, ProviderAway, ProviderRefused, ProviderStatus
from wallet.queries import open_top_ups_for, wallet_of

log = logging.getLogger(__name__)

# Between two looks at what is under way, in seconds: the first soon, then ever more seldom, up to an hour.
FIRST_LOOK, LAST_LOOK = 10, 3600
# What the provider has never heard of by then, was never asked of it.
GIVE_UP = timedelta(hours=1)
# The failure of one that its fan has ended.
CANCELED = "canceled"

CREDIT = """
select credit_top_up(%(top_up)s::bigint, %(method)s::text, %(provider_reference)s::text, %(most)s::bigint,
                     coalesce(%(now)s::timestamptz, statement_timestamp())) as refusal
"""


@dataclass(frozen=True, slots=True)
class StartedTopUp:
    """A top-up on record; `is_new` is false if the same request had made it before."""

    top_up: TopUp
    is_new: bool


# --- Beginning ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpRequest:
    """What a fan asks for: `amount` in minor units, once a key.

    With `reservations` it is for these, which whom `use_settler` has named pays from it: one at a time, whatever its
    amount, so that two clicks are one. `return_path` is where on this site the fan goes on afterwards, `expires_at`
    when nobody waits for the money any more: TOP_UP_SECONDS from now, unless told otherwise.
    """

    user_id: int
    amount: int
    idempotency_key: str | None = None
    reservations: tuple[int, ...] = ()
    return_path: str = ""
    expires_at: datetime | None = None
    now: datetime | None = None

    @property
    def hash(self) -> str:
        """What tells it from another request of the same key, or for the same seats."""
        return request_hash(
            {"reservations": sorted(self.reservations)} if self.reservations else {"amount": self.amount}
        )


def start(request: TopUpRequest, *, is_by_app: bool = False) -> StartedTopUp:
    """Write down what a fan brings in, then ask the provider to collect it.

    One that the provider couldn't be asked about stays CREATED: the same request asks again.

    :raises IdempotencyKeyReused: if the key came before, with another amount
    :raises Invalid: if the amount is out of bounds
    :raises TopUpUnavailable: if this house takes no money online
    :raises TopUpDayLimit, TopUpMonthLimit: if the fan's limit is reached
    :raises BalanceTooLarge: if the wallet would hold too much
    :raises Unavailable: if the account was closed in this moment; asked again, it is logged out
    """
    if not request.reservations:
        require_in_bounds(request.amount)
    known = begun_before(request)
    if known is None:
        provider = current_provider()
        if wallet_of(request.user_id).amount + request.amount > LARGEST_BALANCE:
            raise BalanceTooLarge
        known = create(request, provider.name)
    if known.top_up.state == TopUpState.CREATED:
        ask_provider(known.top_up, is_by_app=is_by_app)
    return known


def begun_before(request: TopUpRequest) -> StartedTopUp | None:
    """What this request has begun already: by its key, or for a booking by what is still under way for it.

    :raises IdempotencyKeyReused: if the key was that of another request
    """
    own, found = TopUp.objects.of(user_id=request.user_id), None
    if request.idempotency_key is not None:
        found = made_before(own.filter(idempotency_key=request.idempotency_key).first(), request.hash)
    elif request.reservations:
        found = own.open().filter(purpose=Purpose.BOOKING, request_hash=request.hash).first()
    return StartedTopUp(found, is_new=False) if found else None


def create(request: TopUpRequest, provider: str) -> StartedTopUp:
    """Write it down, in a transaction of its own: from here on it is looked after, whatever dies.

    :raises IdempotencyKeyReused, TopUpDayLimit, TopUpMonthLimit, Unavailable: as `start`
    """
    at = request.now or timezone.now()
    with transaction.atomic(durable=True):
        # One after the other: the same request at once is one top-up, and limits hold for all of a fan's.
        # Of an account that was closed while we waited for its row nothing is begun.
        active = User.objects.filter(pk=request.user_id, is_active=True)
        if not active.select_for_update(no_key=True).values_list("pk"):
            raise Unavailable
        if known := begun_before(request):
            return known
        if not request.reservations:
            require_in_limits(request.user_id, request.amount, request.now)
        made = TopUp.objects.create(
            user_id=request.user_id,
            amount=request.amount,
            currency=settings.CURRENCY,
            purpose=Purpose.BOOKING if request.reservations else Purpose.WALLET,
            reservations=list(request.reservations),
            provider=provider,
            reference=uuid.uuid4().hex,
            idempotency_key=request.idempotency_key,
            request_hash=request.hash,
            return_path=request.return_path,
            created_at=at,
            updated_state_at=at,
            expires_at=request.expires_at or at + timedelta(seconds=settings.TOP_UP_SECONDS),
            next_look_at=at + timedelta(seconds=FIRST_LOOK),
        )
    return StartedTopUp(made, is_new=True)


def ask_provider(top_up: TopUp, *, is_by_app: bool = False) -> None:
    """Have the provider prepare to collect it, and note what the fan has to do.

    While the provider is away it stays CREATED; what it refuses is FAILED. Either is told by its state.
    """
    provider = provider_of(top_up)
    try:
        started = provider.start(order_of(top_up, is_by_app=is_by_app))
    except ProviderRefused as error:
        log.warning("Top-up %s was refused by %s: %s", top_up.pk, top_up.provider, error)
        end(top_up, TopUpState.FAILED, failure=error.code)
        return
    except ProviderAway as error:
        log.warning("Top-up %s: %s is away: %s", top_up.pk, top_up.provider, error)
        return
    if started.is_paid:
        settle(top_up, provider.look_up(order_of(top_up), started.provider_reference))
        return
    shown = {"url": started.next_url, "data": dict(started.data)}
    TopUp.objects.filter(pk=top_up.pk).move(
        TopUpState.CREATED,
        TopUpState.PENDING,
        provider_reference=started.provider_reference,
        next=shown,
        updated_state_at=timezone.now(),
    )
    top_up.refresh_from_db()


def provider_of(top_up: TopUp) -> Provider:
    """The provider that it was begun with, whichever is in force now."""
    return provider_named(top_up.provider)


def order_of(top_up: TopUp, *, is_by_app: bool = False) -> Order:
    """What its provider is asked. The fan comes back to the page of the top-up."""
    return Order(
        reference=top_up.reference,
        amount=top_up.amount,
        currency=top_up.currency,
        description="Frontrow",
        return_url=urljoin(settings.SITE_URL, reverse("top_up_status", args=[top_up.reference])),
        expires_at=top_up.expires_at,
        is_by_app=is_by_app,
    )


# --- Ending ------------------------------------------------------------------------------------


class BookingSettler(Protocol):
    """What top-ups for bookings are for, which is known above the wallet."""

    def settle_booking(self, top_up: TopUp, outcome: Outcome, now: datetime | None) -> None:
        """Credit one that was collected as ordered, in one transaction with what it is for."""

    def is_overtaken(self, top_up: TopUp) -> bool:
        """Whether what it is for was paid otherwise, so that its money would only be kept."""


_settlers: dict[str, BookingSettler] = {}


def use_settler(settler: BookingSettler) -> None:
    """From now on have top-ups for bookings settled so."""
    _settlers[Purpose.BOOKING] = settler


def is_overtaken(top_up: TopUp) -> bool:
    """Whether nobody needs to pay it any more."""
    settler = _settlers.get(top_up.purpose)
    return settler is not None and settler.is_overtaken(top_up)


def settle(top_up: TopUp, outcome: Outcome, *, now: datetime | None = None) -> TopUp:
    """Take note of how a top-up stands at its provider; money is credited once, in one transaction.

    :raises BalanceTooLarge: if the wallet would hold too much: the provider has the money, and staff are told
    """
    if outcome.status == ProviderStatus.SUCCEEDED:
        if is_as_ordered(top_up, outcome):
            settler = _settlers.get(top_up.purpose)
            (settler.settle_booking if settler else credit)(top_up, outcome, now)
    else:
        note_unpaid(top_up, outcome, now=now)
    top_up.refresh_from_db()
    return top_up


def is_as_ordered(top_up: TopUp, outcome: Outcome) -> bool:
    """Whether the provider took what was ordered, and has it; else it is for staff to look at, and credited to nobody.

    What was given back at the provider before it was credited would be in two places.
    """
    has_it = top_up.is_credited or not outcome.refunded
    if has_it and (outcome.amount, outcome.currency.upper()) == (top_up.amount, top_up.currency):
        return True
    log.critical(
        "Top-up %s: %s took %s %s (%s given back) where %s %s were ordered. Nothing was credited",
        top_up.pk,
        top_up.provider,
        outcome.amount,
        outcome.currency,
        outcome.refunded,
        top_up.amount,
        top_up.currency,
    )
    uncredited(top_up).update(failure=AMOUNT_DIFFERS, next_look_at=None)
    return False


def credit(top_up: TopUp, outcome: Outcome, now: datetime | None = None) -> None:
    """Credit what the provider took, unless that was done.

    :raises BalanceTooLarge: if the wallet would hold too much
    """
    (row,) = fetch(CREDIT, credit_params(top_up, outcome, now=now))
    if row["refusal"] == TOO_LARGE:
        note_too_large(top_up)
        raise BalanceTooLarge


def credit_params(top_up: TopUp, outcome: Outcome, *, now: datetime | None) -> dict[str, object]:
    return {
        "top_up": top_up.pk,
        "method": outcome.method[:100],
        "provider_reference": outcome.provider_reference,
        "most": LARGEST_BALANCE,
        "now": now,
    }


def note_too_large(top_up: TopUp) -> None:
    """The provider has the money and the wallet has no room: staff give it back."""
    log.critical("Top-up %s was collected, and the wallet of fan %s is full", top_up.pk, top_up.user_id)
    uncredited(top_up).update(failure=TOO_LARGE, next_look_at=None)


def uncredited(top_up: TopUp) -> TopUpQuerySet:
    """The row, unless its money is in the wallet, or staff have done something else with it."""
    return TopUp.objects.filter(pk=top_up.pk, entry=None).exclude(failure__in=BY_STAFF)


def note_unpaid(top_up: TopUp, outcome: Outcome, *, now: datetime | None = None) -> None:
    """Take note of one that isn't paid: failed, given up, or still under way."""
    at = now or timezone.now()
    if outcome.status == ProviderStatus.FAILED:
        end(top_up, TopUpState.FAILED, failure=outcome.failure or "failed", now=now)
    elif outcome.status == ProviderStatus.EXPIRED or (
        outcome.status == ProviderStatus.UNKNOWN and at > top_up.expires_at + GIVE_UP
    ):
        end(top_up, TopUpState.EXPIRED, failure=outcome.failure or "expired", now=now)


def end(top_up: TopUp, to: TopUpState, *, failure: str, now: datetime | None = None) -> None:
    """End one that wasn't paid. Money that is reported later is credited all the same."""
    at = now or timezone.now()
    for source in OPEN:
        TopUp.objects.filter(pk=top_up.pk).move(
            source, to, failure=failure[:100], updated_state_at=at, next_look_at=None
        )
    top_up.refresh_from_db()


# --- Asking ------------------------------------------------------------------------------------


def look_up(top_up: TopUp) -> Outcome:
    """How it stands at its provider.

    :raises ProviderAway: if nobody knows
    """
    return provider_of(top_up).look_up(order_of(top_up), top_up.provider_reference)


def confirm(top_up: TopUp, returned: Mapping[str, str]) -> Outcome:
    """Do what is left to do once the fan has come back, and say how it stands.

    Of what comes too late for its seats nothing is taken that wasn't yet: it could only be kept.
    :raises ProviderAway: if nobody knows
    """
    if top_up.purpose == Purpose.BOOKING and top_up.expires_at < timezone.now():
        return look_up(top_up)
    return provider_of(top_up).confirm(order_of(top_up), top_up.provider_reference, returned)


def give_up(top_up: TopUp) -> Outcome:
    """See to it that nothing is taken any more, if that is still possible, and say how it stands.

    :raises ProviderAway: if nobody knows
    """
    return provider_of(top_up).cancel(order_of(top_up), top_up.provider_reference)


def abandon(top_up: TopUp) -> TopUp:
    """End it because its fan wants to, or pays otherwise; what was paid by then is credited.

    It stays open if the provider is taking the money already and can't stop: then it is waited for.

    :raises ProviderAway: if nobody knows
    :raises BalanceTooLarge: as `settle`
    """
    outcome = give_up(top_up)
    if outcome.status == ProviderStatus.UNKNOWN:
        # It was never asked. Should it take money all the same, that is credited.
        outcome = Outcome(status=ProviderStatus.FAILED, failure=CANCELED)
    return settle(top_up, outcome)


def abandon_all_for(reservation_ids: Sequence[int], *, user_id: int) -> None:
    """End what is under way for reservations that were paid otherwise or given back.

    What can't be ended now ends by itself; what is paid all the same is in the wallet.
    """
    for each in open_top_ups_for(reservation_ids, user_id=user_id):
        try:
            abandon(each)
        except (ProviderAway, BalanceTooLarge):
            continue


def note_receipt_mailed(top_up: TopUp, *, now: datetime | None = None) -> None:
    """Its fan was told that the money is there."""
    TopUp.objects.filter(pk=top_up.pk).update(receipt_mail_at=now or Now())


def pay_page(top_up: TopUp) -> PayPage | None:
    """The page on our site with the provider's widget; None if it has a page of its own."""
    data = (top_up.next or {}).get("data", {})
    return provider_of(top_up).pay_page(order_of(top_up), data)


def charge(*, user_id: int, amount: int, idempotency_key: str, now: datetime | None = None) -> StartedTopUp:
    """An app's top-up of the wallet: begun, and credited already where the provider needs nobody.

    :raises IdempotencyKeyReused, Invalid, TopUpUnavailable, TopUpDayLimit, TopUpMonthLimit, BalanceTooLarge: as `start`
    """
    asked = TopUpRequest(user_id=user_id, amount=amount, idempotency_key=idempotency_key, now=now)
    return start(asked, is_by_app=True)
