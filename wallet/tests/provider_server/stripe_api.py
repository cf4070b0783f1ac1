"""Stripe's part: PaymentIntents, refunds, balance, events. https://docs.stripe.com/api"""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from stripe import WebhookSignature

from wallet.tests.provider_server.wire import Answer, Keys, Refused, Request

SECRET_KEY, PUBLISHABLE_KEY, WEBHOOK_SECRET = "sk_test_provider", "pk_test_provider", "whsec_provider"
Json = dict[str, Any]


def refused(status: int, code: str | None = None, kind: str = "invalid_request_error", **more: Any) -> Refused:
    """An error as Stripe words it."""
    error = {"type": kind, "message": "What it says is for people.", **({"code": code} if code else {}), **more}
    return Refused(status, {"error": error})


class StripeApi:
    """Its objects by id; `book` is what moved."""

    name = "stripe"

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.keys = Keys()
        self.secret_key = SECRET_KEY
        # Cards that refunds can't reach, by the reference of the payment; refunds that take their time.
        self.closed: set[str] = set()
        self.is_refund_slow = False
        self.intents: dict[str, Json] = {}
        self.charges: dict[str, Json] = {}
        self.refunds: dict[str, Json] = {}
        self.disputes: dict[str, Json] = {}
        self.methods: dict[str, Json] = {}
        self.entries: list[Json] = []
        self.events: list[Json] = []
        self.book: list[Json] = []
        self.routes = [
            ("POST", r"/v1/payment_intents", self.create_intent),
            ("GET", r"/v1/payment_intents/search", self.search_intents),
            ("GET", r"/v1/payment_intents/(\w+)", self.get_intent),
            ("POST", r"/v1/payment_intents/(\w+)/cancel", self.cancel_intent),
            ("POST", r"/v1/refunds", self.create_refund),
            ("GET", r"/v1/refunds", self.list_refunds),
            ("GET", r"/v1/balance_transactions", self.list_entries),
            ("GET", r"/v1/balance", lambda request: {"object": "balance", "available": [], "pending": []}),
        ]

    def settings(self, url: str) -> dict[str, str]:
        return {
            "STRIPE_SECRET_KEY": SECRET_KEY,
            "STRIPE_PUBLISHABLE_KEY": PUBLISHABLE_KEY,
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "STRIPE_API_BASE": url,
            "STRIPE_JS_URL": f"{url}/js/stripe.js",
        }

    # --- HTTP ----------------------------------------------------------------------------------

    def answer(self, request: Request, *, spoils: bool) -> Answer:
        """Do it, once a key; `spoils`: and answer 500, which that key gives from then on."""
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        asked = (request.path, sorted(request.body.items()))
        try:
            if request.headers.get("authorization") != f"Bearer {self.secret_key}":
                raise refused(401)
            if key and (given := self.keys.find(key, asked)):
                return given
            said = Answer.of(200, self.route(request))
        except Refused as refusal:
            said = Answer.of(refusal.status, refusal.body)
            # What Stripe turns down before it begins, a key doesn't keep.
            key = key if refusal.status == 402 else None
        if spoils:
            said = Answer.of(500, {"error": {"type": "api_error", "message": "Something broke."}})
        if key:
            self.keys.keep(key, asked, said)
        return said

    def route(self, request: Request) -> Any:
        for method, pattern, view in self.routes:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                return view(request, *found.groups())
        raise refused(404)

    # --- PaymentIntents ------------------------------------------------------------------------

    def create_intent(self, request: Request) -> Json:
        body = request.body
        if unknown := body.keys() - {"amount", "currency", "metadata[reference]"}:
            raise refused(400, "parameter_unknown", param=min(unknown))
        if int(body["amount"]) < 1:
            raise refused(400, "parameter_invalid_integer", param="amount")
        if int(body["amount"]) < 100:
            raise refused(400, "amount_too_small")
        pk = f"pi_{uuid4().hex}"
        self.intents[pk] = {
            "id": pk,
            "object": "payment_intent",
            "amount": int(body["amount"]),
            "amount_capturable": 0,
            "amount_received": 0,
            "automatic_payment_methods": {"enabled": True},
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic_async",
            "client_secret": f"{pk}_secret_{uuid4().hex}",
            "confirmation_method": "automatic",
            "created": int(self.now()),
            "currency": body["currency"],
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": {"reference": body.get("metadata[reference]", "")},
            "next_action": None,
            "payment_method": None,
            "payment_method_types": ["card", "kakao_pay"],
            "status": "requires_payment_method",
        }
        return self.intents[pk]

    def search_intents(self, request: Request) -> Json:
        found = re.fullmatch(r"metadata\['reference'\]:'(\w+)'", request.query["query"])
        assert found
        data = [each for each in self.intents.values() if each["metadata"]["reference"] == found[1]]
        return {"object": "search_result", "data": data[:1], "has_more": False, "url": request.path}

    def get_intent(self, request: Request, pk: str) -> Json:
        shown = dict(self.intent(pk))
        for name, objects in (("latest_charge", self.charges), ("payment_method", self.methods)):
            if name in expanded(request):
                shown[name] = objects.get(shown[name] or "")
        return shown

    def cancel_intent(self, request: Request, pk: str) -> Json:
        intent = self.intent(pk)
        if intent["status"] in ("succeeded", "processing", "canceled"):
            raise refused(400, "payment_intent_unexpected_state")
        intent.update(status="canceled", canceled_at=int(self.now()), cancellation_reason=None)
        self.tell("payment_intent.canceled", intent)
        return intent

    def intent(self, pk: str) -> Json:
        if pk not in self.intents:
            raise refused(404, "resource_missing", param="intent")
        return self.intents[pk]

    # --- What fans and banks do ----------------------------------------------------------------

    def of(self, reference: str) -> Json:
        """The PaymentIntent of a reference of ours, or of Stripe's."""
        known = [each for each in self.intents.values() if reference in (each["id"], each["metadata"]["reference"])]
        return known[-1]

    def pay(self, reference: str, kind: str = "card") -> Json:
        """A fan pays. What was paid or canceled can't be."""
        intent = self.of(reference)
        if intent["status"] not in ("requires_payment_method", "processing"):
            return intent
        method = {"id": f"pm_{uuid4().hex}", "object": "payment_method", "type": kind, kind: {}}
        if kind == "card":
            method["card"] = {"brand": "visa", "last4": "4242", "wallet": None}
        charge = self.charge(intent, method["id"], "succeeded")
        self.methods[method["id"]] = method
        intent.update(
            status="succeeded",
            amount_received=intent["amount"],
            latest_charge=charge["id"],
            payment_method=method["id"],
        )
        self.enter("charge", charge, intent["amount"])
        self.book.append(line(intent["metadata"]["reference"], intent["amount"], intent["currency"]))
        self.tell("payment_intent.succeeded", intent)
        return intent

    def process(self, reference: str) -> Json:
        """A fan pays in a way that takes its time."""
        intent = self.of(reference)
        intent["status"] = "processing"
        self.tell("payment_intent.processing", intent)
        return intent

    def decline(self, reference: str, code: str = "insufficient_funds") -> Json:
        """The bank says no; another card may still do."""
        intent = self.of(reference)
        charge = self.charge(intent, f"pm_{uuid4().hex}", "failed")
        intent.update(latest_charge=charge["id"], payment_method=None, status="requires_payment_method")
        intent["last_payment_error"] = {"type": "card_error", "code": "card_declined", "decline_code": code}
        self.tell("payment_intent.payment_failed", intent)
        return intent

    def charge(self, intent: Json, method: str, status: str) -> Json:
        pk = f"ch_{uuid4().hex}"
        taken = intent["amount"] if status == "succeeded" else 0
        self.charges[pk] = {
            "id": pk,
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": taken,
            "amount_refunded": 0,
            "billing_details": {},
            "captured": bool(taken),
            "created": int(self.now()),
            "currency": intent["currency"],
            "disputed": False,
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "paid": bool(taken),
            "payment_intent": intent["id"],
            "payment_method": method,
            "refunded": False,
            "status": status,
        }
        return self.charges[pk]

    # --- Refunds -------------------------------------------------------------------------------

    def create_refund(self, request: Request) -> Json:
        body = request.body
        intent = self.intent(body["payment_intent"])
        charge = self.charges.get(intent["latest_charge"] or "")
        amount = int(body["amount"])
        if charge is None or not charge["paid"]:
            raise refused(400, "payment_intent_unexpected_state")
        if charge["amount_refunded"] == charge["amount"]:
            raise refused(400, "charge_already_refunded")
        if charge["amount_refunded"] + amount > charge["amount"]:
            raise refused(400, "refund_amount_too_large")
        pk = f"re_{uuid4().hex}"
        refund = self.refunds[pk] = {
            "id": pk,
            "object": "refund",
            "amount": amount,
            "balance_transaction": None,
            "charge": charge["id"],
            "created": int(self.now()),
            "currency": intent["currency"],
            "failure_reason": None,
            "metadata": {"reference": body.get("metadata[reference]", "")},
            "payment_intent": intent["id"],
            "reason": None,
            "receipt_number": None,
            "status": "pending",
        }
        charge["amount_refunded"] += amount
        self.enter("refund", refund, -amount)
        self.book.append(line(refund["metadata"]["reference"], -amount, refund["currency"]))
        self.tell("refund.created", refund)
        if intent["metadata"]["reference"] in self.closed:
            self.fail_refund(pk)
        elif not self.is_refund_slow:
            self.finish_refund(pk)
        return refund

    def refund_of(self, reference: str) -> Json:
        """A refund by our reference or Stripe's."""
        return next(each for each in self.refunds.values() if reference in (each["id"], each["metadata"]["reference"]))

    def finish_refund(self, reference: str) -> Json:
        """The card's bank has it."""
        refund = self.refund_of(reference)
        refund["status"] = "succeeded"
        self.tell("refund.updated", refund)
        return refund

    def fail_refund(self, reference: str, reason: str = "expired_or_canceled_card") -> Json:
        """The card's bank sends it back: Stripe has the money again."""
        refund = self.refund_of(reference)
        refund.update(status="failed", failure_reason=reason)
        self.charges[refund["charge"]]["amount_refunded"] -= refund["amount"]
        self.enter("refund_failure", refund, refund["amount"])
        self.book.append(line(refund["metadata"]["reference"], refund["amount"], refund["currency"]))
        self.tell("refund.failed", refund)
        return refund

    def dispute(self, reference: str, *, is_won: bool = False) -> None:
        """A fan's bank takes the money back; `is_won`: and gives it back again."""
        intent = self.of(reference)
        pk = f"du_{uuid4().hex}"
        self.disputes[pk] = {
            "id": pk,
            "object": "dispute",
            "amount": intent["amount"],
            "charge": intent["latest_charge"],
            "currency": intent["currency"],
            "metadata": {},
            "payment_intent": intent["id"],
            "reason": "fraudulent",
            "status": "won" if is_won else "needs_response",
        }
        self.enter("adjustment", self.disputes[pk], -intent["amount"], "dispute")
        if is_won:
            self.enter("adjustment", self.disputes[pk], intent["amount"], "dispute_reversal")

    def close_card(self, reference: str) -> None:
        """Refunds of this payment fail from now on."""
        self.closed.add(reference)

    def list_refunds(self, request: Request) -> Json:
        self.intent(request.query["payment_intent"])
        wanted = request.query["payment_intent"]
        return page_of(request, [each for each in self.refunds.values() if each["payment_intent"] == wanted])

    # --- Balance and events --------------------------------------------------------------------

    def enter(self, kind: str, source: Json, amount: int, category: str = "") -> None:
        self.entries.append(
            {
                "id": f"txn_{uuid4().hex}",
                "object": "balance_transaction",
                "amount": amount,
                "available_on": int(self.now()),
                "balance_type": "payments",
                "created": int(self.now()),
                "currency": source["currency"],
                "description": None,
                "exchange_rate": None,
                "fee": 0,
                "fee_details": [],
                "net": amount,
                "reporting_category": category or kind,
                "source": source["id"],
                "status": "available",
                "type": kind,
            }
        )

    def list_entries(self, request: Request) -> Json:
        low, high = int(request.query["created[gte]"]), int(request.query["created[lt]"])
        sources = self.charges | self.refunds | self.disputes if "data.source" in expanded(request) else {}
        shown = [
            {**entry, "source": sources.get(entry["source"], entry["source"])}
            for entry in self.entries
            if low <= entry["created"] < high
        ]
        return page_of(request, shown)

    def tell(self, kind: str, about: Json) -> None:
        """Note what a webhook says."""
        self.events.append(
            {
                "id": f"evt_{uuid4().hex}",
                "object": "event",
                "api_version": "2026-10-28.endive",
                "created": int(self.now()),
                "data": {"object": json.loads(json.dumps(about))},
                "livemode": False,
                "pending_webhooks": 1,
                "request": None,
                "type": kind,
            }
        )

    def webhook(self, event: Any = None, *, age: int = 0, secret: str = WEBHOOK_SECRET) -> tuple[dict[str, str], bytes]:
        """Headers and body of a webhook, of the last event unless told: signed so long ago, by this secret."""
        body = json.dumps(self.events[-1] if event is None else event, indent=2)
        signed = WebhookSignature.generate_signature_header(body, secret, int(self.now()) - age)
        return {"stripe-signature": signed, "content-type": "application/json; charset=utf-8"}, body.encode()


def expanded(request: Request) -> set[str]:
    """What is to be shown whole."""
    return {value for name, value in request.query.items() if name.startswith("expand[")}


def page_of(request: Request, data: list[Json]) -> Json:
    """A page of a list, newest first."""
    newest = data[::-1]
    after = request.query.get("starting_after")
    start = 1 + [each["id"] for each in newest].index(after) if after else 0
    limit = int(request.query.get("limit", 10))
    shown = newest[start : start + limit]
    return {"object": "list", "data": shown, "has_more": start + limit < len(newest), "url": request.path}


def line(reference: str, amount: int, currency: str) -> Json:
    """A movement in the book."""
    return {"reference": reference, "amount": amount, "currency": currency.upper()}
