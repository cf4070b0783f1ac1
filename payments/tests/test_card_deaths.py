"""A process dies at each step between click and ticket, and between ticket and refund: tickets or money, never neither.

The journeys are those of a fan who pays by card at a server that keeps a book. Each is taken once to count its steps
(statements, commits, calls of the provider), then again with a death after each (before the next is the same). Then the
reconciler comes, as it does by beat, and may die the same way.
"""

from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from itertools import product

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from concert_site.accounts.tests.concurrency import wait_until_calm
from concert_site.tests.audited import broken_invariants
from payments.domain import card_checkout, card_refunds
from payments.models import Payment, RefundTo
from payments.tests.pages import let_lapse
from reservations.models import Reservation
from reservations.tests.scenes import hold, in_order, make_sale
from wallet.domain import provider_events, reconciler, top_ups, withdrawals
from wallet.models import TopUp
from wallet.providers import provider_named
from wallet.providers.base import WebhookMessage
from wallet.tests.factories import balance_of, make_fan

PRICE, POCKET_MONEY = 50_000, 20_500
ASKED = ("start", "look_up", "confirm", "cancel", "refund", "look_up_refund")
# After the lease of whoever died, and while the seats are still held.
SOON = timedelta(minutes=3)
RUNS = 2


class Died(BaseException):
    """The process is gone: nobody catches this."""


class Deaths:
    """Counts steps, and dies when the nth is done."""

    def __init__(self, nth: int = 0, *, is_cut: bool = False) -> None:
        self.nth, self.is_cut = nth, is_cut
        self.steps: list[str] = []

    def step(self, name: str, do: Callable[[], object]) -> object:
        self.steps.append(name)
        nth = len(self.steps)
        done = do()
        if nth == self.nth:
            self.die()
        return done

    def die(self) -> None:
        """All that is open goes with the process; a connection that was cut is told to whoever used it."""
        connection.close()
        raise OperationalError("the connection is gone") if self.is_cut else Died

    def statement(self, execute, sql, params, many, context):
        return self.step(sql.split(None, 1)[0], lambda: execute(sql, params, many, context))

    @contextmanager
    def watching(self, monkeypatch):
        provider = provider_named("stripe")
        with monkeypatch.context() as patch, connection.execute_wrapper(self.statement):
            for name in ASKED:
                real = getattr(provider, name)
                patch.setattr(
                    provider, name, lambda *args, name=name, real=real: self.step(name, lambda: real(*args)), False
                )
            yield self


class Scene:
    """A fan who lacks money for the seat they hold."""

    def __init__(self, server) -> None:
        self.server, self.now = server, timezone.now() + SOON
        self.fan, self.sale = make_fan(balance=POCKET_MONEY), make_sale(price=PRICE, seats=1)
        self.booking = hold(self.fan, self.sale, 0, now=None)
        (self.reservation,) = in_order(self.booking)

    def begin(self) -> None:
        card_checkout.pay(user_id=self.fan.pk, reservation_ids=[self.reservation])

    def pay_there(self) -> None:
        """Whoever has got the page pays by it."""
        for each in self.top_ups():
            if each.state == "PENDING":
                self.server.stripe.pay(each.reference)

    def come_back(self) -> None:
        for each in self.top_ups():
            top_ups.settle(each, top_ups.confirm(each, {}))

    def be_told(self) -> None:
        """A webhook comes, and is worked on."""
        for each in self.top_ups():
            message = WebhookMessage(event_id=f"evt_{each.reference}", kind="paid", reference=each.reference)
            provider_events.record("stripe", message, b"{}")
        provider_events.handle_due("stripe", now=self.now)

    def buy(self) -> None:
        self.begin()
        self.pay_there()
        self.come_back()

    def cancel(self) -> None:
        card_refunds.cancel(user_id=self.fan.pk, reservation_id=self.reservation, refund_to=RefundTo.CARD)

    def withdraw(self) -> None:
        amount = balance_of(self.fan) - POCKET_MONEY
        withdrawals.withdraw(user_id=self.fan.pk, amount=amount, idempotency_key="key")

    def kept(self) -> None:
        """The money has come too late for the seat: it is there to be withdrawn."""
        self.begin()
        self.pay_there()
        let_lapse(self.booking)
        self.come_back()

    def reconcile(self) -> None:
        provider_events.handle_due("stripe", now=self.now)
        reconciler.settle_due("stripe", now=self.now)
        reconciler.settle_due_withdrawals("stripe", now=self.now)

    def top_ups(self):
        return TopUp.objects.filter(user_id=self.fan.pk, provider="stripe").order_by("pk")

    def check(self, at: str) -> None:
        """The purse adds up to the provider's book, and nothing that it has ended is open here."""
        book = sum(line["amount"] for line in self.server.stripe.book)
        payments = Payment.objects.filter(user_id=self.fan.pk)
        spent = sum(each.price if each.state == "COMPLETED" else each.refund_fee for each in payments)
        assert balance_of(self.fan) + spent == POCKET_MONEY + book, at
        assert not self.top_ups().filter(state="PENDING").exclude(reference__in=self.unpaid()).exists(), at

    def unpaid(self) -> list[str]:
        """What the provider still waits for."""
        open_there = ("requires_payment_method", "processing")
        intents = self.server.stripe.intents.values()
        return [each["metadata"]["reference"] for each in intents if each["status"] in open_there]

    def has_ticket(self) -> bool:
        return Reservation.objects.get(pk=self.reservation).status == "RESERVED"


@pytest.fixture
def scene(server, settings):
    """Makes a scene with an empty book: each death has its own."""
    settings.WALLET_PROVIDER = "stripe"
    settings.PROVIDER_TIMEOUT = 5
    provider_named.cache_clear()

    def make() -> Scene:
        server.__init__(url=server.url)
        return Scene(server)

    yield make
    provider_named.cache_clear()


def prepared(make, *before: str) -> Scene:
    scene = make()
    for name in before:
        getattr(scene, name)()
    return scene


def dies(scene: Scene, name: str, deaths: Deaths, monkeypatch) -> None:
    """Go as far as the death lets."""
    with suppress(Died, OperationalError), deaths.watching(monkeypatch):
        getattr(scene, name)()
    # Or its locks are in the way of who comes at once, who comes again later: here that is at once as well.
    wait_until_calm()


JOURNEYS = {
    # What comes before, what dies, what the fan does then; the calls of the provider that it makes.
    "click": ((), "begin", ("pay_there",), {"start"}),
    "return": (("begin", "pay_there"), "come_back", (), {"confirm"}),
    "webhook": (("begin", "pay_there"), "be_told", (), {"look_up"}),
    "reconciler": (("begin", "pay_there"), "reconcile", (), {"look_up"}),
    "cancel": (("buy",), "cancel", (), {"refund"}),
    "withdraw": (("kept",), "withdraw", (), {"refund"}),
}
# What is cut in the others is what these settle and ask for; the reconciler has a test of its own.
CUT = ("click", "webhook", "cancel")
DEATHS = {
    "dies": Deaths,
    "is cut": partial(Deaths, is_cut=True),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("journey", "how"), [*product(JOURNEYS, ["dies"]), *product(CUT, ["is cut"])])
def test_a_death_at_any_step_leaves_tickets_or_money(scene, monkeypatch, journey, how):
    before, dying, then, asked = JOURNEYS[journey]
    whole = Deaths()
    dies(prepared(scene, *before), dying, whole, monkeypatch)
    assert asked <= set(whole.steps)
    assert len(whole.steps) > 2

    for nth, step in enumerate(whole.steps, start=1):
        at = f"{journey} {how} step {nth}, {step}"
        this = prepared(scene, *before)
        deaths = DEATHS[how](nth)
        dies(this, dying, deaths, monkeypatch)
        for name in then:
            getattr(this, name)()
        for _run in range(RUNS):
            this.now += SOON
            this.reconcile()

        this.check(at)
        if journey in ("click", "return", "webhook", "reconciler"):
            assert this.has_ticket() == bool(this.server.stripe.book), at
            assert this.has_ticket() or journey == "click", at
    assert broken_invariants() == {}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", DEATHS)
def test_a_reconciler_that_dies_at_every_step_gets_there_all_the_same(scene, monkeypatch, how):
    whole = Deaths()
    dies(prepared(scene, "begin", "pay_there"), "reconcile", whole, monkeypatch)

    this = prepared(scene, "begin", "pay_there")
    for nth in range(1, len(whole.steps) + 1):
        dies(this, "reconcile", DEATHS[how](nth), monkeypatch)
        # The lease of whoever died is over.
        this.top_ups().exclude(next_look_at=None).update(next_look_at=timezone.now())
    this.reconcile()

    this.check(how)
    assert this.has_ticket()
    assert broken_invariants() == {}
