"""What staff do with money that a provider has and that can't be credited as it was ordered: book it, or give it back.

Each closes the top-up first, so that nothing else is done with the same money, whatever is reported later.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict, Unavailable
from wallet.domain import ledger, top_ups
from wallet.models import OPEN, BalanceHistory, LedgerKind, TopUp, TopUpState
from wallet.models.top_ups import AMOUNT_DIFFERS, BOOKED, FOR_STAFF, GIVEN_BACK, GIVING_BACK
from wallet.providers.base import Outcome, ProviderError, ProviderStatus, RefundOrder, RefundOutcome

log = logging.getLogger(__name__)


class NothingToDo(Conflict):
    """Its money is in the wallet, has gone back, or never came."""

    code = "nothing_to_do"
    detail = _("There is nothing left to do about this top-up. Reload the page.")


class OtherCurrency(Conflict):
    """A wallet holds one currency."""

    code = "other_currency"
    detail = _("It was paid in a different currency than the wallet’s. Please refund it.")


class NotGivenBack(Conflict):
    """The way by which it came is closed."""

    code = "not_given_back"
    detail = _("The provider can’t refund it the way it was paid. Credit it to the wallet, or pay it out by hand.")


def book(top_up: TopUp, *, note: str, actor_id: int, now: datetime | None = None) -> BalanceHistory:
    """Book what the provider took, less or more than was ordered, into the wallet as an adjustment; once.

    What has gone back at the provider since is not there to be booked.

    :raises NothingToDo: if the provider has no money of it, or a colleague was first
    :raises OtherCurrency: if it isn't the wallet's
    :raises BalanceTooLarge: if the wallet has no room for it
    :raises Unavailable: if the provider doesn't say
    """
    taken = taken_by_provider(top_up)
    if taken.currency.upper() != top_up.currency:
        raise OtherCurrency
    if (left := taken.left) == 0:
        raise NothingToDo
    with transaction.atomic(durable=True):
        close(top_up, FOR_STAFF, BOOKED, now)
        return ledger.book(
            user_id=top_up.user_id, kind=LedgerKind.ADJUSTMENT, amount=left, note=note, actor_id=actor_id, now=now
        )


def give_back(top_up: TopUp, *, note: str, now: datetime | None = None) -> None:
    """Have the provider give back by the way it came what it still has; again, if it was away.

    What has gone back already, on the provider's own pages or by a call whose answer was lost, is noted as such.

    :raises NothingToDo: if the provider has no money of it, or a colleague was first
    :raises NotGivenBack: if it can't; the top-up is open to be booked again
    :raises Unavailable: if the provider doesn't say; it is to be asked again
    """
    taken = taken_by_provider(top_up)
    left = taken.left
    with transaction.atomic(durable=True):
        close(top_up, FOR_STAFF | {GIVING_BACK}, GIVING_BACK if left else GIVEN_BACK, now)
    if not left:
        return
    outcome = refund(top_up, taken, note)
    if outcome.status == ProviderStatus.FAILED:
        # It can still be booked, also if the provider was away when it was asked first.
        why = top_up.failure if top_up.failure in FOR_STAFF else AMOUNT_DIFFERS
        TopUp.objects.filter(pk=top_up.pk, failure=GIVING_BACK).update(failure=why)
        raise NotGivenBack
    if outcome.status == ProviderStatus.SUCCEEDED:
        TopUp.objects.filter(pk=top_up.pk, failure=GIVING_BACK).update(failure=GIVEN_BACK)


def taken_by_provider(top_up: TopUp) -> Outcome:
    """What the provider says that it took.

    :raises NothingToDo: if that is nothing
    :raises Unavailable: if it doesn't say
    """
    try:
        outcome = top_ups.look_up(top_up)
    except ProviderError as error:
        raise Unavailable from error
    if outcome.status != ProviderStatus.SUCCEEDED or outcome.amount <= 0:
        raise NothingToDo
    return outcome


def refund(top_up: TopUp, taken: Outcome, note: str) -> RefundOutcome:
    """Ask for it; a second time is the same as the first, by its reference.

    :raises Unavailable: if nobody knows
    """
    order = RefundOrder(
        reference=f"{top_up.reference}-back",
        payment_reference=top_up.reference,
        payment_provider_reference=taken.provider_reference or top_up.provider_reference,
        amount=taken.left,
        currency=taken.currency,
        reason=note,
    )
    try:
        return top_ups.provider_of(top_up).refund(order)
    except ProviderError as error:
        log.warning("Top-up %s can't be given back now: %s", top_up.pk, error)
        raise Unavailable from error


def close(top_up: TopUp, before: set[str], after: str, now: datetime | None) -> None:
    """Say what becomes of the money, if nobody has said so before: a step of the caller's transaction.

    :raises NothingToDo: if somebody has
    """
    own = TopUp.objects.filter(pk=top_up.pk, entry=None, failure__in=before)
    if own.update(failure=after, next_look_at=None) != 1:
        raise NothingToDo
    for source in OPEN:
        TopUp.objects.filter(pk=top_up.pk).move(source, TopUpState.FAILED, updated_state_at=now or timezone.now())
