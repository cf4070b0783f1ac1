"""Exchanges and hand-overs at the same moment as others, on connections of their own; guards with controls."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from django.db import DatabaseError, transaction

from concert_site.accounts.tests.concurrency import at_once, start_behind
from concert_site.lib.errors import Conflict
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from concert_site.tests.mutants import mutant
from payments.domain import rebooking, refunds
from payments.domain.errors import NotPaid
from payments.domain.rebooking import Rebooked
from payments.tests.scenes import buy, make_fan, pay
from queueing.domain import line
from reservations.domain import holds
from reservations.domain.errors import SeatUnavailable, TicketLimitExceeded
from reservations.models import ConcertSeat
from reservations.tests.scenes import NOW, held_by, hold, hold_with, in_order, let_in, make_sale, statuses
from wallet.tests.factories import balance_of

REBOOK_SEAT = Path(holds.__file__).with_name("rebook_seat.sql")
LOCK_TOKENS = Path(line.__file__).with_name("lock_tokens.sql")

pytestmark = committed


def exchange(payment, seat):
    """One click of a clerk."""
    return partial(
        rebooking.exchange,
        seats={payment.reservation_id: seat},
        actor_id=payment.user_id,
        note="Behind a pillar",
        now=NOW,
    )


def hand_over(payment, receiver):
    return partial(
        rebooking.hand_over,
        reservation_ids=[payment.reservation_id],
        receiver_id=receiver.pk,
        actor_id=payment.user_id,
        note="A present",
        now=NOW,
    )


def kinds(answers):
    return Counter(type(answer) for answer in answers)


def test_two_clerks_exchange_to_the_same_seat_and_one_wins():
    for _ in range(5):
        sale = make_sale()
        payments = [buy(make_fan(balance=50_000), sale, nth)[0] for nth in (0, 5)]

        answers = at_once([exchange(each, sale.seats[2]) for each in payments])

        assert kinds(answers) == {Rebooked: 1, SeatUnavailable: 1}
        assert sorted(statuses(sale)) == ["A"] * 4 + ["R"] * 2
    assert broken_invariants() == {}


def test_a_fan_who_holds_the_seat_and_a_clerk_never_both_have_it():
    for _ in range(5):
        sale = make_sale()
        (payment,) = buy(make_fan(balance=50_000), sale, 0)
        fan = make_fan()
        token = let_in(fan, sale)

        answers = at_once([exchange(payment, sale.seats[2]), partial(hold_with, token, fan, sale, 2)])

        assert sum(isinstance(answer, SeatUnavailable) for answer in answers) == 1
    assert broken_invariants() == {}


def free_seat_is_locked_by_a_hold():
    """A fan holds a seat and has not committed; meanwhile a clerk exchanges to it. What the clerk is answered."""
    sale = make_sale()
    (payment,) = buy(make_fan(balance=50_000), sale, 0)
    with transaction.atomic():
        hold(make_fan(), sale, 2)
        (answer,) = at_once([exchange(payment, sale.seats[2])])
    return answer


def test_a_seat_that_somebody_is_taking_is_not_waited_for():
    assert isinstance(free_seat_is_locked_by_a_hold(), SeatUnavailable)


def test_control_without_skip_locked_the_clerk_waits_in_vain():
    with mutant(REBOOK_SEAT, ("for no key update skip locked) q", "for no key update) q")):
        answer = free_seat_is_locked_by_a_hold()

    assert isinstance(answer, DatabaseError)
    assert "lock timeout" in str(answer)


def test_the_same_click_eight_times_is_done_once():
    for _ in range(3):
        fan, sale = make_fan(balance=50_000), make_sale()
        (payment,) = buy(fan, sale, 3)

        # A lower seat than its own: it is locked behind it all the same.
        answers = at_once([exchange(payment, sale.seats[0])] * 8)

        assert Counter(answer.is_new for answer in answers) == {True: 1, False: 7}
        assert (held_by(fan, sale), balance_of(fan)) == ([0], 0)
    assert broken_invariants() == {}


def exchange_while_it_is_refunded():
    """A fan cancels and has not committed; meanwhile a clerk exchanges the same seat."""
    fan, sale = make_fan(balance=50_000), make_sale()
    (payment,) = buy(fan, sale, 0)
    with transaction.atomic():
        refunds.cancel(user_id=fan.pk, reservation_id=payment.reservation_id, now=NOW)
        later = start_behind(exchange(payment, sale.seats[2]))
    return fan, later.exception(timeout=60)


def test_a_seat_that_is_canceled_meanwhile_is_not_exchanged():
    fan, error = exchange_while_it_is_refunded()

    assert isinstance(error, NotPaid)
    assert balance_of(fan) == 50_000
    assert broken_invariants() == {}


def test_control_without_a_second_look_the_money_of_a_canceled_seat_would_come_back_again():
    looked = "and r.status = 'RESERVED'\n      order by r.id"
    with mutant(REBOOK_SEAT, (looked, "\n      order by r.id")):
        _fan, error = exchange_while_it_is_refunded()

    assert not isinstance(error, NotPaid)


def test_exchanging_and_paying_and_canceling_at_once_never_wait_in_a_circle():
    for _ in range(5):
        fan, sale = make_fan(balance=200_000), make_sale()
        one, two = buy(fan, sale, 0, 1)
        held = in_order(hold(fan, sale, 2))

        answers = at_once(
            [
                exchange(one, sale.seats[3]),
                exchange(two, sale.seats[4]),
                partial(pay, fan, *held),
                partial(refunds.cancel, user_id=fan.pk, reservation_id=two.reservation_id, now=NOW),
            ]
        )

        assert all(not isinstance(answer, Exception) or isinstance(answer, Conflict) for answer in answers)
    assert broken_invariants() == {}


def test_two_fans_who_hand_over_to_each_other_at_once_never_wait_in_a_circle():
    for _ in range(5):
        sale = make_sale()
        fans = [make_fan(balance=50_000), make_fan(balance=50_000)]
        payments = [buy(fan, sale, nth)[0] for nth, fan in enumerate(fans)]

        answers = at_once([hand_over(payments[0], fans[1]), hand_over(payments[1], fans[0])])

        assert kinds(answers) == {Rebooked: 2}
    assert broken_invariants() == {}


# --- The receiver's limit ------------------------------------------------------------------------


def hand_over_while_the_receiver_holds():
    """The receiver holds up to the limit and has not committed; meanwhile somebody hands them one more."""
    sale, receiver = make_sale(tickets_per_fan=2), make_fan()
    (payment,) = buy(make_fan(balance=50_000), sale, 0)
    token = let_in(receiver, sale)
    with transaction.atomic():
        hold_with(token, receiver, sale, 1, 2)
        later = start_behind(hand_over(payment, receiver))
    return later.exception(timeout=60)


def test_what_the_receiver_holds_meanwhile_counts():
    assert isinstance(hand_over_while_the_receiver_holds(), TicketLimitExceeded)
    assert broken_invariants() == {}


def test_control_without_the_lock_of_the_token_nobody_waits_and_the_limit_is_passed():
    unlocked = ("      order by t.id\n        for no key update;", "      order by t.id;")
    with mutant(LOCK_TOKENS, unlocked), pytest.raises(AssertionError, match="nobody waits"):
        hand_over_while_the_receiver_holds()


def test_two_clerks_hand_over_to_one_account_and_the_limit_stands():
    for _ in range(5):
        sale, receiver = make_sale(tickets_per_fan=1), make_fan()
        payments = [buy(make_fan(balance=50_000), sale, nth)[0] for nth in range(3)]

        answers = at_once([hand_over(each, receiver) for each in payments])

        assert kinds(answers) == {Rebooked: 1, TicketLimitExceeded: 2}
        assert len(held_by(receiver, sale)) == 1
    assert broken_invariants() == {}


def test_a_seat_that_is_exchanged_is_never_lost():
    """However they fall: every paid seat has one reservation, and so many are paid as before."""
    sale = make_sale(seats=8)
    payments = [buy(make_fan(balance=50_000), sale, nth)[0] for nth in range(4)]

    at_once([exchange(each, sale.seats[4 + nth % 2]) for nth, each in enumerate(payments)])

    assert ConcertSeat.objects.filter(pk__in=sale.seats, status="RESERVED").count() == 4
    assert broken_invariants() == {}
