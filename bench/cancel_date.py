#!/usr/bin/env python
"""Cancel a date with many paid tickets while the worker is killed, and see that everybody is refunded once.

    .venv/bin/python bench/cancel_date.py [--tickets 20000] [--per-fan 2] [--kills 2]

The site runs as `up` starts it: the refunds are found by beat and made by its worker, which is killed with SIGKILL on
the way and comes back by itself. What is printed is how long it took from the click to the last refund, deaths
included, what each fan's wallet has afterwards, and what the audit says.
"""

import argparse
import os
import signal
import time

import stack
from stack import Audience, Stack

PRICE = 1000
LONGEST_SECONDS = 600

PAID = "select count(*) from payment where state = 'COMPLETED'"
SELL = """
select count(*) from pay_reservations(
    %(fan)s,
    (select array_agg(h.reservation)
       from hold_seats(%(fan)s, %(schedule)s, %(seats)s::bigint[], %(token)s::uuid, %(reference)s, null, null,
                       300, 600, 5, 0, null) h),
    null)"""


def sell(site: Stack, tickets: int, per_fan: int) -> Audience:
    """A show whose seats are all paid, so many by each fan."""
    show = site.make_show(seats=tickets, max_active=1_000_000, price=PRICE, tickets_per_fan=per_fan)
    fans = site.make_fans(tickets // per_fan, balance=PRICE * per_fan)
    with site.connect() as connection:
        connection.execute("analyze concert_seat, balance, users")
        tokens = site.let_in(connection, show, fans)
        for nth, fan in enumerate(fans):
            seats = show.seats[nth * per_fan : (nth + 1) * per_fan]
            order = {"fan": fan.id, "schedule": show.schedule, "seats": seats, "token": tokens[fan.id]}
            connection.execute(SELL, order | {"reference": f"BENCH{nth:07}"})
        # Their confirmations were sent long ago.
        connection.execute("update payment set confirmed_mail_at = now()")
        connection.execute("analyze")
        sold = stack.one(connection, PAID)
    if sold != len(fans) * per_fan:
        raise SystemExit(f"Only {sold} tickets were sold.")
    return Audience(show, fans, tokens)


def cancel(schedule_id: int) -> None:
    """Press the button, as the page does."""
    from concert_site.accounts.models import User
    from payments.domain.date_cancellation import DateCancellation, cancel_date
    from payments.models import RefundTo
    from reservations.domain.date_changes import ChangeReason

    clerk = User.objects.create_superuser("clerk@frontrow.example")
    cancel_date(DateCancellation(schedule_id, ChangeReason(en="Flood"), RefundTo.WALLET), actor_id=clerk.pk)


def watch(site: Stack, tickets: int, kills: int) -> tuple[float, int]:
    """Wait until the run is over, killing the worker on the way; seconds, and how often it was killed."""
    began, killed = time.monotonic(), 0
    with site.connect() as connection:
        while time.monotonic() - began < LONGEST_SECONDS:
            left = stack.one(connection, PAID)
            if killed < kills and left <= tickets * (kills - killed) / (kills + 1):
                os.kill(site.pid_of("worker"), signal.SIGKILL)
                killed += 1
                print(f"  {time.monotonic() - began:5.1f} s: {left} tickets left, the worker is killed")
            if connection.execute("select 1 from refund_run where ended_at is not null").fetchone():
                return time.monotonic() - began, killed
            time.sleep(0.05)
    raise SystemExit("It took too long.")


def wrong_wallets(site: Stack, per_fan: int) -> int:
    """How many fans have another sum than they came with, or another number of refunds than tickets."""
    query = """
        select count(*) from balance b
         where b.amount <> %(had)s
            or (select count(*) from balance_history h where h.user_id = b.user_id and h.kind = 'REFUND') <> %(each)s"""
    with site.connect() as connection:
        return int(stack.one(connection, query, {"had": PRICE * per_fan, "each": per_fan}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=20_000)
    parser.add_argument("--per-fan", type=int, default=2)
    parser.add_argument("--kills", type=int, default=2)
    options = parser.parse_args()
    with stack.running(EMAIL_URL="dummymail://") as site:
        print(stack.machine(site))
        audience = sell(site, options.tickets, options.per_fan)
        with stack.domain_ready(site):
            cancel(audience.show.schedule)
            seconds, killed = watch(site, options.tickets, options.kills)
        wrong = wrong_wallets(site, options.per_fan)
        verdict = "finds nothing" if site.passes_audit() else "FINDS BREACHES"
    print(f"{options.tickets} tickets of {len(audience.fans)} fans refunded in {seconds:.1f} s,")
    print(f"with the worker killed {killed} times; {wrong} wallets are wrong; the audit {verdict}.")


if __name__ == "__main__":
    main()
