"""A provider with webhooks, for tests: its messages are signed, its book is what a test writes, it may be away."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import date

from wallet.models import TopUp
from wallet.providers.base import (
    BookLine,
    Order,
    Outcome,
    ProviderRefused,
    ProviderStatus,
    RefundOrder,
    RefundOutcome,
    Started,
    WebhookMessage,
)

SECRET = b"whsec-of-the-tests"
OLDEST_SECONDS = 300


class Signed:
    """What it takes is in `payments`, by our reference. `asked` notes each question; `before` is called first."""

    name = "wallet.tests.signed_provider.Signed"

    def __init__(self):
        self.payments: dict[str, Outcome] = {}
        self.refunds: dict[str, int] = {}
        self.lines: dict[date, list[BookLine]] = {}
        self.asked: list[tuple[str, str]] = []
        self.before: Callable[[], None] = lambda: None
        self.fails_with: Exception | None = None

    def ask(self, what: str, reference: str) -> None:
        self.asked.append((what, reference))
        self.before()
        if self.fails_with:
            raise self.fails_with

    def check(self):
        return []

    def start(self, order: Order) -> Started:
        self.ask("start", order.reference)
        self.payments[order.reference] = Outcome(
            status=ProviderStatus.OPEN, provider_reference=f"pay_{order.reference}"
        )
        return Started(provider_reference=f"pay_{order.reference}", next_url="https://pay.example.com/")

    def pay(self, top_up: TopUp, **changes: object) -> None:
        """The fan pays what was ordered, or something else."""
        paid = {"amount": top_up.amount, "currency": "krw", "method": "Visa 4242"} | changes
        reference = f"pay_{top_up.reference}"
        self.payments[top_up.reference] = Outcome(status=ProviderStatus.SUCCEEDED, provider_reference=reference, **paid)

    def look_up(self, order: Order, provider_reference: str | None) -> Outcome:
        self.ask("look_up", order.reference)
        return self.payments.get(order.reference, Outcome(status=ProviderStatus.UNKNOWN))

    def cancel(self, order: Order, provider_reference: str | None) -> Outcome:
        self.ask("cancel", order.reference)
        if self.payments[order.reference].status == ProviderStatus.OPEN:
            self.payments[order.reference] = Outcome(status=ProviderStatus.EXPIRED)
        return self.payments[order.reference]

    def refund(self, order: RefundOrder) -> RefundOutcome:
        self.ask("refund", order.reference)
        self.refunds[order.reference] = order.amount
        return RefundOutcome(status=ProviderStatus.SUCCEEDED, provider_reference=f"re_{order.reference}")

    def look_up_refund(self, order: RefundOrder, provider_reference: str | None) -> RefundOutcome:
        self.ask("look_up_refund", order.reference)
        known = order.reference in self.refunds
        return RefundOutcome(status=ProviderStatus.SUCCEEDED if known else ProviderStatus.UNKNOWN)

    def parse_webhook(self, headers, body: bytes) -> WebhookMessage:
        try:
            at, signature = headers["x-signature"].split(",")
            is_young = abs(time.time() - int(at)) <= OLDEST_SECONDS
        except (KeyError, ValueError):
            raise ProviderRefused("no_signature") from None
        if not is_young or not hmac.compare_digest(signature, sign(at, body)):
            raise ProviderRefused("bad_signature")
        said = json.loads(body)
        return WebhookMessage(event_id=said["id"], kind=said["kind"], reference=said.get("reference", ""))

    def book_of(self, day: date) -> list[BookLine]:
        self.ask("book_of", str(day))
        return self.lines.get(day, [])


def sign(at: str, body: bytes) -> str:
    return hmac.new(SECRET, f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def message(event_id: str, reference: str = "", *, kind: str = "payment.changed", age: int = 0) -> tuple[bytes, dict]:
    """The body and the headers of a webhook."""
    body = json.dumps({"id": event_id, "kind": kind, "reference": reference}).encode()
    at = str(int(time.time()) - age)
    return body, {"x-signature": f"{at},{sign(at, body)}"}
