"""A sale that runs during a drill: fans hold and pay by the API, and each payment that was answered is written down."""

import http.client
import json
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import stack
from stack import Fan, Stack

FANS_AT_ONCE = 4


class Elsewhere(Stack):
    """A site over a PostgreSQL that it doesn't run itself."""

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    def connect(self) -> psycopg.Connection[Any]:  # Any: rows of any shape
        return psycopg.connect(self.database_url, autocommit=True)


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
        self.refused = 0
        self._left = list(audience.seated())
        self._lock = threading.Lock()
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
            with self._lock:
                if not self._left:
                    return
                fan, seat = self._left.pop()
            try:
                self._buy(fan, seat)
            except (OSError, http.client.HTTPException):
                self.refused += 1
            time.sleep(self.pause)

    def _buy(self, fan: Fan, seat: int) -> None:
        headers = {"X-Queue-Token": self.audience.tokens[fan.id]}
        held = self._post(fan, "reservations/", {"schedule": self.audience.show.schedule, "seats": [seat]}, headers)
        if held is None:
            return
        (reservation,) = [one["id"] for one in held["reservations"]]
        if self._post(fan, "payments/", {"reservations": [reservation]}, {}) is not None:
            with self._lock:
                self.paid.append(Paid(time.time(), reservation, fan.id))

    def _post(self, fan: Fan, path: str, body: dict[str, object], headers: dict[str, str]) -> Any:  # Any: JSON
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=10)
        try:
            sent = fan.bearer | headers | {"Content-Type": "application/json"}
            connection.request("POST", f"/api/v1/{path}", json.dumps(body), sent)
            answer = connection.getresponse()
            found = answer.read()
            if answer.status >= 300:
                self.refused += 1
                return None
            return json.loads(found)
        finally:
            connection.close()


PAYMENTS = "select reservation_id, user_id from payment where state = 'COMPLETED'"


def payments_in(connection: psycopg.Connection[Any]) -> set[tuple[int, int]]:  # Any: rows of any shape
    return {(reservation, fan) for reservation, fan in connection.execute(PAYMENTS).fetchall()}
