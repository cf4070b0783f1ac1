"""The load of bench/drills/alerts.py: readers, and fans who hold and pay, each answer written down."""

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from alerts_site import Drill, ask
from failover import Buyer, Diary, lost
from stack import Audience, Fan

READ = {"healthz": 0.1, "readyz": 0.2, "": 0.3, "accounts/login/": 0.3, "api/v1/concerts/": 0.1}
POLL_SECONDS = 0.05
BUYERS, REST_SECONDS = 4, 1.5
# A fan asks again until there is an answer, however long something is frozen.
PATIENCE_SECONDS = 180.0
# By path or step: how many answers of each status, and the longest in seconds.
Found = dict[str, tuple[dict[int, int], float]]


@dataclass(frozen=True)
class Asked:
    """One request: when, of what kind, what came, and after how long."""

    at: float
    what: str
    status: int
    seconds: float
    body: Any = None  # Any: JSON, or bytes of a probe


@dataclass
class Log:
    """All that was asked."""

    asked: list[Asked] = field(default_factory=list)

    def between(self, began: float, ended: float) -> list[Asked]:
        return [each for each in list(self.asked) if began <= each.at < ended]


def summed(asked: list[Asked]) -> Found:
    """By what was asked."""
    statuses: dict[str, Counter[int]] = defaultdict(Counter)
    longest: dict[str, float] = defaultdict(float)
    for each in asked:
        statuses[each.what][each.status] += 1
        longest[each.what] = max(longest[each.what], each.seconds)
    return {what: (dict(counts), round(longest[what], 2)) for what, counts in sorted(statuses.items())}


class Fans(Buyer):
    """Holds and pays for one fan after another while it may, and asks again until that is answered."""

    patience = PATIENCE_SECONDS
    log: Log
    may_buy: threading.Event

    def buy(self, fan: Fan, seat: int) -> None:
        self.may_buy.wait()
        super().buy(fan, seat)
        time.sleep(REST_SECONDS)

    def note(self, step: str, asked_at: float, status: int, said: Any) -> None:  # Any: JSON
        self.log.asked.append(Asked(asked_at, step, status, time.monotonic() - asked_at, said))


class Load:
    """Everybody who comes to the site meanwhile."""

    def __init__(self, drill: Drill, audience: Audience, polled: int) -> None:
        self.drill, self.base = drill, f"http://127.0.0.1:{drill.site.port}/"
        self.reads, self.writes, self.diary = Log(), Log(), Diary()
        self.polled = f"api/v1/schedules/{polled}/queue/"
        self.may_buy, self.is_over = threading.Event(), threading.Event()
        work = audience.seated()
        for _ in range(BUYERS):
            fans = Fans(drill.site, audience, work, self.diary)
            fans.log, fans.may_buy = self.writes, self.may_buy
            fans.start()
        for path, pause in (READ | {self.polled: POLL_SECONDS}).items():
            threading.Thread(target=self.read, args=(path, pause), daemon=True).start()

    def read(self, path: str, pause: float) -> None:
        while not self.is_over.wait(pause):
            began = time.monotonic()
            status, body, seconds = ask(self.base + path)
            self.reads.asked.append(Asked(began, path, status, seconds, body if path == "readyz" else None))

    def end(self) -> None:
        """Let what is under way be answered, and ask for nothing more."""
        self.may_buy.clear()
        time.sleep(2 * REST_SECONDS)
        self.is_over.set()

    def print_since(self, began: float, ended: float) -> tuple[Found, Found]:
        """What readers and fans were answered."""
        reads, writes = summed(self.reads.between(began, ended)), summed(self.writes.between(began, ended))
        print(f"  {ended - began:.0f} s: { {f'/{path}': each for path, each in reads.items()} }; {writes}", flush=True)
        return reads, writes

    def check_refusals(self, began: float, ended: float) -> None:
        """Who wasn't served was told 503 by our own words, and soon."""
        refused = [each for each in self.writes.between(began, ended) if each.status not in (200, 201)]
        unclean = [each for each in refused if each.status != 503 or not is_ours(each.body)]
        slowest = max((each.seconds for each in refused), default=0.0)
        self.drill.check(not unclean, f"{len(refused)} holds and payments refused, each by a clean 503: {unclean[:3]}")
        self.drill.check(slowest < 2, f"the slowest refusal took {slowest:.2f} s")

    def check_acknowledged(self) -> None:
        """Every hold and payment that was acknowledged is there."""
        missing = lost(self.drill.site, self.diary)
        holds, payments = len(self.diary.holds), len(self.diary.payments)
        self.drill.check(bool(payments), f"{holds} holds and {payments} payments were acknowledged")
        self.drill.check(not missing, f"{len(missing)} of them are lost: {missing[:5]}")
        self.drill.check(not self.diary.unfinished, f"never answered: {self.diary.unfinished[:5]}")


def is_ours(said: Any) -> bool:  # Any: JSON
    return isinstance(said, dict) and said.get("errors", [{}])[0].get("code") == "unavailable"
