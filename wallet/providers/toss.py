"""Toss Payments: the fan pays by its widget on our page, and money moves when we confirm what the fan brings back.

Amounts and order numbers are ours, whatever the address says that the fan comes back by. What is asked for once is
told apart by an Idempotency-Key of ours, which Toss Payments remembers for 15 days for each address of its API.
Version 2022-11-16, https://docs.tosspayments.com/reference
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import orjson
from django.conf import settings
from django.utils import timezone

from concert_site.lib.rate_limits import is_within_limit
from concert_site.lib.web.headers import origin_of
from concert_site.lib.zones import bounds_of
from wallet.models import TopUp
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
from wallet.providers.toss_api import NOT_FOUND, REFUSED_KEYS, Api

log = logging.getLogger(__name__)

CURRENCY = "KRW"
# Its times without a zone are Korea's.
ZONE = ZoneInfo("Asia/Seoul")
PAGE = 1000
# A webhook that wasn't taken is sent again for 3 days and 19 hours; clocks differ by minutes at most.
OLDEST, NEWEST = timedelta(days=4), timedelta(minutes=5)
LONGEST_REASON = 200

STATUSES = {
    "DONE": ProviderStatus.SUCCEEDED,
    "PARTIAL_CANCELED": ProviderStatus.SUCCEEDED,
    "ABORTED": ProviderStatus.FAILED,
    "EXPIRED": ProviderStatus.EXPIRED,
}
CANCEL_STATUSES = {"DONE": ProviderStatus.SUCCEEDED, "ABORTED": ProviderStatus.FAILED, "FAILED": ProviderStatus.FAILED}
CANCELED = "CANCELED"
GIVEN_BACK = {CANCELED, "PARTIAL_CANCELED"}
# Its own words for ways of paying, which stand in receipts in both languages.
ENGLISH = {
    "카드": "Card",
    "간편결제": "Easy pay",
    "계좌이체": "Bank transfer",
    "휴대폰": "Phone",
    "가상계좌": "Virtual account",
}


class Toss:
    """The provider of WALLET_PROVIDER=toss."""

    name = "toss"

    def __init__(self) -> None:
        self.api = Api()

    # --- Settings ------------------------------------------------------------------------------

    def check(self) -> list[str]:
        """Keys that are missing or don't belong together, another currency; then whether the key is taken."""
        if missing := [name for name in ("TOSS_CLIENT_KEY", "TOSS_SECRET_KEY") if not getattr(settings, name)]:
            return [f"{name} is not set, and Toss Payments takes the money" for name in missing]
        wrong = []
        if family_of(settings.TOSS_CLIENT_KEY) != family_of(settings.TOSS_SECRET_KEY):
            wrong.append("TOSS_CLIENT_KEY and TOSS_SECRET_KEY are not a pair (test or live, of the widget or not)")
        if settings.CURRENCY != CURRENCY:
            wrong.append(f"CURRENCY={settings.CURRENCY}: Toss Payments takes won alone here")
        return wrong or self.check_key()

    def check_key(self) -> list[str]:
        """Whether the key is taken; while it doesn't answer, nobody can say."""
        now = timezone.now().astimezone(ZONE)
        try:
            self.api.get("/v1/transactions", {"startDate": written(now), "endDate": written(now), "limit": "1"})
        except ProviderAway as error:
            if error.code in REFUSED_KEYS:
                return [f"TOSS_SECRET_KEY is refused by {settings.TOSS_API_BASE} ({error.code})"]
        except ProviderRefused as error:
            # It knows the key, and dislikes the question.
            log.info("Toss Payments doesn't show its book: %s", error)
        return []

    # --- Payments ------------------------------------------------------------------------------

    def start(self, order: Order) -> Started:
        """Nothing to do: the widget begins it by our reference, and nothing is taken unless we confirm it."""
        if order.currency != CURRENCY:
            raise ProviderRefused("currency_not_taken")
        return Started()

    def confirm(self, order: Order, provider_reference: str | None, returned: Mapping[str, str]) -> Outcome:
        """Take the money, if the fan has come back with a payment: of our order and our amount."""
        payment_key = returned.get("paymentKey", "")
        if not payment_key:
            return self.look_up(order, provider_reference)
        body = {"paymentKey": payment_key, "orderId": order.reference, "amount": order.amount}
        # By payment: after a card was declined the fan may come back with another for the same order.
        key = f"{order.reference}-{hashlib.sha256(payment_key.encode()).hexdigest()[:32]}"
        try:
            return outcome_of(self.api.post("/v1/payments/confirm", body, key=key))
        except ProviderRefused as error:
            stands = self.look_up(order, provider_reference)
            if stands.status in (ProviderStatus.OPEN, ProviderStatus.UNKNOWN):
                return Outcome(status=ProviderStatus.FAILED, failure=error.code)
            return stands

    def look_up(self, order: Order, provider_reference: str | None) -> Outcome:
        """How the payment of this order stands."""
        payment = self.payment_of(order.reference)
        return outcome_of(payment) if payment else Outcome(status=ProviderStatus.UNKNOWN)

    def payment_of(self, reference: str) -> Mapping[str, Any] | None:
        """The payment of an order of ours; None if the fan never came as far.

        :raises ProviderAway: if nobody knows
        """
        return self.found(f"/v1/payments/orders/{quote(reference, safe='')}")

    def found(self, path: str) -> Mapping[str, Any] | None:
        """What lies at an address; None if nothing does."""
        try:
            found: Mapping[str, Any] = self.api.get(path)
        except ProviderRefused as error:
            if error.code in NOT_FOUND:
                return None
            raise ProviderAway(error.code, error.detail) from error
        return found

    def cancel(self, order: Order, provider_reference: str | None) -> Outcome:
        """Nothing is taken for what isn't confirmed, and what has ended is never confirmed by us."""
        stands = self.look_up(order, provider_reference)
        return stands if stands.status not in (ProviderStatus.OPEN, ProviderStatus.UNKNOWN) else canceled()

    # --- Refunds -------------------------------------------------------------------------------

    def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give it back, unless that was done: keys are forgotten after 15 days."""
        if known := self.known_refund(order):
            return known
        # The reason is the one field of a refund that is ours: our reference stands in it.
        reason = f"{order.reason[: LONGEST_REASON - len(order.reference) - 3]} ({order.reference})"
        body = {"cancelReason": reason, "cancelAmount": order.amount}
        path = f"/v1/payments/{quote(order.payment_provider_reference or '', safe='')}/cancel"
        try:
            payment = self.api.post(path, body, key=order.reference)
        except ProviderRefused as error:
            return RefundOutcome(status=ProviderStatus.FAILED, failure=error.code)
        return refund_in(payment, order.reference) or RefundOutcome(status=ProviderStatus.UNKNOWN)

    def look_up_refund(self, order: RefundOrder, provider_reference: str | None) -> RefundOutcome:
        return self.known_refund(order) or RefundOutcome(status=ProviderStatus.UNKNOWN)

    def known_refund(self, order: RefundOrder) -> RefundOutcome | None:
        payment = self.payment_of(order.payment_reference)
        return refund_in(payment, order.reference) if payment else None

    # --- Telling -------------------------------------------------------------------------------

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookMessage:
        """What it is about. It carries no signature: anybody may have sent it, so it is a reason to ask and no more.

        What is about no order of ours isn't taken, and of one order only so many a minute: fans know their own, and
        each other word is another message. What is refused is sent again by Toss Payments, and asked about by us.
        """
        if not settings.TOSS_SECRET_KEY:
            raise ProviderRefused("not_configured")
        try:
            said = orjson.loads(body)
            sent_at = datetime.fromisoformat(said["createdAt"])
            kind, reference = str(said["eventType"]), str(said["data"].get("orderId") or "")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ProviderRefused("unreadable") from error
        age = timezone.now() - (sent_at if sent_at.tzinfo else sent_at.replace(tzinfo=ZONE))
        if not -NEWEST <= age <= OLDEST:
            raise ProviderRefused("too_old")
        if "\0" in reference or not TopUp.objects.filter(reference=reference, provider=self.name).exists():
            raise ProviderRefused("not_ours")
        if not is_within_limit("webhook", f"{self.name}:{reference}"):
            raise ProviderRefused("too_many")
        # It has no number: what is sent again says the same, word for word.
        return WebhookMessage(event_id=hashlib.sha256(body).hexdigest(), kind=kind, reference=reference)

    def pay_page(self, order: Order, data: Mapping[str, Any]) -> PayPage | None:  # Any: JSON, as in the protocol
        """Our page with the widget, and what its script loads."""
        from_it = [origin_of(settings.TOSS_JS_URL)]
        if from_it == ["https://js.tosspayments.com"]:
            from_it = ["https://*.tosspayments.com", "https://*.toss.im"]
        return PayPage(
            template="wallet/pay_toss.html",
            context={
                "js_url": settings.TOSS_JS_URL,
                "widget": {
                    "key": settings.TOSS_CLIENT_KEY,
                    "order": order.reference,
                    "name": order.description,
                    "amount": order.amount,
                    "returnUrl": order.return_url,
                },
            },
            sources={
                "script-src": [origin_of(settings.TOSS_JS_URL)],
                "frame-src": from_it,
                "connect-src": from_it,
                "font-src": from_it,
                "form-action": from_it,
                "img-src": ["data:", *from_it],
                # Its script sizes the frames by styles inside the page.
                "style-src": ["'unsafe-inline'"],
            },
        )

    def book_of(self, day: date) -> list[BookLine]:
        """What it took and gave back on that day. Refunds have no reference of ours there, but its own number."""
        start, end = bounds_of(day)
        lines = (line_of(entry) for entry in self.transactions(start, end))
        return [line for line in lines if line and start <= line.at < end]

    def transactions(self, start: datetime, end: datetime) -> Iterator[Mapping[str, Any]]:
        """What happened in a time, oldest first."""
        asked = {"startDate": written(start), "endDate": written(end - timedelta(seconds=1)), "limit": str(PAGE)}
        while True:
            try:
                page = self.api.get("/v1/transactions", asked)
            except ProviderRefused as error:
                raise ProviderAway(error.code, error.detail) from error
            yield from page
            if len(page) < PAGE:
                return
            asked["startingAfter"] = page[-1]["transactionKey"]


# --- Its objects, in our words -----------------------------------------------------------------


def outcome_of(payment: Mapping[str, Any]) -> Outcome:
    status = STATUSES.get(payment["status"], ProviderStatus.OPEN)
    if payment["status"] == CANCELED:
        # What was never approved took nothing.
        status = ProviderStatus.SUCCEEDED if payment.get("approvedAt") else ProviderStatus.FAILED
    failure = (payment.get("failure") or {}).get("code") or ("" if status != ProviderStatus.FAILED else "canceled")
    return Outcome(
        status=status,
        provider_reference=payment["paymentKey"],
        amount=int(payment["totalAmount"]),
        currency=payment["currency"],
        method=method_of(payment),
        failure="" if status == ProviderStatus.SUCCEEDED else failure,
        refunded=int(payment["totalAmount"]) - int(payment["balanceAmount"])
        if status == ProviderStatus.SUCCEEDED
        else 0,
    )


def canceled() -> Outcome:
    """What will never be confirmed."""
    return Outcome(status=ProviderStatus.FAILED, failure="canceled")


def method_of(payment: Mapping[str, Any]) -> str:
    """What was paid with: "Card 123*", "카카오페이". Of a card's number no more than its masked end."""
    easy = (payment.get("easyPay") or {}).get("provider")
    if easy:
        return str(easy)
    method = payment.get("method") or ""
    end = ((payment.get("card") or {}).get("number") or "")[-4:]
    return f"{ENGLISH.get(method, method)} {end}".strip()


def refund_in(payment: Mapping[str, Any], reference: str) -> RefundOutcome | None:
    """The refund of a reference among those of a payment."""
    for each in payment.get("cancels") or []:
        if (each.get("cancelReason") or "").endswith(f"({reference})"):
            status = CANCEL_STATUSES.get(each.get("cancelStatus", "DONE"), ProviderStatus.OPEN)
            failure = "" if status != ProviderStatus.FAILED else "cancel_aborted"
            return RefundOutcome(status=status, provider_reference=each.get("transactionKey"), failure=failure)
    return None


def line_of(entry: Mapping[str, Any]) -> BookLine | None:
    """A transaction that moved money: a payment, or what was given back of one."""
    is_refund = entry["status"] in GIVEN_BACK
    if not is_refund and entry["status"] != "DONE":
        return None
    amount = abs(int(entry["amount"]))
    return BookLine(
        reference="" if is_refund else entry["orderId"],
        provider_reference=entry["transactionKey"] if is_refund else entry["paymentKey"],
        amount=-amount if is_refund else amount,
        currency=entry["currency"],
        at=datetime.fromisoformat(entry["transactionAt"]),
    )


def family_of(key: str) -> tuple[str, bool]:
    """Whether a key is of test or live, and whether of the widget: `test_gck_...` is `("test", True)`."""
    mode, kind, *_rest = key.split("_")
    return mode, kind.startswith("g")


def written(moment: datetime) -> str:
    """A time as it is asked for: Korea's, without a zone."""
    return moment.astimezone(ZONE).replace(tzinfo=None).isoformat(timespec="seconds")
