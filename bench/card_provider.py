"""The provider of a sale by card: a server that speaks Stripe's protocol, with a will of its own to go wrong.

It keeps a book. What happened it tells by webhooks: late, shuffled, twice or never; and strangers tell lies to the same
address, unsigned, with a signature of yesterday, and with the right one, as if the secret had leaked.
"""

import http.client
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import stack  # noqa: F401  the project is found through it

from wallet.tests.provider_server import ProviderServer, provider_server

WEBHOOKS = "/webhooks/stripe/"
TELL_SECONDS = 0.1
# How late a webhook may come, and when one is sent again that nobody has taken: providers do so for days.
LATE_SECONDS = 12.0
AGAIN_SECONDS = 2.0
# Older than any webhook may be.
STALE_SECONDS = 3600
# What goes wrong, in shares: nothing is done, or it is done and the answer is lost in some way.
FAULTS = {"before": 3, "500": 4, "hangup": 4, "garbage": 2, "busy": 2, "silence": 1}
WHERE = ["POST /v1/payment_intents$", "GET /v1/payment_intents/pi", "/cancel$", "POST /v1/refunds", "GET /v1/refunds"]
Json = dict[str, Any]


@dataclass
class Sent:
    """A webhook on its way."""

    headers: Mapping[str, str]
    body: bytes
    kind: str
    due: float


@dataclass
class Bank:
    """What the provider does by itself until `is_over`, each thing by dice of the run's seed."""

    provider: ProviderServer
    port: int
    dice: random.Random
    answers: Counter[str] = field(default_factory=Counter)
    # Event ids of lies that nobody may keep.
    forged: set[str] = field(default_factory=set)
    # Whether anything goes wrong on purpose.
    is_calm: bool = False

    def __post_init__(self) -> None:
        self.is_over = threading.Event()
        self.queue: list[Sent] = []
        self.seen = 0
        self.rounds = 0
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self) -> None:
        """Go on until it is over."""
        while not self.is_over.wait(TELL_SECONDS):
            self.rounds += 1
            with self.provider.lock:
                self.provider.faults = [fault for fault in self.provider.faults if fault.times > 0]
                events = self.provider.stripe.events[self.seen :]
                self.seen += len(events)
                if self.is_calm:
                    self.provider.faults.clear()
                elif self.rounds % 4 == 0:
                    self.go_wrong()
                self.end_refunds()
            for event in events:
                self.announce(event)
            self.send_due()

    # --- Faults --------------------------------------------------------------------------------

    def go_wrong(self) -> None:
        """Something goes wrong with the next requests of a kind."""
        self.provider.stripe.is_refund_slow = self.dice.random() < 0.4
        if len(self.provider.faults) < 3:
            kind = self.dice.choices(list(FAULTS), list(FAULTS.values()))[0]
            self.provider.fail(kind, self.dice.choice(WHERE), times=self.dice.choice([1, 1, 2]))

    def end_refunds(self) -> None:
        """Banks end refunds that took their time, and send some back that had been reported as made."""
        stripe = self.provider.stripe
        for refund in list(stripe.refunds.values()):
            if refund["status"] == "pending" and (self.is_calm or self.dice.random() < 0.03):
                (stripe.fail_refund if self.dice.random() < 0.3 else stripe.finish_refund)(refund["id"])
            elif refund["status"] == "succeeded" and not self.is_calm and self.dice.random() < 0.0005:
                stripe.fail_refund(refund["id"])

    # --- Webhooks ------------------------------------------------------------------------------

    def announce(self, event: Json) -> None:
        """Tell of an event in some order, once, twice or never; and let strangers tell something else."""
        # A refund that comes back is told of always: nothing else makes anybody look at it again.
        times = self.dice.choices([0, 1, 2], [25, 55, 20])[0] or (event["type"] == "refund.failed")
        for _nth in range(times):
            late = self.dice.random() * (LATE_SECONDS if self.dice.random() < 0.3 else 1)
            self.send("told", self.provider.stripe.webhook(event), late)
        if self.dice.random() < 0.2:
            self.lie(event)

    def lie(self, event: Json) -> None:
        """Strangers: with another secret, with a signature of an hour ago, and with the right secret."""
        stripe, lie = self.provider.stripe, {**event, "id": f"evt_{uuid4().hex}"}
        kind = self.dice.choice(["forged", "stale", "leaked"])
        if kind == "leaked":
            # As if all had been paid, whoever it is about.
            lie["type"] = "payment_intent.succeeded"
            about = self.dice.choice(list(stripe.intents.values()))
            lie["data"] = {"object": {**about, "status": "succeeded", "amount_received": about["amount"]}}
            self.send(kind, stripe.webhook(lie), 0)
            return
        self.forged.add(lie["id"])
        signed = (
            stripe.webhook(lie, secret="whsec_guessed") if kind == "forged" else stripe.webhook(lie, age=STALE_SECONDS)
        )
        self.send(kind, signed, 0)

    def send(self, kind: str, signed: tuple[dict[str, str], bytes], late: float) -> None:
        self.queue.append(Sent(*signed, kind, time.monotonic() + late))

    def send_due(self) -> None:
        """Send what is due; what nobody took in earnest comes again."""
        now = time.monotonic()
        due = [each for each in self.queue if each.due <= now]
        self.queue = [each for each in self.queue if each.due > now]
        for each in due:
            status = post(self.port, WEBHOOKS, each.headers, each.body)
            self.answers[f"{each.kind} {status or 'cut off'}"] += 1
            if each.kind == "told" and status != 200:
                each.due = time.monotonic() + AGAIN_SECONDS
                self.queue.append(each)

    @property
    def has_told_all(self) -> bool:
        """Whether nothing is on its way, and no refund under way."""
        with self.provider.lock:
            is_open = any(each["status"] == "pending" for each in self.provider.stripe.refunds.values())
            return not self.queue and not is_open and self.seen == len(self.provider.stripe.events)

    def stop(self) -> None:
        self.is_over.set()
        self.thread.join(timeout=30)


def post(port: int, path: str, headers: Mapping[str, str], body: bytes) -> int:
    """Send something; the status, 0 if no answer came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", path, body, dict(headers))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


@contextmanager
def provider() -> Iterator[ProviderServer]:
    """Have one run in threads of this process, which hand over often: it answers while fans are busy."""
    sys.setswitchinterval(0.001)
    with provider_server() as server:
        yield server


def book_of(server: ProviderServer) -> list[Json]:
    """A copy of its book: reference, amount, currency; refunds negative."""
    with server.lock:
        return [dict(json.loads(json.dumps(line))) for line in server.stripe.book]
