"""Orders and refunds for the tests of providers, with dull defaults."""

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from wallet.providers.base import Order, RefundOrder


def make_order(amount: int = 66_000, **fields: object) -> Order:
    """What a provider is asked to collect."""
    defaults: dict[str, object] = {
        "reference": uuid4().hex,
        "currency": "KRW",
        "description": "Frontrow",
        "return_url": "https://tickets.example.com/wallet/top-ups/1/",
        "expires_at": timezone.now() + timedelta(minutes=10),
    }
    return Order(amount=amount, **(defaults | fields))


def make_refund(order: Order, provider_reference: str, amount: int) -> RefundOrder:
    """What it is asked to give back of it."""
    return RefundOrder(
        reference=uuid4().hex,
        payment_reference=order.reference,
        payment_provider_reference=provider_reference,
        amount=amount,
        currency=order.currency,
        reason="asked for",
    )
