#!/usr/bin/env python
"""Sell seats by card while the provider goes wrong and everything is killed, and prove where all the money is.

    .venv/bin/python bench/card_chaos.py [--rounds 1000] [--seats 1000] [--seed N] [--hold 20] [--every 15]

A site of its own sells by Stripe's protocol, spoken by a server beside the tests that keeps a book. Fans pay, are
declined, vanish, come late, cancel, withdraw; answers are lost after the deed, webhooks come late, twice, shuffled,
forged or never; and web, workers, beat, Redis, PostgreSQL or all of them are killed with SIGKILL. Then faults end, time
is let pass, and journals, book and tables are compared from outside. Ends with 1 on any breach. Throttles are off.
"""

import argparse
import os
import random
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress

import psycopg
import stack
from card_fans import HABITS, Buyer, Life, Sale, live_all
from card_proofs import Evidence, proofs, read_tables
from card_provider import Bank, book_of, provider
from stack import Fan
from torture import FaultInjector, Site, audit, judge, print_answers, running
from torture_fans import Diary

from wallet.tests.provider_server import ProviderServer

PRICE = 10_000
# Half of the fans have a part of the price in their wallet.
POCKET_MONEY = 4_000
HOLD_FACTOR = 2.0
CONCERT_IN = 8 * 24 * 3600
# Of each kind of blow so many in a hundred.
BLOWS = {
    "kill_web": 16,
    "kill_a_web_worker": 14,
    "kill_worker": 22,
    "kill_beat": 8,
    "cut_backends": 14,
    "kill_postgres": 8,
    "kill_redis": 8,
    "flush_redis": 4,
    "kill_everything": 6,
}
SETTLE_SECONDS = 120
FORWARD_SECONDS = 1.5
# Hours and days go by: what is under way is due, and nobody waits for it any more.
FORWARD = """
update top_up set next_look_at = now(), expires_at = least(expires_at, now() - interval '90 minutes')
 where next_look_at > now() and state in ('CREATED', 'PENDING');
update withdrawal set next_look_at = now() where next_look_at > now();
update provider_event set next_attempt_at = now() where next_attempt_at > now();
"""
UNDER_WAY = """
select (select count(*) from top_up where state in ('CREATED', 'PENDING') and next_look_at is not null)
     + (select count(*) from withdrawal where state = 'PENDING' and next_look_at is not null)
     + (select count(*) from provider_event where state = 'RECEIVED')
     + (select count(*) from reservation where status = 'RESERVING')
"""
LOOK_AT_STUCK = """
import django; django.setup()
from django.conf import settings
from django.test import Client
from django.urls import reverse
from concert_site.accounts.models import User
settings.ALLOWED_HOSTS = ["*"]
staff, _ = User.objects.get_or_create(email="chaos@example.com", defaults={"is_staff": True, "is_superuser": True})
client = Client(); client.force_login(staff)
answer = client.get(reverse("admin:wallet_stuck"))
print(answer.status_code); print(answer.content.decode())
"""


class RandomFaults(FaultInjector):
    """Takes something away every so often, by dice of the run's seed."""

    def __init__(self, site: Site, dice: random.Random, options: argparse.Namespace) -> None:
        super().__init__(site, time.monotonic())
        self.dice, self.every, self.kinds, self.most = dice, options.every, options.blows, options.most_blows
        self.is_over = threading.Event()

    def next_blows(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """One after the other, until it is over or was enough."""
        after = 1.0
        while not self.is_over.is_set() and len(self.log) < self.most:
            after += self.every * self.dice.uniform(0.5, 1.5)
            name = self.dice.choices(self.kinds, [BLOWS[name] for name in self.kinds])[0]
            yield after, getattr(self, name)

    def work(self) -> None:
        for after, step in self.next_blows():
            began = self.opening + after
            if self.is_over.wait(max(0.0, began - time.monotonic())):
                return
            self.strike(step)

    def kill_beat(self) -> None:
        """Beat killed."""
        self.kill("beat")


def selling(server: ProviderServer, hold: float) -> AbstractContextManager[Site]:
    seconds = str(round(hold))
    chosen = {
        "WALLET_PROVIDER": "stripe",
        "PROVIDER_TIMEOUT": "2",
        "HOLD_SECONDS": seconds,
        "TOP_UP_SECONDS": seconds,
        "CARD_HOLD_SECONDS": str(round(hold * HOLD_FACTOR)),
    }
    return running(**chosen, **server.settings())


def sell(site: Site, server: ProviderServer, options: argparse.Namespace) -> Evidence:
    """Sell, settle and gather what is to be compared."""
    dice = random.Random(options.seed)
    balances = make_purses(site, options.rounds)
    show = site.make_show(
        seats=options.seats, price=PRICE, max_active=1_000_000, concert_in=CONCERT_IN, closes_in=CONCERT_IN // 2
    )
    began = time.monotonic()
    sale = Sale(site.port, show, server, options.hold, began + options.seconds)
    habits = dice.choices(list(HABITS), list(HABITS.values()), k=options.rounds)
    buyers = make_buyers(sale, [fan for fan, _balance in balances], habits, options.seed)
    lives = [(began + dice.random() * options.rounds / options.rate, each.live()) for each in buyers]
    bank = Bank(server, site.port, random.Random(f"{options.seed} bank"))
    bank.thread.start()
    troubles = live_under_blows(lives, RandomFaults(site, random.Random(f"{options.seed} blows"), options), options)
    print(f"All fans are through after {time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.1f}.\n")
    bank.is_calm = True
    site.wait_until_ready()
    settle(site, bank)
    bank.stop()
    print_answers(Diary(answers=sale.answers()))
    left = [each.fan.id for each in buyers if not each.journal.is_through]
    if left:
        print(f"{len(left)} fans still waited for a seat, or for an answer, when time was up.\n")
    with site.connect() as connection:
        tables = read_tables(connection)
    return Evidence(
        journals=[each.journal for each in buyers],
        book=book_of(server),
        tables=tables,
        initial={fan.id: balance for fan, balance in balances},
        most_hold_seconds=round(options.hold * HOLD_FACTOR),
        forged=bank.forged,
        webhooks=bank.answers,
        stuck_page=stuck_page(site),
        audit=audit(site),
        troubles=troubles,
    )


def make_buyers(sale: Sale, fans: Sequence[Fan], habits: Sequence[str], seed: int) -> list[Buyer]:
    """One a fan, each with a habit and dice of their own."""
    return [
        Buyer(fan, sale, random.Random(f"{seed} {nth}"), habit)
        for nth, (fan, habit) in enumerate(zip(fans, habits, strict=True))
    ]


def make_purses(site: Site, count: int) -> list[tuple[Fan, int]]:
    """So many fans, half of them with some money, and what each has."""
    half = count // 2
    rich = site.make_fans(half, balance=POCKET_MONEY) if half else []
    poor = site.make_fans(count - half, balance=0)
    return [*((fan, 0) for fan in poor), *((fan, POCKET_MONEY) for fan in rich)]


def live_under_blows(lives: list[tuple[float, Life]], blows: RandomFaults, options: argparse.Namespace) -> list[str]:
    """Let all fans live while the site is torn apart, if it is to be; return the troubles that they had."""
    injector = threading.Thread(target=blows.work, daemon=True)
    if options.every:
        injector.start()
    troubles = live_all(lives, options.threads)
    blows.is_over.set()
    if options.every:
        injector.join(timeout=2 * stack.PATIENCE_SECONDS)
    if blows.log:
        print(stack.table(["seconds", "what was done"], blows.log), "\n")
    return troubles


def settle(site: Site, bank: Bank) -> None:
    """Let time pass until nothing is under way, or until it has had long enough."""
    began = time.monotonic()
    quiet = 0
    while time.monotonic() - began < SETTLE_SECONDS and quiet < 2:
        with suppress(psycopg.OperationalError), site.watcher() as connection:
            connection.execute(FORWARD)
            left = stack.one(connection, UNDER_WAY)
            quiet = quiet + 1 if not left and bank.has_told_all else 0
        time.sleep(FORWARD_SECONDS)
    print(f"Settled after {time.monotonic() - began:.0f} s.\n")


def stuck_page(site: Site) -> str:
    """The page that staff look at."""
    done = site.run("shell", "-v", "0", "-c", LOOK_AT_STUCK)
    if not re.search(r"^200$", done.stdout, re.MULTILINE):
        raise SystemExit(f"The page of what is stuck answers {done.stdout[:200]} {done.stderr[-2000:]}")
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description="Sell by card while everything goes wrong.")
    parser.add_argument("--rounds", type=int, default=1000, help="fans who pay by card")
    parser.add_argument("--seats", type=int, default=1000)
    parser.add_argument("--seed", default=secrets.token_hex(4), help="of all dice; printed")
    parser.add_argument("--hold", type=float, default=20, help="seconds that seats are held, and money is waited for")
    parser.add_argument("--every", type=float, default=15, help="seconds between two blows; 0: none")
    parser.add_argument("--blows", nargs="+", choices=BLOWS, default=list(BLOWS), help="of which kinds")
    parser.add_argument("--most-blows", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=5, help="fans who come in a second")
    parser.add_argument("--threads", type=int, default=24, help="that live the fans' lives")
    parser.add_argument("--seconds", type=float, default=480, help="after which fans give up")
    options = parser.parse_args()
    print(f"--seed {options.seed} --rounds {options.rounds} --seats {options.seats}\n", flush=True)
    with provider() as server, selling(server, options.hold) as site:
        return 0 if judge(list(proofs(sell(site, server, options)))) else 1


if __name__ == "__main__":
    sys.exit(main())
