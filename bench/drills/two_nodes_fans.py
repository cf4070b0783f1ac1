"""Who comes to two web nodes: fans who join and buy, and whoever tries out that it doesn't matter which is asked."""

import http.client
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from clients import Client
from stack import Audience, Stack
from torture_proofs import Proof

CHARGES_A_MINUTE = 30


def across(nodes: list[tuple[str, int]], site: Stack) -> Iterator[Proof]:
    """What must hold whichever node is asked."""
    first, second = nodes
    browser = Client(first)
    fan = site.manage("make_fans", "1", "--balance=0")[0]
    status = browser.log_in(fan, second)
    yield Proof("a form of one node is taken by the other", f"login {status}", [] if status == 302 else [str(status)])
    seen = [browser.ask("GET", "/wallet/", host=node)[0] for node in nodes]
    yield Proof("who is logged in is so on both", str(seen), [] if seen == [200, 200] else [str(seen)])

    bearer = f"Bearer {fan['access_token']}"
    app = Client(first)
    charge = json.dumps({"amount": 1000})
    words: dict[str, Any] = {"Authorization": bearer, "Content_Type": "application/json", "Idempotency_Key": "drill"}
    twice = [app.ask("POST", "/api/v1/wallet/charges/", charge, node, **words)[0] for node in nodes]
    wallet = json.loads(app.ask("GET", "/api/v1/wallet/", Authorization=bearer)[1])
    is_once = twice == [201, 200] and wallet["amount"] == 1000
    yield Proof(
        "a key that was used on one is known to the other", f"{twice}, {wallet['amount']}", [] if is_once else ["no"]
    )
    statuses: Counter[int] = Counter()
    # A minute may end in the middle, and begins anew then: of twice as many one at least is refused.
    for nth in range(2 * CHARGES_A_MINUTE + 1):
        more = words | {"Idempotency_Key": f"more-{nth}"}
        statuses[app.ask("POST", "/api/v1/wallet/charges/", charge, nodes[nth % 2], **more)[0]] += 1
        if statuses[429]:
            break
    yield Proof(
        "limits count what both were asked", str(dict(statuses)), [] if statuses[429] else ["nobody was refused"]
    )
    yield from static_names(nodes)


def static_names(nodes: list[tuple[str, int]]) -> Iterator[Proof]:
    """Pages of either release find their files at either node."""
    client = Client(nodes[0])
    names = []
    for node in nodes:
        _, page, _ = client.ask("GET", "/", host=node)
        found = re.search(rb'href="(/static/css/frontrow[^"]*\.css)"', page)
        names.append(found[1].decode() if found else "")
    kept = {
        (nth, at): client.ask("GET", name, host=node)[2].get("Cache-Control", "")
        for nth, name in enumerate(names)
        for at, node in enumerate(nodes)
    }
    is_kept = all(("immutable" in said) == (nth == at) and said for (nth, at), said in kept.items())
    yield Proof("the releases name their files differently", " ".join(names), [] if len(set(names)) == 2 else names)
    yield Proof("each answers the other's names, for a minute", str(kept[0, 1]), [] if is_kept else [str(kept)])


class Buyers(threading.Thread):
    """Fans who join a line, hold a seat elsewhere and pay, one after the other; keys make asking again harmless."""

    def __init__(self, host: tuple[str, int], audience: Audience, line: int, pause: float) -> None:
        super().__init__(daemon=True)
        self.host, self.audience, self.line, self.pause = host, audience, line, pause
        self.is_over = threading.Event()
        self.served = 0
        # What was answered: tokens by fan, and reservations by fan.
        self.places: dict[str, int] = {}
        self.held: dict[int, int] = {}
        self.paid: dict[int, int] = {}
        self.statuses: Counter[str] = Counter()
        self.slowest = 0.0

    def run(self) -> None:
        for fan, seat in self.audience.seated():
            if self.is_over.is_set():
                return
            began = time.monotonic()
            self.served += 1
            place = self.ask("join", f"schedules/{self.line}/queue-tokens", fan.id, fan.bearer, {})
            if place:
                self.places[place["token"]] = fan.id
            wanted = {"schedule": self.audience.show.schedule, "seats": [seat]}
            held = self.ask("hold", "reservations", fan.id, fan.bearer, wanted)
            if held:
                (reservation,) = (each["id"] for each in held["reservations"])
                self.held[reservation] = fan.id
                if self.ask("pay", "payments", fan.id, fan.bearer, {"reservations": [reservation]}):
                    self.paid[reservation] = fan.id
            time.sleep(max(0.0, began + self.pause - time.monotonic()))

    def ask(self, step: str, what: str, fan: int, bearer: dict[str, str], body: object) -> Any:  # Any: JSON
        """What is answered at last; a fan whose request was cut off asks again."""
        token = self.audience.tokens[fan]
        words = {"Content_Type": "application/json", "Idempotency_Key": f"{step}-{fan}", "X_Queue_Token": token}
        for _ in range(20):
            asked_at = time.monotonic()
            try:
                status, answer, _ = Client(self.host).ask(
                    "POST", f"/api/v1/{what}/", json.dumps(body), None, **words, **bearer
                )
            except (OSError, http.client.HTTPException) as error:
                status, answer = 0, repr(error).encode()
            self.slowest = max(self.slowest, time.monotonic() - asked_at)
            self.statuses[f"{step} {status}"] += 1
            if status in (200, 201):
                return json.loads(answer)
            time.sleep(0.3)
        return None

    def refusals(self) -> Counter[str]:
        """What wasn't answered with yes so far, by step and status."""
        return Counter({name: count for name, count in dict(self.statuses).items() if name.split()[1][0] != "2"})
