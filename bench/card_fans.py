"""Fans who pay by card: they pay, are declined, vanish, come late, cancel and withdraw; each keeps a journal.

A fan's life is a generator that yields how many seconds it waits. Some threads live the lives of all of them.
"""

import heapq
import http.client
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from load import in_threads
from stack import Fan, Show
from torture_fans import Diary, Phone

from wallet.tests.provider_server import ProviderServer

# What fans do at the provider, in shares of a hundred.
HABITS = {
    "pays": 38,
    "pays and vanishes": 16,
    "is declined, then pays": 9,
    "is declined and vanishes": 6,
    "vanishes": 8,
    "pays late": 10,
    "pays twice": 6,
    "pays slowly": 7,
}
AGAIN_SECONDS = 0.4
GLANCE_SECONDS = 0.5
SECRET = re.compile(r"(pi_[0-9a-f]+)_secret_[0-9a-f]+")
Json = dict[str, Any]
Life = Generator[float, None, None]


@dataclass
class Journal:
    """What one fan was told, and saw at the provider."""

    fan: int
    habit: str = ""
    # Charges as they were answered last, by id.
    charges: dict[int, Json] = field(default_factory=dict)
    # What the provider took while the fan looked on, by the provider's name of it.
    taken: dict[str, int] = field(default_factory=dict)
    paid: set[int] = field(default_factory=set)
    canceled: dict[int, Json] = field(default_factory=dict)
    # Amount by key; answers by key.
    withdrawals: dict[str, int] = field(default_factory=dict)
    withdrawn: dict[str, Json] = field(default_factory=dict)
    asked_to_cancel: set[int] = field(default_factory=set)
    is_through: bool = False


class Line(Phone):
    """A connection that can load a page, too."""

    def browse(self, path: str) -> tuple[int, str]:
        """A page; 0 and nothing if no answer came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            status, text = response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            status, text = 0, ""
        finally:
            connection.close()
        name = "pay page" if path.endswith("/pay/") else "return page"
        self.diary.answers[f"{name} {status or 'cut off'}"] += 1
        return status, text


@dataclass
class Sale:
    """What all fans of a sale share."""

    port: int
    show: Show
    provider: ProviderServer
    # How long a hold lasts that is paid by card, in seconds; when fans give up.
    hold_seconds: float
    until: float
    phones: threading.local = field(default_factory=threading.local)
    diaries: list[Diary] = field(default_factory=list)
    free: tuple[float, list[int]] = (0.0, [])

    @property
    def phone(self) -> Line:
        """The connection of this thread."""
        if not hasattr(self.phones, "line"):
            self.diaries.append(Diary())
            self.phones.line = Line(self.port, self.diaries[-1])
        return self.phones.line  # type: ignore[no-any-return]  # of a local of the thread

    def free_seats(self) -> list[int]:
        seen_at, seats = self.free
        if time.monotonic() - seen_at > GLANCE_SECONDS:
            status, answer = self.phone.ask("availability", "GET", f"/schedules/{self.show.schedule}/availability/")
            if status == 200:
                seats = [seat for seat, state in zip(self.show.seats, answer["seats"], strict=True) if state == "A"]
            self.free = (time.monotonic(), seats)
        return seats

    def answers(self) -> Counter[str]:
        return sum((diary.answers for diary in self.diaries), Counter())


class Buyer:
    """A fan with a habit and dice of their own."""

    def __init__(self, fan: Fan, sale: Sale, dice: random.Random, habit: str) -> None:
        self.fan, self.sale, self.dice = fan, sale, dice
        self.journal = Journal(fan.id, habit)
        self.token = ""

    def ask(self, step: str, method: str, path: str, **more: Any) -> tuple[int, Any]:  # Any: JSON
        return self.sale.phone.ask(step, method, path, self.fan, **more)

    def pause(self) -> float:
        return AGAIN_SECONDS * self.dice.uniform(0.5, 1.5)

    @property
    def is_late(self) -> bool:
        return time.monotonic() > self.sale.until

    # --- To the seats --------------------------------------------------------------------------

    def live(self) -> Life:
        """From the line to the ticket, or to the money."""
        yield from self.come_in()
        seats = yield from self.hold()
        if seats:
            yield from self.buy(seats)
        self.journal.is_through = not self.is_late

    def come_in(self) -> Life:
        while not self.is_late:
            status, place = self.ask("join", "POST", f"/schedules/{self.sale.show.schedule}/queue-tokens/")
            if status in (200, 201):
                self.token = place["token"]
                status, _ = self.ask("enter", "POST", f"/queue-tokens/{self.token}/enter/")
                if status == 200:
                    return
            yield self.pause()

    def hold(self) -> Generator[float, None, list[int]]:
        """Hold one or two seats; none, if none are to be had."""
        wanted, key = self.dice.choice([1, 1, 2]), f"hold {self.fan.id}"
        for nth in range(40):
            free = self.sale.free_seats()
            if free and not self.is_late:
                seats = self.dice.sample(free, min(wanted, len(free)))
                body = {"schedule": self.sale.show.schedule, "seats": seats}
                headers = {"X-Queue-Token": self.token, "Idempotency-Key": f"{key} {nth}"}
                status = 0
                answer: Any = None  # Any: JSON
                while status in (0, 503) and not self.is_late:
                    status, answer = self.ask("hold", "POST", "/reservations/", body=body, headers=headers)
                    if status in (0, 503):
                        yield self.pause()
                if status in (200, 201):
                    return [each["id"] for each in answer["reservations"]]
                if status == 403:
                    yield from self.come_in()
            yield self.pause()
        return []

    # --- By card -------------------------------------------------------------------------------

    def buy(self, seats: list[int]) -> Life:
        """Pay them by card, and what comes of it."""
        charge = yield from self.begin(seats)
        if charge is not None:
            yield from self.go_to_provider(seats, charge)
            charge = yield from self.poll(charge["id"])
            if charge["state"] == "SUCCEEDED" and charge["outcome"] == "PAID":
                self.journal.paid |= set(seats)
        if self.journal.paid and self.dice.random() < 0.3:
            yield from self.cancel(self.dice.choice(sorted(self.journal.paid)))
        if self.dice.random() < 0.35:
            yield from self.withdraw()

    def begin(self, seats: list[int]) -> Generator[float, None, Json | None]:
        """Ask to pay by card until it is clear what comes next: a charge that is under way, or None."""
        for _nth in range(30):
            if self.is_late:
                break
            status, answer = self.ask("pay", "POST", "/payments/", body={"reservations": seats, "pay_with": "card"})
            if status in (200, 201):
                self.journal.paid |= set(seats)
                return None
            if status == 202:
                self.journal.charges[answer["charge"]["id"]] = answer["charge"]
                if answer["charge"]["next"]:
                    return dict(answer["charge"])
            if status in (400, 404, 409):
                return None
            yield self.pause()
        return None

    def go_to_provider(self, seats: list[int], charge: Json) -> Life:
        """The browser's part: our page with the provider's fields, the provider, and back or not."""
        path = urlsplit(charge["next"]["url"]).path
        intent = yield from self.load_fields(path)
        habit = self.journal.habit
        if not intent or habit == "vanishes":
            return
        if habit == "pays late":
            yield self.sale.hold_seconds * self.dice.uniform(0.9, 1.6)
        if habit == "pays twice":
            # Another click on another tab: the same payment, or seats that are prolonged once more.
            yield from self.begin(seats)
        if habit.startswith("is declined"):
            with self.sale.provider.lock:
                self.sale.provider.stripe.decline(intent)
            yield from self.come_back(path)
            if habit.endswith("vanishes"):
                return
        if habit == "pays slowly":
            with self.sale.provider.lock:
                if self.sale.provider.stripe.of(intent)["status"] == "requires_payment_method":
                    self.sale.provider.stripe.process(intent)
            yield self.dice.uniform(1, self.sale.hold_seconds)
        self.pay_there(intent)
        if habit != "pays and vanishes":
            yield self.pause()
            yield from self.come_back(path)

    def load_fields(self, path: str) -> Generator[float, None, str]:
        """The provider's name of the payment, out of the page that pays it; "" if it can't be paid."""
        for _nth in range(20):
            status, page = self.sale.phone.browse(path)
            if status == 200:
                found = SECRET.search(page)
                return found[1] if found else ""
            if status in (302, 404):
                return ""
            yield self.pause()
        return ""

    def pay_there(self, intent: str) -> None:
        """What is paid is seen at once, whatever the site knows of it. A canceled one can't be paid."""
        with self.sale.provider.lock:
            paid = self.sale.provider.stripe.pay(intent)
            if paid["status"] == "succeeded":
                self.journal.taken[intent] = paid["amount_received"]

    def come_back(self, path: str) -> Life:
        """The provider sends the browser back; a page that doesn't load is loaded again."""
        for _nth in range(4):
            status, _ = self.sale.phone.browse(path.removesuffix("pay/"))
            if status in (200, 302):
                return
            yield self.pause()

    def poll(self, charge: int) -> Generator[float, None, Json]:
        """As the app does, until it is known or the fan has had enough."""
        until = min(self.sale.until, time.monotonic() + 1.5 * self.sale.hold_seconds)
        while time.monotonic() < until:
            status, answer = self.ask("poll", "GET", f"/wallet/charges/{charge}/")
            if status == 200:
                self.journal.charges[charge] = answer
                if answer["state"] != "PENDING":
                    return dict(answer)
            yield 2 * self.pause()
        return self.journal.charges[charge]

    # --- And back ------------------------------------------------------------------------------

    def cancel(self, reservation: int) -> Life:
        """Cancel a seat: to the card, to the wallet, or as the house has it; some cards were closed by then."""
        if self.dice.random() < 0.3:
            with self.sale.provider.lock:
                for intent in self.journal.taken:
                    reference = self.sale.provider.stripe.of(intent)["metadata"]["reference"]
                    self.sale.provider.stripe.close_card(reference)
        body = self.dice.choice([{"refund_to": "card"}, {"refund_to": "card"}, {"refund_to": "wallet"}, {}])
        path = f"/reservations/{reservation}/cancel/"
        self.journal.asked_to_cancel.add(reservation)
        for _nth in range(20):
            status, answer = self.ask("cancel", "POST", path, body=body)
            if status in (200, 201):
                self.journal.canceled[reservation] = answer
                return
            if status in (400, 404, 409):
                return
            yield self.pause()

    def withdraw(self) -> Life:
        """Have what is in the wallet sent back to the card, or some of it; by one key however often it is asked."""
        status, wallet = self.ask("wallet", "GET", "/wallet/")
        if status != 200 or not wallet["amount"]:
            return
        key = f"withdraw {self.fan.id}"
        amount = self.dice.choice([wallet["amount"], max(1, wallet["amount"] // 2)])
        self.journal.withdrawals[key] = amount
        for _nth in range(20):
            headers = {"Idempotency-Key": key}
            status, answer = self.ask(
                "withdraw", "POST", "/wallet/withdrawals/", body={"amount": amount}, headers=headers
            )
            if status in (200, 201):
                self.journal.withdrawn[key] = answer
                # Asked again it is the same.
                if self.dice.random() < 0.7:
                    return
            elif status in (400, 402, 404, 409):
                return
            yield self.pause()


def live_all(lives: list[tuple[float, Life]], threads: int) -> list[str]:
    """Live all lives, each from its moment on (of the monotonic clock); return what went wrong with the fans' code."""
    due = [(at, nth, life) for nth, (at, life) in enumerate(lives)]
    heapq.heapify(due)
    lock, broken, alive = threading.Lock(), [], [len(due)]

    def work() -> None:
        while alive[0]:
            with lock:
                item = heapq.heappop(due) if due and due[0][0] <= time.monotonic() else None
            if item is None:
                time.sleep(0.02)
                continue
            _, nth, life = item
            try:
                seconds = next(life)
            except StopIteration:
                with lock:
                    alive[0] -= 1
                continue
            except Exception as error:  # noqa: BLE001  whatever it is, it is told at the end
                with lock:
                    broken.append(repr(error))
                    alive[0] -= 1
                continue
            with lock:
                heapq.heappush(due, (time.monotonic() + seconds, nth, life))

    in_threads(threads, work)
    return broken
