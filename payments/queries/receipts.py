"""How a booking was paid: by which card, from the wallet, when, and what went back. It adds up to the last won."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from payments.models import Payment
from payments.queries import payment_of
from reservations.queries.booking_summaries import BookingSummary
from wallet.models import TopUp
from wallet.queries import sent_on_to_cards


@dataclass(frozen=True, slots=True)
class CardPart:
    """What a card paid of a booking, in minor units."""

    top_up: TopUp
    amount: int


@dataclass(frozen=True)
class BookingReceipt:
    """What was paid for a booking and how, oldest seat first."""

    payments: Sequence[Payment]
    by_card: Sequence[CardPart]
    # What of the refunds went on from the wallet to the card, or is on its way.
    to_card: int = 0

    @cached_property
    def price(self) -> int:
        """What all seats cost that were ever paid."""
        return sum(each.price for each in self.payments)

    @cached_property
    def from_wallet(self) -> int:
        """What of it came from the wallet."""
        return self.price - sum(each.amount for each in self.by_card)

    @cached_property
    def refunded(self) -> int:
        return sum(each.refunded for each in self.payments)

    @cached_property
    def fees(self) -> int:
        return sum(each.refund_fee or 0 for each in self.payments)

    @property
    def amount_paid(self) -> int:
        """What the booking has cost by now: seats that are kept, and fees of those that were given back."""
        return self.price - self.refunded


def receipt_of(booking: BookingSummary, *, user_id: int) -> BookingReceipt | None:
    """The receipt of a booking; None while nothing of it was ever paid. Three queries, whatever its seats."""
    payments = [each for booked in booking.seats if (each := payment_of(booked.reservation))]
    if not payments:
        return None
    by_card = card_parts(payments, user_id=user_id)
    return BookingReceipt(payments, by_card, to_card=sent_on_to_cards(each.pk for each in payments))


def card_parts(payments: Iterable[Payment], *, user_id: int) -> list[CardPart]:
    """What cards paid of these payments, oldest first.

    A card that paid several bookings at once is shared among them: the wallet's money goes to the seats that were
    booked first, the card's to the rest. So the receipts of all of them add up to what the card was charged.
    """
    own = {each.pk for each in payments}
    reservations = [each.reservation_id for each in payments]
    top_ups = list(
        TopUp.objects.of(user_id=user_id)
        .filter(outcome=TopUp.PAID, reservations__overlap=reservations)
        .select_related("entry")
        .order_by("pk")
    )
    if not top_ups:
        return []
    named = {pk for top_up in top_ups for pk in top_up.reservations}
    paid = list(Payment.objects.of(user_id=user_id).filter(reservation__in=named).order_by("-reservation_id"))
    shares = [CardPart(top_up, share_of(top_up, paid, own)) for top_up in top_ups]
    return [each for each in shares if each.amount]


def share_of(top_up: TopUp, paid: Iterable[Payment], own: set[int]) -> int:
    """What a top-up paid of the payments `own`; `paid` are those of all its reservations, the latest booked first."""
    left, share = top_up.amount, 0
    credited_at = top_up.entry and top_up.entry.created_at
    for payment in paid:
        # Credited and paid in one transaction, at one moment; what was paid before was paid otherwise.
        if payment.reservation_id not in top_up.reservations or payment.created_at != credited_at:
            continue
        part = min(left, payment.price)
        left -= part
        share += part if payment.pk in own else 0
    return share
