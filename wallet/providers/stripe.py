"""Stripe: a PaymentIntent for each top-up, paid on our page by Stripe's own fields, which no card's number leaves.

Stripe's ways of paying (cards, Apple and Google Pay, Kakao Pay, Naver Pay, Korean cards) are those that its dashboard
has on. Every write carries our reference as its idempotency key, which Stripe remembers for a day; what would move
money a second time after that is looked up first. https://docs.stripe.com/api
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import stripe
from babel.numbers import get_currency_precision
from django.conf import settings
from stripe.params import BalanceTransactionListParams, RefundListParams

from concert_site.lib.web.headers import origin_of
from concert_site.lib.zones import bounds_of
from wallet.providers.base import (
    BookLine,
    Order,
    Outcome,
    PayPage,
    ProviderAway,
    ProviderRefused,
    ProviderStatus,
    RefundOrder,
    RefundOutcome,
    Started,
    WebhookMessage,
)
from wallet.providers.stripe_errors import NOT_FOUND, REFUSED_KEYS, asking, knowing

# Seconds to connect; PROVIDER_TIMEOUT is how long an answer may take. The library asks once more by the same key.
CONNECT_TIMEOUT = 3
RETRIES = 1
# How old a webhook may be, in seconds.
TOLERANCE = 300
PAGE = 100

STATUSES = {"succeeded": ProviderStatus.SUCCEEDED, "canceled": ProviderStatus.FAILED}
REFUND_STATUSES = {
    "succeeded": ProviderStatus.SUCCEEDED,
    "failed": ProviderStatus.FAILED,
    "canceled": ProviderStatus.FAILED,
}
# The balance transactions that are about a fan's money. What a bank takes back (a dispute), and what it gives back once
# the dispute is won, are adjustments, of which there are others. https://docs.stripe.com/reports/reporting-categories
MOVEMENTS = {"charge", "payment", "refund", "payment_refund", "payment_failure_refund", "refund_failure"}
CHARGEBACKS = {"dispute", "dispute_reversal"}
# Currencies whose amounts Stripe gives in other units than the rest. https://docs.stripe.com/currencies
NO_DECIMALS = {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
THREE_DECIMALS = {"BHD", "JOD", "KWD", "OMR", "TND"}


class Stripe:
    """The provider of WALLET_PROVIDER=stripe."""

    name = "stripe"

    @cached_property
    def client(self) -> stripe.StripeClient:
        """One for the process: its connections are kept by thread."""
        return self.client_for(settings.PROVIDER_TIMEOUT, retries=RETRIES)

    def client_for(self, seconds: float, *, retries: int) -> stripe.StripeClient:
        """A client that waits so long for an answer, and asks so often again."""
        return stripe.StripeClient(
            settings.STRIPE_SECRET_KEY,
            base_addresses={"api": settings.STRIPE_API_BASE},
            http_client=stripe.RequestsClient(timeout=(CONNECT_TIMEOUT, seconds)),
            max_network_retries=retries,
        )

    # --- Settings ------------------------------------------------------------------------------

    def check(self) -> list[str]:
        """Keys that are missing or of two modes, a currency in other units; then whether Stripe takes the key."""
        names = ("STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET")
        if missing := [name for name in names if not getattr(settings, name)]:
            return [f"{name} is not set, and Stripe takes the money" for name in missing]
        wrong = []
        if mode_of(settings.STRIPE_SECRET_KEY) != mode_of(settings.STRIPE_PUBLISHABLE_KEY):
            wrong.append("STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY are not both test or both live")
        if decimals_of(settings.CURRENCY) != get_currency_precision(settings.CURRENCY):
            wrong.append(f"CURRENCY={settings.CURRENCY} is counted in other units by Stripe than here")
        return wrong or self.check_key()

    def check_key(self) -> list[str]:
        """Whether Stripe takes the key; while it doesn't answer, nobody can say."""
        try:
            with asking():
                self.client_for(CONNECT_TIMEOUT, retries=0).v1.balance.retrieve()
        except ProviderAway:
            return []
        except ProviderRefused as error:
            return [f"STRIPE_SECRET_KEY is refused by {settings.STRIPE_API_BASE} ({error.code})"]
        return []

    # --- Payments ------------------------------------------------------------------------------

    def start(self, order: Order) -> Started:
        """Make a PaymentIntent; the same if it was made before."""
        with asking():
            intent = self.client.v1.payment_intents.create(
                {
                    "amount": order.amount,
                    "currency": order.currency.lower(),
                    "metadata": {"reference": order.reference},
                },
                {"idempotency_key": order.reference},
            )
        return Started(provider_reference=intent.id, data={"client_secret": intent.client_secret})

    def confirm(self, order: Order, provider_reference: str | None, returned: Mapping[str, str]) -> Outcome:
        """Stripe's fields have confirmed it already: ask how it stands."""
        return self.look_up(order, provider_reference)

    def look_up(self, order: Order, provider_reference: str | None) -> Outcome:
        """How its PaymentIntent stands. One that a card was declined for can still be paid with another."""
        intent_id = provider_reference or self.found(order)
        if intent_id is None:
            return Outcome(status=ProviderStatus.UNKNOWN)
        with knowing():
            try:
                return outcome_of(self.intent(intent_id))
            except ProviderRefused as error:
                if error.code != NOT_FOUND:
                    raise
        return Outcome(status=ProviderStatus.UNKNOWN)

    def intent(self, intent_id: str) -> dict[str, Any]:  # Any: JSON
        with asking():
            found = self.client.v1.payment_intents.retrieve(intent_id, {"expand": ["latest_charge", "payment_method"]})
        return found.to_dict()

    def found(self, order: Order) -> str | None:
        """The PaymentIntent of an order whose answer was lost; None where Stripe doesn't say.

        Nobody can have paid one: what pays it is in the answer.
        """
        query = f"metadata['reference']:'{order.reference}'"
        try:
            with asking():
                page = self.client.v1.payment_intents.search({"query": query, "limit": 1})
        except ProviderRefused:
            return None
        return page.data[0].id if page.data else None

    def cancel(self, order: Order, provider_reference: str | None) -> Outcome:
        """Cancel its PaymentIntent, unless it is paid or under way at a bank. Without a key: it can be asked anew."""
        intent_id = provider_reference or self.found(order)
        if intent_id is not None:
            with knowing():
                try:
                    with asking():
                        self.client.v1.payment_intents.cancel(intent_id)
                except ProviderRefused as error:
                    if error.code in REFUSED_KEYS:
                        raise
        stands = self.look_up(order, intent_id)
        # What pays one was in an answer that was lost.
        return (
            stands
            if stands.status != ProviderStatus.UNKNOWN
            else Outcome(status=ProviderStatus.FAILED, failure="canceled")
        )

    # --- Refunds -------------------------------------------------------------------------------

    def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give it back, unless that was done: Stripe forgets keys after a day."""
        if known := self.known_refund(order):
            return known
        with knowing():
            try:
                with asking():
                    made = self.client.v1.refunds.create(
                        {
                            "payment_intent": order.payment_provider_reference or "",
                            "amount": order.amount,
                            "metadata": {"reference": order.reference},
                        },
                        {"idempotency_key": order.reference},
                    )
            except ProviderRefused as error:
                if error.code in REFUSED_KEYS:
                    raise
                return RefundOutcome(status=ProviderStatus.FAILED, failure=error.code)
        return refund_outcome_of(made.to_dict())

    def look_up_refund(self, order: RefundOrder, provider_reference: str | None) -> RefundOutcome:
        """How it stands; Stripe may report a refund as failed after it has reported it as made."""
        return self.known_refund(order) or RefundOutcome(status=ProviderStatus.UNKNOWN)

    def known_refund(self, order: RefundOrder) -> RefundOutcome | None:
        params: RefundListParams = {"payment_intent": order.payment_provider_reference or "", "limit": PAGE}
        with knowing(), asking():
            for refund in self.client.v1.refunds.list(params).auto_paging_iter():
                found = refund.to_dict()
                if reference_of(found) == order.reference:
                    return refund_outcome_of(found)
        return None

    # --- Telling -------------------------------------------------------------------------------

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookMessage:
        """What an event is about, if Stripe signed it within the last minutes."""
        if not settings.STRIPE_WEBHOOK_SECRET:
            raise ProviderRefused("not_configured")
        signature = headers.get("stripe-signature", "")
        try:
            event = stripe.Webhook.construct_event(body, signature, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE).to_dict()
            about = event["data"]["object"]
            return WebhookMessage(event_id=event["id"], kind=event["type"], reference=subject_of(about))
        except stripe.SignatureVerificationError as error:
            raise ProviderRefused("bad_signature") from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ProviderRefused("unreadable") from error

    def pay_page(self, order: Order, data: Mapping[str, Any]) -> PayPage | None:  # Any: JSON, as in the protocol
        """Our page with Stripe's fields. What they load: https://docs.stripe.com/security/guide#content-security-policy"""
        js, api = origin_of(settings.STRIPE_JS_URL), origin_of(settings.STRIPE_API_BASE)
        is_real = js == "https://js.stripe.com"
        return PayPage(
            template="wallet/pay_stripe.html",
            context={
                "js_url": settings.STRIPE_JS_URL,
                "widget": {
                    "key": settings.STRIPE_PUBLISHABLE_KEY,
                    "secret": data.get("client_secret", ""),
                    "returnUrl": order.return_url,
                },
            },
            sources={
                "script-src": [js, "https://*.js.stripe.com"] if is_real else [js],
                "frame-src": [js, "https://*.js.stripe.com", "https://hooks.stripe.com"] if is_real else [js],
                "connect-src": [api],
            },
        )

    def book_of(self, day: date) -> list[BookLine]:
        """What Stripe took and gave back on that day, as its balance has it; in the currency that fans paid in."""
        start, end = bounds_of(day)
        with knowing():
            return [
                line_of(entry)
                for entry in self.entries(int(start.timestamp()), int(end.timestamp()))
                if entry["type"] in MOVEMENTS or entry["reporting_category"] in CHARGEBACKS
            ]

    def entries(self, start: int, end: int) -> Iterator[dict[str, Any]]:  # Any: JSON
        """The balance transactions of a time, newest first."""
        listed = self.client.v1.balance_transactions.list
        params: BalanceTransactionListParams = {"limit": PAGE, "expand": ["data.source"]}
        with asking():
            try:
                page = listed({**params, "created": {"gte": start, "lt": end}})
            except stripe.InvalidRequestError:
                # An emulator that can't choose by time: it too gives the newest first.
                page = listed(params)
            for entry in page.auto_paging_iter():
                if entry.created < start:
                    return
                if entry.created < end:
                    yield entry.to_dict()


# --- Stripe's objects, in our words ------------------------------------------------------------


def outcome_of(intent: Mapping[str, Any]) -> Outcome:
    status = STATUSES.get(intent["status"], ProviderStatus.OPEN)
    if intent.get("cancellation_reason") == "automatic":
        status = ProviderStatus.EXPIRED
    return Outcome(
        status=status,
        provider_reference=intent["id"],
        amount=intent.get("amount_received") or intent["amount"],
        currency=intent["currency"].upper(),
        method=method_of(intent.get("payment_method")),
        failure="" if status == ProviderStatus.SUCCEEDED else failure_of(intent),
        refunded=(intent.get("latest_charge") or {}).get("amount_refunded", 0),
    )


def failure_of(intent: Mapping[str, Any]) -> str:
    """Why it isn't paid, in Stripe's words: what the bank said, if it said more than no."""
    error = intent.get("last_payment_error") or {}
    found = error.get("decline_code") or error.get("code") or ""
    return str(found or ("canceled" if intent["status"] == "canceled" else ""))


def method_of(method: Mapping[str, Any] | None) -> str:
    """What was paid with, as fans call it: "Visa 4242", "Kakao Pay"."""
    if not method:
        return ""
    kind = method["type"]
    details = method.get(kind) or {}
    wallet = (details.get("wallet") or {}).get("type")
    name = wallet or details.get("display_brand") or details.get("brand") or kind
    return f"{str(name).replace('_', ' ').title()} {details.get('last4') or ''}".strip()


def refund_outcome_of(refund: Mapping[str, Any]) -> RefundOutcome:
    return RefundOutcome(
        status=REFUND_STATUSES.get(refund["status"], ProviderStatus.OPEN),
        provider_reference=refund["id"],
        failure=refund.get("failure_reason") or "",
    )


def reference_of(thing: Mapping[str, Any]) -> str:
    """Our reference of what was made by us, "" of anything else. Charges have that of their PaymentIntent."""
    return str((thing.get("metadata") or {}).get("reference", ""))


def subject_of(thing: Mapping[str, Any]) -> str:
    """What an event is about: our reference, or Stripe's name of the payment."""
    kind = thing.get("object")
    payment = thing.get("id") if kind == "payment_intent" else thing.get("payment_intent")
    return reference_of(thing) or str(payment or "")


def line_of(entry: Mapping[str, Any]) -> BookLine:
    """A balance transaction, its source expanded: that has the amount in the currency that the fan paid in."""
    source = entry["source"]
    is_refund = source["object"] == "refund"
    return BookLine(
        reference=reference_of(source),
        provider_reference=source["id"] if is_refund else source.get("payment_intent") or source["id"],
        amount=source["amount"] if entry["amount"] > 0 else -source["amount"],
        currency=source["currency"].upper(),
        at=datetime.fromtimestamp(entry["created"], tz=UTC),
    )


def mode_of(key: str) -> str:
    """`test` or `live`."""
    return key.split("_")[1]


def decimals_of(currency: str) -> int:
    """How many decimals Stripe's amounts have in a currency."""
    return 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
