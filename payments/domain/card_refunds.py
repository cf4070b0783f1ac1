"""Refunds that go on to the card: into the wallet as always, and out of it again, in one transaction.

Then, outside of it, the provider is asked. What didn't come by card stays in the wallet, and so does all of it where
this house has no provider; what the card doesn't take comes back there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from concert_site.lib.database.statements import fetch_one
from payments.domain import refunds
from payments.domain.ceilings import require_for_one
from payments.domain.refunds import Cancellation
from payments.models import Payment, RefundTo
from payments.queries import payment_of
from reservations.queries import bookings
from wallet.domain import top_ups, withdrawals
from wallet.domain.withdrawals import WithdrawalReason
from wallet.models import TopUp, Withdrawal
from wallet.providers import TopUpMode, top_up_mode
from wallet.queries import wallet_of, withdrawals_of_payment

# The seat and the reservation are locked before the top-ups, as everywhere.
LOCK_PAID = "select fan, seat from lock_paid(%(reservation)s::bigint)"


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund by staff: whether there was something to refund, and what of it goes on to the card."""

    is_new: bool
    withdrawals: Sequence[Withdrawal] = ()


# --- By the fan --------------------------------------------------------------------------------


def cancel(
    *, user_id: int, reservation_id: int, refund_to: RefundTo, agreed: int | None = None, now: datetime | None = None
) -> Cancellation:
    """Cancel a fan's own reservation as `refunds.cancel` does, and have the refund go where they want it.

    The provider is asked before this returns. Again: no change, and the withdrawals as they stand now.

    :raises NotFound, RefundClosed, FeeChanged, BalanceTooLarge: as `refunds.cancel` does
    """
    if refund_to == RefundTo.CARD:
        done = cancel_to_card(user_id, reservation_id, agreed, now)
        withdrawals.ask_for(done.withdrawals)
        end_payment_of_hold(done, user_id)
        return replace(done, balance=wallet_of(user_id).amount) if done.withdrawals else done
    done = refunds.cancel(user_id=user_id, reservation_id=reservation_id, agreed=agreed, now=now)
    end_payment_of_hold(done, user_id)
    return replace(done, withdrawals=withdrawals_before(done))


def end_payment_of_hold(done: Cancellation, user_id: int) -> None:
    """Who gave a held seat back has nothing to pay for it any more, whatever page is open elsewhere."""
    if payment_of(done.reservation) is None:
        top_ups.abandon_all_for([done.reservation.pk], user_id=user_id)


@transaction.atomic(durable=True)
def cancel_to_card(user_id: int, reservation_id: int, agreed: int | None, now: datetime | None) -> Cancellation:
    """The transaction of it.

    :raises NotFound, RefundClosed, FeeChanged, BalanceTooLarge: as `refunds.cancel` does
    """
    bookings.own(reservation_id, user_id=user_id)
    top_ups = lock_way_back(reservation_id)
    done = refunds.cancel(user_id=user_id, reservation_id=reservation_id, agreed=agreed, now=now)
    payment = payment_of(done.reservation)
    if payment is None or not top_ups:
        return replace(done, withdrawals=withdrawals_of_payment(payment.pk) if payment else [])
    return replace(done, withdrawals=pass_on(payment, top_ups, WithdrawalReason(payment_id=payment.pk), now))


def cancel_together(
    *, user_id: int, agreed: Mapping[int, int], refund_to: RefundTo, now: datetime | None = None
) -> list[Cancellation]:
    """Cancel a fan's own reservations, each for the fee that was agreed for it.

    Each is a transaction of its own: where one is refused, those before it are canceled, and asking again with
    what is left is right.

    :raises NotFound, RefundClosed, FeeChanged: as `refunds.cancel` does
    """
    return [
        cancel(user_id=user_id, reservation_id=reservation_id, agreed=fee, refund_to=refund_to, now=now)
        for reservation_id, fee in sorted(agreed.items())
    ]


def withdrawals_before(done: Cancellation) -> list[Withdrawal]:
    """What of this refund went on to the card when it was canceled first; nobody is asked if that is now."""
    payment = payment_of(done.reservation)
    if payment is None or payment.updated_state_at == done.reservation.read_at:
        return []
    return withdrawals_of_payment(payment.pk)


# --- By staff ----------------------------------------------------------------------------------


def refund_by_staff(
    *,
    reservation_id: int,
    actor_id: int,
    note: str,
    refund_to: RefundTo = RefundTo.WALLET,
    fee: int = 0,
    now: datetime | None = None,
) -> Refunded:
    """Refund any paid reservation, at any time, with a fee in minor units and a reason, and ask the provider.

    :raises NotFound: if there is no such reservation
    :raises Invalid: without a reason, or with a fee that is negative or above the price
    :raises ApprovalRequired: if it is more than this member of staff may refund alone: a second person is asked
    :raises BalanceTooLarge: if the wallet would hold too much
    """
    refunds.require_refund_order(reservation_id, note=note, fee=fee)
    require_for_one(reservation_id, fee=fee, note=note, actor_id=actor_id, refund_to=refund_to, now=now)
    return refund_and_ask(reservation_id, fee=fee, note=note, actor_id=actor_id, refund_to=refund_to, now=now)


def refund_and_ask(
    reservation_id: int, *, fee: int, note: str, actor_id: int, refund_to: RefundTo, now: datetime | None = None
) -> Refunded:
    """Refund what may be refunded, and ask the provider.

    :raises BalanceTooLarge: if the wallet would hold too much
    """
    done = refund(reservation_id, fee=fee, note=note, actor_id=actor_id, refund_to=refund_to, now=now)
    withdrawals.ask_for(done.withdrawals)
    return done


def refund(
    reservation_id: int, *, fee: int, note: str, actor_id: int, refund_to: RefundTo, now: datetime | None = None
) -> Refunded:
    """Refund a paid reservation, in one transaction with what goes on to the card; whoever calls it asks the provider.

    :raises BalanceTooLarge: if the wallet would hold too much
    """
    if refund_to == RefundTo.WALLET:
        return Refunded(refunds.refund(reservation_id, fee=fee, note=note, actor_id=actor_id, now=now))
    with transaction.atomic(durable=True):
        top_ups = lock_way_back(reservation_id)
        is_new = refunds.refund(reservation_id, fee=fee, note=note, actor_id=actor_id, now=now)
        if not is_new or not top_ups:
            return Refunded(is_new)
        payment = Payment.objects.get(reservation_id=reservation_id)
        reason = WithdrawalReason(payment_id=payment.pk, note=note, actor_id=actor_id)
        return Refunded(is_new, pass_on(payment, top_ups, reason, now))


# --- Steps of both -----------------------------------------------------------------------------


def lock_way_back(reservation_id: int) -> list[TopUp]:
    """The top-ups by which a refund can go back, locked behind seat and reservation; none of what isn't paid."""
    paid = fetch_one(LOCK_PAID, {"reservation": reservation_id})
    if paid["seat"] is None or top_up_mode() is TopUpMode.NONE:
        return []
    return withdrawals.lock_top_ups(paid["fan"])


def pass_on(
    payment: Payment, top_ups: Sequence[TopUp], reason: WithdrawalReason, now: datetime | None
) -> list[Withdrawal]:
    """Send on what of this refund, which is in the wallet, came by card."""
    return withdrawals.pass_on(
        payment.refunded,
        top_ups,
        reason,
        user_id=payment.user_id,
        reservation_id=payment.reservation_id,
        now=now,
    )


def would_go_to_card(payments: Mapping[int, int], *, user_id: int) -> int:
    """How much of these refunds, a sum by payment, would go on to the card."""
    if top_up_mode() is TopUpMode.NONE or not payments:
        return 0
    return withdrawals.would_go(payments, user_id=user_id)
