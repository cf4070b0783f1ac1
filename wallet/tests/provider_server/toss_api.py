"""Toss Payments' part: confirm, look up, cancel, transactions. https://docs.tosspayments.com/reference"""

import base64
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from wallet.tests.provider_server.wire import Answer, Keys, Refused, Request

CLIENT_KEY, SECRET_KEY = "test_gck_provider", "test_gsk_provider"
SEOUL = ZoneInfo("Asia/Seoul")
SESSION_SECONDS = 600
Json = dict[str, Any]


def refused(status: int, code: str) -> Refused:
    """An error as it words it."""
    return Refused(status, {"code": code, "message": "사람이 읽는 설명입니다."})


class TossApi:
    """Its payments by paymentKey; `book` is what moved."""

    name = "toss"

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.keys = Keys()
        self.secret_key = SECRET_KEY
        # Why the bank says no to the next confirmations, and cards that refunds can't reach, by order.
        self.declines: list[str] = []
        self.closed: set[str] = set()
        self.is_refund_slow = False
        self.payments: dict[str, Json] = {}
        self.transactions: list[Json] = []
        self.events: list[Json] = []
        self.book: list[Json] = []
        self.routes = [
            ("POST", r"/v1/payments/confirm", self.confirm),
            ("GET", r"/v1/payments/orders/([^/]+)", self.get_by_order),
            ("GET", r"/v1/payments/([^/]+)", lambda request, key: self.payment(key)),
            ("POST", r"/v1/payments/([^/]+)/cancel", self.cancel),
            ("GET", r"/v1/transactions", self.list_transactions),
        ]

    def settings(self, url: str) -> dict[str, str]:
        return {
            "TOSS_CLIENT_KEY": CLIENT_KEY,
            "TOSS_SECRET_KEY": SECRET_KEY,
            "TOSS_API_BASE": url,
            "TOSS_JS_URL": f"{url}/js/toss.js",
        }

    # --- HTTP ----------------------------------------------------------------------------------

    def answer(self, request: Request, *, spoils: bool) -> Answer:
        """Do it, once a key, method and address; `spoils`: and answer 500, which that key gives from then on."""
        name = request.headers.get("idempotency-key") if request.method == "POST" else None
        key = (request.path, name)
        try:
            self.authorize(request)
            # What the body says makes no difference: documented so.
            if name and (given := self.keys.find(key, None)):
                return given
            said = Answer.of(200, self.route(request))
        except Refused as refusal:
            said = Answer.of(refusal.status, refusal.body)
        if spoils:
            said = Answer.of(500, {"code": "FAILED_INTERNAL_SYSTEM_PROCESSING", "message": ""})
        if name:
            self.keys.keep(key, None, said)
        return said

    def authorize(self, request: Request) -> None:
        wanted = base64.b64encode(f"{self.secret_key}:".encode()).decode()
        if request.headers.get("authorization") != f"Basic {wanted}":
            raise refused(401, "UNAUTHORIZED_KEY")

    def route(self, request: Request) -> Any:
        for method, pattern, view in self.routes:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                return view(request, *found.groups())
        raise refused(404, "NOT_FOUND")

    # --- Payments ------------------------------------------------------------------------------

    def begin(self, reference: str, amount: int, easy: str = "") -> dict[str, str]:
        """A fan gets through the widget: what the address says that they come back by."""
        key = f"tgen_{uuid4().hex[:20]}"
        card = None if easy else {"issuerCode": "71", "number": "12345678****123*", "amount": amount}
        self.payments[key] = {
            "version": "2022-11-16",
            "mId": "tgen_docs",
            "type": "NORMAL",
            "paymentKey": key,
            "orderId": reference,
            "orderName": "Frontrow",
            "currency": "KRW",
            "method": "간편결제" if easy else "카드",
            "card": card,
            "easyPay": {"provider": easy, "amount": amount, "discountAmount": 0} if easy else None,
            "totalAmount": amount,
            "balanceAmount": amount,
            "status": "IN_PROGRESS",
            "requestedAt": self.written(),
            "approvedAt": None,
            "lastTransactionKey": None,
            "isPartialCancelable": True,
            "cancels": None,
            "failure": None,
        }
        return {"paymentKey": key, "orderId": reference, "amount": str(amount), "paymentType": "NORMAL"}

    def confirm(self, request: Request) -> Json:
        payment = self.payments.get(request.body["paymentKey"])
        if payment is None or payment["orderId"] != request.body["orderId"]:
            raise refused(404, "NOT_FOUND_PAYMENT")
        if payment["status"] in ("DONE", "CANCELED", "PARTIAL_CANCELED"):
            raise refused(400, "ALREADY_PROCESSED_PAYMENT")
        if any(each["orderId"] == payment["orderId"] and each["approvedAt"] for each in self.payments.values()):
            raise refused(400, "DUPLICATED_ORDER_ID")
        if self.age_of(payment) > SESSION_SECONDS:
            payment.update(status="EXPIRED")
        if payment["status"] != "IN_PROGRESS":
            raise refused(404, "NOT_FOUND_PAYMENT_SESSION")
        if payment["totalAmount"] != request.body["amount"]:
            raise refused(400, "INVALID_REQUEST")
        if self.declines:
            code = self.declines.pop(0)
            payment.update(status="ABORTED", failure={"code": code, "message": ""})
            self.tell(payment)
            raise refused(403, code)
        payment.update(status="DONE", approvedAt=self.written())
        payment["lastTransactionKey"] = self.enter(payment, payment["totalAmount"])
        self.book.append(line(payment["orderId"], payment["totalAmount"]))
        self.tell(payment)
        return payment

    def get_by_order(self, request: Request, reference: str) -> Json:
        found = [each for each in self.payments.values() if each["orderId"] == reference]
        if not found:
            raise refused(404, "NOT_FOUND_PAYMENT")
        paid = [each for each in found if each["approvedAt"]]
        return (paid or found)[-1]

    def payment(self, key: str) -> Json:
        if key not in self.payments:
            raise refused(404, "NOT_FOUND_PAYMENT")
        return self.payments[key]

    def decline(self, code: str = "REJECT_CARD_PAYMENT") -> None:
        """The bank says no to the next confirmation."""
        self.declines.append(code)

    # --- Refunds -------------------------------------------------------------------------------

    def cancel(self, request: Request, key: str) -> Json:
        payment = self.payment(key)
        amount = request.body.get("cancelAmount", payment["balanceAmount"])
        if payment["status"] == "CANCELED":
            raise refused(400, "ALREADY_CANCELED_PAYMENT")
        if not payment["approvedAt"] or payment["orderId"] in self.closed:
            raise refused(403, "NOT_CANCELABLE_PAYMENT")
        if amount > payment["balanceAmount"]:
            raise refused(403, "NOT_CANCELABLE_AMOUNT")
        payment["balanceAmount"] -= amount
        payment["status"] = "PARTIAL_CANCELED" if payment["balanceAmount"] else "CANCELED"
        entered = self.enter(payment, -amount)
        made = {
            "cancelAmount": amount,
            "cancelReason": request.body["cancelReason"],
            "canceledAt": self.written(),
            "refundableAmount": payment["balanceAmount"],
            "transactionKey": entered,
            "cancelStatus": "IN_PROGRESS" if self.is_refund_slow else "DONE",
            "cancelRequestId": None,
        }
        payment["cancels"] = [*(payment["cancels"] or []), made]
        payment["lastTransactionKey"] = entered
        reference = made["cancelReason"].rpartition("(")[2].rstrip(")")
        self.book.append(line(reference, -amount))
        self.tell(payment)
        return payment

    def refund_of(self, reference: str) -> Json:
        """A refund by our reference."""
        made = [each for payment in self.payments.values() for each in payment["cancels"] or []]
        return next(each for each in made if reference in each["cancelReason"])

    def finish_refund(self, reference: str) -> None:
        """The card's bank has it."""
        self.refund_of(reference)["cancelStatus"] = "DONE"

    def close_card(self, reference: str) -> None:
        """Refunds of this order are turned down from now on."""
        self.closed.add(reference)

    # --- Book and webhooks ---------------------------------------------------------------------

    def enter(self, payment: Json, amount: int) -> str:
        key = f"txrd_{uuid4().hex}"
        self.transactions.append(
            {
                "mId": payment["mId"],
                "transactionKey": key,
                "paymentKey": payment["paymentKey"],
                "orderId": payment["orderId"],
                "method": payment["method"],
                "customerKey": None,
                "useEscrow": False,
                "amount": amount,
                "status": payment["status"],
                "transactionAt": self.written(),
                "currency": "KRW",
            }
        )
        return key

    def list_transactions(self, request: Request) -> list[Json]:
        start, end = (datetime.fromisoformat(request.query[name]) for name in ("startDate", "endDate"))
        low, high = start.replace(tzinfo=SEOUL), end.replace(tzinfo=SEOUL) + timedelta(seconds=1)
        found = [each for each in self.transactions if low <= datetime.fromisoformat(each["transactionAt"]) < high]
        if after := request.query.get("startingAfter"):
            found = found[1 + [each["transactionKey"] for each in found].index(after) :]
        return found[: int(request.query.get("limit", 100))]

    def tell(self, payment: Json) -> None:
        """Note what a webhook says."""
        at = datetime.fromtimestamp(self.now(), SEOUL).replace(tzinfo=None).isoformat()
        said = json.loads(json.dumps(payment))
        self.events.append({"eventType": "PAYMENT_STATUS_CHANGED", "createdAt": at, "data": said})

    def webhook(self, event: Any = None) -> tuple[dict[str, str], bytes]:
        """Headers and body of a webhook, of the last event unless told."""
        return {"content-type": "application/json"}, json.dumps(self.events[-1] if event is None else event).encode()

    def written(self) -> str:
        return datetime.fromtimestamp(self.now(), SEOUL).isoformat(timespec="seconds")

    def age_of(self, payment: Json) -> float:
        return self.now() - datetime.fromisoformat(payment["requestedAt"]).timestamp()


def line(reference: str, amount: int) -> Json:
    """A movement in the book."""
    return {"reference": reference, "amount": amount, "currency": "KRW"}
