"""A sale that runs during a drill: fans hold and pay by the API, and each payment that was answered is written down."""

import threading
import time
from dataclasses import dataclass
from typing import Any

import psycopg
import stack
from stack import Fan, Stack

FANS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment that was answered: when by our clock, which is PostgreSQL's, and of which reservation."""

    at: float
    reservation: int
    fan: int


class Sale:
    """Sells seat after seat until it is told to stop, or none is left."""

    def __init__(self, site: Stack, audience: stack.Audience, per_second: float) -> None:
        self.site, self.audience = site, audience
        self.pause = FANS_AT_ONCE / per_second
        self.paid: list[Paid] = []
        self._left = audience.seated()
        self._may_sell = threading.Event()
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._sell, daemon=True) for _ in range(FANS_AT_ONCE)]
        for thread in self._threads:
            thread.start()

    def resume(self) -> None:
        self._may_sell.set()

    def rest(self) -> None:
        """Begin nothing more, and let what is under way end."""
        self._may_sell.clear()
        time.sleep(1.5)

    def end(self) -> None:
        self._is_over.set()
        self._may_sell.set()
        for thread in self._threads:
            thread.join(10)

    def _sell(self) -> None:
        while self._may_sell.wait() and not self._is_over.is_set():
            if (left := next(self._left, None)) is None:
                return
            self._buy(*left)
            time.sleep(self.pause)

    def _buy(self, fan: Fan, seat: int) -> None:
        """Hold and pay; who is refused, or hears nothing, goes."""
        body = {"schedule": self.audience.show.schedule, "seats": [seat]}
        headers = fan.bearer | {"X-Queue-Token": self.audience.tokens[fan.id]}
        status, held = self.site.ask("POST", "reservations/", body, headers)
        if status != 201:
            return
        (reservation,) = [one["id"] for one in held["reservations"]]
        status, _ = self.site.ask("POST", "payments/", {"reservations": [reservation]}, fan.bearer)
        if status == 201:
            self.paid.append(Paid(time.time(), reservation, fan.id))


PAYMENTS = "select reservation_id, user_id from payment where state = 'COMPLETED'"


def payments_in(connection: psycopg.Connection[Any]) -> set[tuple[int, int]]:  # Any: rows of any shape
    return {(reservation, fan) for reservation, fan in connection.execute(PAYMENTS).fetchall()}
