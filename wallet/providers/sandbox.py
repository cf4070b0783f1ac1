"""The sandbox: a provider that takes no real money, and behaves like one that does. For demo and test alone.

Its book is a table of its own, which our code reads by this class alone, as it would ask a real one. The page on which
a fan "pays" writes into it (wallet/views/sandbox.py).
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from concert_site.lib.zones import bounds_of
from wallet.models import SandboxPayment
from wallet.providers.base import (
    BookLine,
    Order,
    Outcome,
    PayPage,
    ProviderRefused,
    ProviderStatus,
    RefundOrder,
    RefundOutcome,
    Started,
    WebhookMessage,
)

METHOD = "Sandbox 4242"


class Sandbox:
    """The provider of demo and test."""

    name = "sandbox"

    def check(self) -> list[str]:
        """In production it would give money away."""
        return ["WALLET_PROVIDER=sandbox gives money away"] if settings.IS_PRODUCTION else []

    def start(self, order: Order) -> Started:
        """Note it, and send the fan to the sandbox's page; an app has it paid at once, unless the setting says no."""
        payment, _is_new = SandboxPayment.objects.get_or_create(
            reference=order.reference,
            defaults={"amount": order.amount, "currency": order.currency, "created_at": timezone.now()},
        )
        if (payment.amount, payment.currency) != (order.amount, order.currency):
            raise ProviderRefused("reference_reused")
        is_paid = order.is_by_app and settings.SANDBOX_CREDITS_AT_ONCE
        if is_paid:
            pay(order.reference)
        return Started(
            provider_reference=f"sandbox_{payment.pk}",
            next_url=None if is_paid else reverse("sandbox_payment", args=[order.reference]),
            is_paid=is_paid,
        )

    def confirm(self, order: Order, provider_reference: str | None, returned: Mapping[str, str]) -> Outcome:
        """Nothing is left to do."""
        return self.look_up(order, provider_reference)

    def look_up(self, order: Order, provider_reference: str | None) -> Outcome:
        payment = SandboxPayment.objects.filter(reference=order.reference).first()
        if payment is None:
            return Outcome(status=ProviderStatus.UNKNOWN)
        return Outcome(
            status=status_of(payment),
            provider_reference=f"sandbox_{payment.pk}",
            amount=payment.amount,
            currency=payment.currency,
            method=METHOD,
            failure=payment.failure,
            refunded=payment.refunded,
        )

    def cancel(self, order: Order, provider_reference: str | None) -> Outcome:
        """Close it unless it is paid."""
        SandboxPayment.objects.filter(reference=order.reference, succeeds_at=None, failed_at=None).update(
            failed_at=timezone.now(), failure="canceled"
        )
        return self.look_up(order, provider_reference)

    def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give it back, once a reference."""
        with transaction.atomic():
            payment = SandboxPayment.objects.select_for_update().get(reference=order.payment_reference)
            if order.reference not in payment.refunds:
                if payment.is_card_closed:
                    return RefundOutcome(status=ProviderStatus.FAILED, failure="card_closed")
                if payment.refunded + order.amount > payment.amount:
                    return RefundOutcome(status=ProviderStatus.FAILED, failure="more_than_was_paid")
                payment.refunds[order.reference] = {"amount": order.amount, "at": timezone.now().isoformat()}
                payment.refunded += order.amount
                payment.save(update_fields=["refunds", "refunded"])
        return RefundOutcome(status=ProviderStatus.SUCCEEDED, provider_reference=f"sandbox_{order.reference}")

    def look_up_refund(self, order: RefundOrder, provider_reference: str | None) -> RefundOutcome:
        payment = SandboxPayment.objects.filter(reference=order.payment_reference).first()
        if payment is None or order.reference not in payment.refunds:
            return RefundOutcome(status=ProviderStatus.UNKNOWN)
        return RefundOutcome(status=ProviderStatus.SUCCEEDED, provider_reference=f"sandbox_{order.reference}")

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookMessage:
        """It sends none."""
        raise ProviderRefused("no_webhooks")

    def pay_page(self, order: Order, data: Mapping[str, Any]) -> PayPage | None:  # Any: as in the protocol
        """It has a page of its own."""
        return None

    def book_of(self, day: date) -> list[BookLine]:
        start, end = bounds_of(day)
        lines = [
            line_of(payment, payment.reference, payment.amount, payment.succeeds_at)
            for payment in SandboxPayment.objects.filter(succeeds_at__gte=start, succeeds_at__lt=end)
            if payment.succeeds_at
        ]
        for payment in SandboxPayment.objects.filter(refunded__gt=0):
            for reference, refund in payment.refunds.items():
                at = datetime.fromisoformat(refund["at"])
                if start <= at < end:
                    lines.append(line_of(payment, reference, -refund["amount"], at))
        return lines


def status_of(payment: SandboxPayment) -> ProviderStatus:
    if payment.failed_at:
        return ProviderStatus.FAILED
    if payment.succeeds_at and payment.succeeds_at <= timezone.now():
        return ProviderStatus.SUCCEEDED
    return ProviderStatus.OPEN


def line_of(payment: SandboxPayment, reference: str, amount: int, at: datetime) -> BookLine:
    return BookLine(
        reference=reference, provider_reference=f"sandbox_{payment.pk}", amount=amount, currency=payment.currency, at=at
    )


def pay(reference: str, *, after_seconds: float = 0) -> None:
    """Have it be paid, now or a while later; not what is closed already."""
    SandboxPayment.objects.filter(reference=reference, succeeds_at=None, failed_at=None).update(
        succeeds_at=timezone.now() + timedelta(seconds=after_seconds)
    )


def decline(reference: str) -> None:
    """Have the card turned down."""
    SandboxPayment.objects.filter(reference=reference, succeeds_at=None, failed_at=None).update(
        failed_at=timezone.now(), failure="card_declined"
    )


def close_card(reference: str) -> None:
    """Have the card that has paid it be closed: nothing can go back to it any more."""
    SandboxPayment.objects.filter(reference=reference).update(is_card_closed=True)
