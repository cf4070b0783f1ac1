"""A provider as they are: its book is its own, it does once what a reference asks for, and may fail at each step."""

from collections import Counter
from threading import Lock

from wallet.providers.base import Order, Outcome, ProviderStatus, RefundOrder, RefundOutcome, Started


class Card:
    """Collects at once. `fails_with` is raised before anything is done, `loses_answer` after a refund, or it `says`."""

    name = "wallet.tests.card_provider.Card"

    def __init__(self):
        self.collected: dict[str, int] = {}
        self.refunds: dict[str, RefundOrder] = {}
        self.started: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.fails_with: Exception | None = None
        self.loses_answer: Exception | None = None
        self.says = ProviderStatus.SUCCEEDED
        self.is_closed = False
        self.lock = Lock()

    def check(self):
        return []

    def start(self, order: Order) -> Started:
        self.started[order.reference] += 1
        if self.fails_with:
            raise self.fails_with
        self.collected.setdefault(order.reference, order.amount)
        return Started(provider_reference=f"card-{order.reference}", is_paid=True)

    def look_up(self, order: Order, provider_reference: str | None) -> Outcome:
        amount = self.collected.get(order.reference, 0)
        status = ProviderStatus.SUCCEEDED if amount else ProviderStatus.UNKNOWN
        return Outcome(status=status, amount=amount, currency="KRW", provider_reference=provider_reference)

    def refund(self, order: RefundOrder) -> RefundOutcome:
        with self.lock:
            self.asked[order.reference] += 1
            if self.fails_with:
                raise self.fails_with
            if self.is_closed:
                return RefundOutcome(status=ProviderStatus.FAILED, failure="card_closed")
            self.refunds.setdefault(order.reference, order)
            if self.loses_answer:
                raise self.loses_answer
            return self.answer(order)

    def look_up_refund(self, order: RefundOrder, provider_reference: str | None) -> RefundOutcome:
        return self.answer(order) if order.reference in self.refunds else RefundOutcome(status=ProviderStatus.UNKNOWN)

    def answer(self, order: RefundOrder) -> RefundOutcome:
        failure = "returned_by_bank" if self.says == ProviderStatus.FAILED else ""
        return RefundOutcome(status=self.says, provider_reference=f"re-{order.reference}", failure=failure)

    @property
    def given_back(self) -> int:
        """What its book says."""
        return sum(order.amount for order in self.refunds.values())
