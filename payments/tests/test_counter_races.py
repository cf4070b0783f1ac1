"""Counter sales against fans' holds at the same moment, on connections of their own; guards with controls."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from django.db import transaction

from concert_site.accounts.tests.concurrency import at_once, start_behind
from concert_site.accounts.tests.factories import make_staff
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from concert_site.tests.mutants import mutant, run
from payments.domain import counter
from payments.domain.counter_orders import Buyer, PaymentOrder, SaleOrder, Tender
from payments.domain.errors import FanIsBusy
from payments.models import TillEntry
from payments.tests.scenes import make_fan, pay
from reservations.domain import counter_holds
from reservations.domain.errors import HoldExpired, SeatUnavailable, TicketLimitExceeded
from reservations.tests.scenes import NOW, held_by, hold, hold_with, in_order, let_in, make_sale, statuses
from wallet.tests.factories import balance_of

HOLD = Path(counter_holds.__file__).with_name("hold_at_counter.sql")

pytestmark = committed


def sell(clerk, sale, *nth, buyer=None, key="click"):
    order = SaleOrder(
        schedule_id=sale.pk,
        seat_ids=[sale.seats[each] for each in nth],
        buyer=buyer or Buyer(),
        tender=Tender("CASH"),
        agreed=50_000 * len(nth),
        actor_id=clerk.pk,
        idempotency_key=key,
    )
    return counter.sell(order, now=NOW)


def answer_of(step):
    """What came of it, by the name of its error."""
    try:
        step()
    except (SeatUnavailable, TicketLimitExceeded, FanIsBusy, HoldExpired) as refusal:
        return type(refusal).__name__
    return "done"


def race_for_a_seat():
    """Two clerks and two fans want the same seat; what each heard, and the seat."""
    clerks, fans, sale = [make_staff() for _ in range(2)], [make_fan() for _ in range(2)], make_sale(seats=1)
    tokens = [let_in(fan, sale) for fan in fans]
    steps = [partial(sell, clerk, sale, 0) for clerk in clerks]
    steps += [partial(hold_with, token, fan, sale, 0) for token, fan in zip(tokens, fans, strict=True)]
    return Counter(at_once([partial(answer_of, step) for step in steps]))


def test_of_clerks_and_fans_who_want_a_seat_one_gets_it_and_nobody_waits():
    for _ in range(6):
        heard = race_for_a_seat()
        # A seat that is being taken by somebody who then loses reads as taken: perhaps nobody gets it.
        assert heard["done"] <= 1
        assert set(heard) <= {"done", "SeatUnavailable"}
    assert broken_invariants() == {}


def test_a_clerk_hears_at_once_that_a_fan_is_getting_the_seat():
    fan, sale, clerk = make_fan(), make_sale(), make_staff()
    token = let_in(fan, sale)

    with transaction.atomic():
        hold_with(token, fan, sale, 0)
        # On a connection of its own, which would wait for ours forever.
        (heard,) = at_once([partial(answer_of, partial(sell, clerk, sale, 0))])

    assert heard == "SeatUnavailable"


def fill_up(rounds=8):
    """A fan with room for four holds three online while a clerk sells them three: how many rounds went above four."""
    above = 0
    for _ in range(rounds):
        fan, sale, clerk = make_fan(), make_sale(seats=6, tickets_per_fan=4), make_staff()
        token = let_in(fan, sale)
        online = partial(answer_of, partial(hold_with, token, fan, sale, 0, 1, 2))
        desk = partial(answer_of, partial(sell, clerk, sale, 3, 4, 5, buyer=Buyer(user_id=fan.pk)))
        at_once([online, desk])
        above += len(held_by(fan, sale)) > 4
    return above


def test_a_fan_who_books_beside_the_clerk_stays_within_the_limit():
    assert fill_up() == 0
    assert broken_invariants() == {}


def test_a_clerk_behind_a_hold_of_the_same_fan_counts_it():
    fan, sale, clerk = make_fan(), make_sale(seats=6, tickets_per_fan=4), make_staff()
    token = let_in(fan, sale)

    with transaction.atomic():
        hold_with(token, fan, sale, 0, 1, 2)
        # The clerk doesn't wait for the fan: asked again and again, then told that the fan is busy.
        (heard,) = at_once([partial(answer_of, partial(sell, clerk, sale, 3, 4, buyer=Buyer(user_id=fan.pk)))])
    after = answer_of(partial(sell, clerk, sale, 3, 4, buyer=Buyer(user_id=fan.pk)))

    assert (heard, after) == ("FanIsBusy", "TicketLimitExceeded")


def test_control_without_the_locks_of_the_fan_the_clerk_goes_above_the_limit(monkeypatch):
    monkeypatch.setattr(counter, "lock_fan", lambda *_ids: None)
    fan, sale, clerk = make_fan(), make_sale(seats=6, tickets_per_fan=4), make_staff()
    token = let_in(fan, sale)

    with transaction.atomic():
        hold_with(token, fan, sale, 0, 1, 2)
        # It has counted before it comes to the fan's token.
        later = start_behind(partial(answer_of, partial(sell, clerk, sale, 3, 4, buyer=Buyer(user_id=fan.pk))))

    assert (later.result(timeout=60), len(held_by(fan, sale))) == ("done", 5)


def test_control_without_skip_locked_the_clerk_waits_for_the_fan():
    fan, sale, clerk = make_fan(), make_sale(), make_staff()
    token = let_in(fan, sale)

    with mutant(HOLD, ("for no key update skip locked", "for no key update")):
        with transaction.atomic():
            hold_with(token, fan, sale, 0)
            later = start_behind(partial(answer_of, partial(sell, clerk, sale, 0)))
        assert later.result(timeout=60) == "SeatUnavailable"


@pytest.mark.parametrize("clicks", [2, 6])
def test_the_same_click_at_once_sells_once(clicks):
    sale, clerk = make_sale(), make_staff()

    heard = at_once([partial(answer_of, partial(sell, clerk, sale, 0))] * clicks)

    assert set(heard) <= {"done", "SeatUnavailable"}
    assert TillEntry.objects.count() == 1
    assert statuses(sale) == "RAAAAA"
    assert broken_invariants() == {}


def test_cash_for_a_hold_that_the_fan_pays_at_the_same_moment_is_taken_once_or_not_at_all():
    for _ in range(6):
        fan, sale, clerk = make_fan(balance=50_000), make_sale(seats=1), make_staff()
        booking = hold(fan, sale, 0)
        order = PaymentOrder(booking.reference, Tender("CASH"), 50_000, clerk.pk, "click")

        desk = partial(answer_of, partial(counter.take_payment, order, now=NOW))
        heard, _paid = at_once([desk, partial(pay, fan, *in_order(booking))])

        took = heard == "done"
        assert balance_of(fan) == (50_000 if took else 0)
    assert broken_invariants() == {}


def test_a_function_that_answers_other_columns_from_now_on_fails_no_sale():
    """As in a rolling upgrade: who has prepared the call goes on, in the middle of a transaction."""
    sale, clerk = make_sale(), make_staff()
    sell(clerk, sale, 0)
    file = Path(counter.__file__).with_name("pay_at_counter.sql")
    wider = file.read_text().replace("out paid bigint[]", "out paid bigint[], out more int")
    # From another connection: one that drops a function forgets what it has prepared.
    at_once([partial(run, "alter function pay_at_counter rename to kept", wider)])
    try:
        sell(clerk, sale, 1, key="again")
    finally:
        at_once([partial(run, "drop function pay_at_counter", "alter function kept rename to pay_at_counter")])

    assert statuses(sale) == "RRAAAA"
