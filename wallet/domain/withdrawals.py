"""Withdrawals: money goes from a wallet back to the card that it came from, by the provider that has brought it.

It leaves the wallet in one transaction, and only then is the provider asked, by a reference of ours that makes the
second time the same as the first. So whatever dies in between, a row says what is still to be asked for, and the fan
has the money in one place at any time.
"""

import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from concert_site.lib.database.statements import fetch_one
from concert_site.lib.errors import Invalid
from concert_site.lib.formats import money
from concert_site.lib.idempotency import made_before, request_hash
from wallet.domain.card_money import card_money_of
from wallet.domain.errors import InsufficientBalance, WithdrawalTooLarge
from wallet.domain.ledger import LARGEST_BALANCE, lock_balance
from wallet.domain.top_ups import FIRST_LOOK, provider_of
from wallet.models import TopUp, TopUpQuerySet, TopUpState, Withdrawal, WithdrawalState
from wallet.providers import can_refund, current_provider
from wallet.providers.base import ProviderAway, ProviderRefused, ProviderStatus, RefundOrder, RefundOutcome
from wallet.queries import wallet_of

log = logging.getLogger(__name__)

WITH_MONEY = (TopUpState.SUCCEEDED, TopUpState.PARTLY_REFUNDED)

TAKE = """
select take_withdrawal(
    %(top_up)s::bigint, %(amount)s::bigint, %(reference)s::text, %(payment)s::bigint, %(key)s::text, %(hash)s::text,
    %(note)s::text, %(actor)s::bigint, %(most)s::bigint, %(next_look_at)s::timestamptz, %(now)s::timestamptz) as id
"""
SETTLE = """
select settle_withdrawal(
    %(withdrawal)s::bigint, %(state)s::text, %(failure)s::text, %(provider_reference)s::text, %(most)s::bigint,
    coalesce(%(now)s::timestamptz, statement_timestamp())) as refusal
"""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Withdrawals of one request, one a top-up; `is_new` is false if the same request had made them before."""

    withdrawals: list[Withdrawal]
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalReason:
    """What a withdrawal is for: the request of a key, or a refund that goes on; who of staff asked, and why."""

    key: str | None = None
    hash: str | None = None
    payment_id: int | None = None
    note: str = ""
    actor_id: int | None = None


# --- By a fan ----------------------------------------------------------------------------------


def withdraw(*, user_id: int, amount: int, idempotency_key: str, now: datetime | None = None) -> Withdrawn:
    """Send `amount` (minor units) of a fan's wallet back to where it came from, the newest top-up first; once a key.

    Providers are asked before this returns: each withdrawal says by its state what came of it. One of which nobody
    knows stays PENDING and is asked about again.

    :raises IdempotencyKeyReused: if the key came before, with another amount
    :raises Invalid: if the amount is none
    :raises TopUpUnavailable: if this house takes no money online
    :raises InsufficientBalance: if the wallet has less
    :raises WithdrawalTooLarge: if less of it came by card, saying how much
    """
    if amount <= 0:
        raise Invalid(_("Enter an amount above 0."), attr="amount")
    asked = request_hash({"withdraw": amount})
    known = withdrawn_before(user_id, idempotency_key, asked)
    if not known:
        current_provider()
        done = take_once(user_id, amount, WithdrawalReason(key=idempotency_key, hash=asked), now)
    else:
        done = Withdrawn(known, is_new=False)
    ask_for(done.withdrawals)
    return done


def withdrawn_before(user_id: int, idempotency_key: str, asked: str) -> list[Withdrawal]:
    """What this key has withdrawn already.

    :raises IdempotencyKeyReused: if that was another request
    """
    own = Withdrawal.objects.of(user_id=user_id).filter(idempotency_key=idempotency_key)
    found = list(own.select_related("top_up").order_by("pk"))
    made_before(found[0] if found else None, asked)
    return found


@transaction.atomic(durable=True)
def take_once(user_id: int, amount: int, reason: WithdrawalReason, now: datetime | None) -> Withdrawn:
    """Take the whole amount off the wallet.

    :raises IdempotencyKeyReused, InsufficientBalance, WithdrawalTooLarge: as `withdraw`
    """
    top_ups = lock_top_ups(user_id)
    balance = lock_balance(user_id)
    # The same request that came at once, and had the locks before.
    known = withdrawn_before(user_id, str(reason.key), str(reason.hash))
    if known:
        return Withdrawn(known, is_new=False)
    require_possible(amount, balance, withdrawable(user_id, balance, top_ups))
    return Withdrawn(take(amount, newest_first(top_ups), reason, now), is_new=True)


def require_possible(amount: int, balance: int, possible: int) -> None:
    """
    :raises InsufficientBalance: if the wallet has less
    :raises WithdrawalTooLarge: if less of it came by card, saying how much
    """
    if amount > balance:
        raise InsufficientBalance
    if amount > possible:
        raise WithdrawalTooLarge(WithdrawalTooLarge.detail % {"left": money(possible)}, attr="amount")


def plan(*, user_id: int, amount: int | None = None) -> list[tuple[TopUp, int]]:
    """How an amount, or all that can go, would go back to which top-up: as things stand, without a lock.

    :raises InsufficientBalance, WithdrawalTooLarge: as `withdraw`
    """
    received = refundable(with_money(user_id))
    balance = wallet_of(user_id).amount
    possible = withdrawable(user_id, balance, received)
    if amount is not None:
        require_possible(amount, balance, possible)
    return list(parts(possible if amount is None else amount, newest_first(received)))


# --- Steps of whoever sends money back ---------------------------------------------------------


def lock_top_ups(user_id: int) -> list[TopUp]:
    """A fan's top-ups that still hold money which can go back, locked until the transaction ends.

    Of two withdrawals the second waits here. By id, and before payment and balance, as everywhere.
    """
    return refundable(with_money(user_id).select_for_update(no_key=True))


def refundable(top_ups: Iterable[TopUp]) -> list[TopUp]:
    """Those that came by a provider that is there to give back."""
    return [each for each in top_ups if can_refund(each.provider)]


def with_money(user_id: int) -> TopUpQuerySet:
    """A fan's top-ups of which something is left, by id."""
    return TopUp.objects.of(user_id=user_id).filter(state__in=WITH_MONEY).order_by("pk")


def withdrawable(user_id: int, balance: int, top_ups: Sequence[TopUp]) -> int:
    """How much of this balance can go back by these top-ups."""
    left = sum(each.amount - each.refunded for each in top_ups)
    return min(balance, left, card_money_of(user_id)) if left else 0


def pass_on(
    amount: int,
    top_ups: Sequence[TopUp],
    reason: WithdrawalReason,
    *,
    user_id: int,
    reservation_id: int,
    now: datetime | None,
) -> list[Withdrawal]:
    """Send a refund, or as much of it as can go, on to the card, first by the top-up that paid for this reservation.

    A step of the transaction that has put it into the wallet, behind `lock_top_ups`. What can't go stays in the wallet.
    """
    possible = min(amount, withdrawable(user_id, lock_balance(user_id), top_ups))
    own_first = sorted(newest_first(top_ups), key=lambda each: reservation_id not in each.reservations)
    return take(possible, own_first, reason, now)


def would_go(refunds: Mapping[int, int], *, user_id: int) -> int:
    """How much of these refunds, a sum by payment, would go on to the card: as things stand, without a lock."""
    received = refundable(with_money(user_id))
    left = sum(each.amount - each.refunded for each in received)
    return min(sum(refunds.values()), left, card_money_of(user_id, refunds)) if left else 0


def newest_first(top_ups: Sequence[TopUp]) -> list[TopUp]:
    """In the order in which they are taken from."""
    return sorted(top_ups, key=lambda each: -each.pk)


def parts(amount: int, top_ups: Sequence[TopUp]) -> Iterator[tuple[TopUp, int]]:
    """How an amount is taken from top-ups, in their order."""
    for each in top_ups:
        part = min(amount, each.amount - each.refunded)
        if part > 0:
            yield each, part
            amount -= part


def take(amount: int, top_ups: Sequence[TopUp], reason: WithdrawalReason, now: datetime | None) -> list[Withdrawal]:
    """Take an amount off the wallet, one withdrawal a top-up: a step behind the locks of both.

    :raises InsufficientBalance: if the wallet has less
    """
    at = now or timezone.now()
    return [take_part(top_up, part, reason, at) for top_up, part in parts(amount, top_ups)]


def take_part(top_up: TopUp, amount: int, reason: WithdrawalReason, at: datetime) -> Withdrawal:
    order = {
        "top_up": top_up.pk,
        "amount": amount,
        "reference": uuid.uuid4().hex,
        "payment": reason.payment_id,
        "key": reason.key,
        "hash": reason.hash,
        "note": reason.note,
        "actor": reason.actor_id,
        "most": LARGEST_BALANCE,
        "next_look_at": at + timedelta(seconds=FIRST_LOOK),
        "now": at,
    }
    made = fetch_one(TAKE, order)["id"]
    if made is None:
        raise InsufficientBalance
    return Withdrawal.objects.select_related("top_up").get(pk=made)


# --- At the provider ---------------------------------------------------------------------------


def ask_for(withdrawals: Sequence[Withdrawal]) -> bool:
    """Have providers pay out what is under way, outside of transactions, and note what they say; whether all answered.

    After one that is away the others aren't asked: all of them are looked after by the reconciler.
    """
    for each in withdrawals:
        if each.state == WithdrawalState.PENDING:
            try:
                settle(each, refund(each))
            except ProviderAway as error:
                log.warning("Withdrawal %s: %s is away: %s", each.pk, each.top_up.provider, error)
                return False
    return True


def refund(withdrawal: Withdrawal) -> RefundOutcome:
    """Have the provider pay it out; it does so once, however often it is asked.

    :raises ProviderAway: if nobody knows
    """
    require_provider(withdrawal)
    try:
        return provider_of(withdrawal.top_up).refund(order_of(withdrawal))
    except ProviderRefused as error:
        log.warning("Withdrawal %s was refused by %s: %s", withdrawal.pk, withdrawal.top_up.provider, error)
        return RefundOutcome(status=ProviderStatus.FAILED, failure=error.code)


def look_up(withdrawal: Withdrawal) -> RefundOutcome:
    """How it stands at its provider; one that was never heard of there, since we died before asking, is asked for.

    :raises ProviderAway: if nobody knows
    """
    require_provider(withdrawal)
    provider = provider_of(withdrawal.top_up)
    outcome = provider.look_up_refund(order_of(withdrawal), withdrawal.provider_reference)
    # As it stands now: refused meanwhile it is back in the wallet, and asked for again it would be paid out as well.
    if outcome.status == ProviderStatus.UNKNOWN and Withdrawal.objects.open().filter(pk=withdrawal.pk).exists():
        return refund(withdrawal)
    return outcome


def require_provider(withdrawal: Withdrawal) -> None:
    """
    :raises ProviderAway: if this installation has the provider no more: staff put it back, or pay by hand
    """
    if not can_refund(withdrawal.top_up.provider):
        raise ProviderAway("provider_gone")


def order_of(withdrawal: Withdrawal) -> RefundOrder:
    return RefundOrder(
        reference=withdrawal.reference,
        payment_reference=withdrawal.top_up.reference,
        payment_provider_reference=withdrawal.top_up.provider_reference,
        amount=withdrawal.amount,
        currency=withdrawal.top_up.currency,
        reason=withdrawal.note or "Refund",
    )


def settle(withdrawal: Withdrawal, outcome: RefundOutcome, *, now: datetime | None = None) -> Withdrawal:
    """Take note of how a withdrawal stands at its provider: paid out, failed and back in the wallet, or under way."""
    if outcome.status == ProviderStatus.SUCCEEDED:
        end(withdrawal, WithdrawalState.SUCCEEDED, outcome, now)
    elif outcome.status in (ProviderStatus.FAILED, ProviderStatus.EXPIRED):
        end(withdrawal, WithdrawalState.FAILED, outcome, now)
    elif outcome.status == ProviderStatus.OPEN and outcome.provider_reference:
        own = Withdrawal.objects.open().filter(pk=withdrawal.pk)
        own.update(provider_reference=outcome.provider_reference)
    withdrawal.refresh_from_db(fields=SETTLED)
    return withdrawal


SETTLED = ["state", "failure", "provider_reference", "return_entry", "updated_state_at", "next_look_at"]


def end(withdrawal: Withdrawal, to: WithdrawalState, outcome: RefundOutcome, now: datetime | None) -> None:
    """End it, in one transaction with its way back into the wallet if it failed."""
    failure = (outcome.failure or "failed")[:100] if to == WithdrawalState.FAILED else ""
    order = {
        "withdrawal": withdrawal.pk,
        "state": to.value,
        "failure": failure,
        "provider_reference": outcome.provider_reference,
        "most": LARGEST_BALANCE,
        "now": now,
    }
    refusal = fetch_one(SETTLE, order)["refusal"]
    own = Withdrawal.objects.filter(pk=withdrawal.pk)
    if refusal == "balance_too_large":
        log.critical("Withdrawal %s came back, and the wallet of fan %s is full", withdrawal.pk, withdrawal.user_id)
        own.open().update(failure=refusal, next_look_at=None)
    elif refusal and to == WithdrawalState.SUCCEEDED and own.filter(state=WithdrawalState.FAILED).exists():
        log.critical("Withdrawal %s was paid out after it had come back to the wallet", withdrawal.pk)
        own.update(failure="paid_out_after_return")


def note_outcome_mailed(withdrawals: Sequence[Withdrawal], *, now: datetime | None = None) -> None:
    """Their fan was told how these have ended; not so what has ended otherwise since."""
    for each in withdrawals:
        Withdrawal.objects.filter(pk=each.pk, state=each.state).update(outcome_mail_at=now or Now())
