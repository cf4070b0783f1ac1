"""Refunding a whole schedule: in rounds, by several at once, and whatever happens in between."""

from functools import partial

import pytest

from concert_site.accounts.tests.concurrency import at_once
from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.errors import Invalid
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from concert_site.tests.unchanged import nothing_changed
from payments.domain import refund_runs, schedule_refunds
from payments.domain.refund_runs import RefundRunEnded, RefundRunning
from payments.domain.schedule_refunds import RefundRound, Total, refunded_so_far, to_refund
from payments.models import Payment
from payments.tests.scenes import buy, ledger_of, make_fan, make_paid
from payments.tests.test_refunds import DAY
from reservations.models import ConcertSchedule
from reservations.tests.scenes import NOW, hold, make_sale, statuses
from wallet.domain import ledger
from wallet.models import BalanceHistory, LedgerKind
from wallet.tests.factories import balance_of

pytestmark = pytest.mark.django_db


def refund(sale, staff, **order):
    order = {"schedule_id": sale.pk, "actor_id": staff.pk, "note": "Ill", "seconds": 30, "now": NOW} | order
    return schedule_refunds.refund_round(**order)


def test_all_of_a_schedule_is_refunded_and_nothing_else(monkeypatch):
    monkeypatch.setattr(schedule_refunds, "BATCH", 2)
    sale, other, staff = make_sale(seats=6), make_sale(), make_staff()
    fans = [make_fan(balance=50_000) for _ in range(5)]
    for nth, fan in enumerate(fans):
        buy(fan, sale, nth)
    hold(make_fan(), sale, 5)
    buy(make_fan(balance=50_000), other, 0)
    assert to_refund(sale.pk) == Total(5, 250_000)

    assert refund(sale, staff, fee=1_000, now=DAY) == RefundRound(refunded=5, refused=[], is_over=True)

    assert (statuses(sale), statuses(other)) == ("AAAAAT", "RAAAAA")
    assert [balance_of(fan) for fan in fans] == [49_000] * 5
    assert set(BalanceHistory.objects.filter(kind="REFUND").values_list("note", "actor_id")) == {("Ill", staff.pk)}
    assert (to_refund(sale.pk), refunded_so_far(sale.pk)) == (Total(0, 0), Total(5, 250_000, 5_000))
    assert broken_invariants() == {}


def test_a_round_whose_time_is_over_has_done_one_and_the_next_goes_on():
    sale, staff, fan = make_sale(seats=3), make_staff(), make_fan(balance=150_000)
    buy(fan, sale, 0, 1, 2)

    rounds = [refund(sale, staff, seconds=0) for _ in range(4)]

    assert [done.refunded for done in rounds] == [1, 1, 1, 0]
    assert [done.is_over for done in rounds] == [False, False, False, True]
    assert (statuses(sale), balance_of(fan)) == ("AAA", 150_000)
    assert BalanceHistory.objects.filter(kind="REFUND").count() == 3
    assert broken_invariants() == {}


def test_a_fee_above_a_tickets_price_takes_that_ticket():
    payment, staff = make_paid(), make_staff()

    refund(ConcertSchedule.objects.get(), staff, fee=10**9)

    assert Payment.objects.get().refund_fee == 50_000
    assert ledger_of(payment.user_id, "REFUND") == [("REFUND", 0, 0, payment.pk)]


def test_a_wallet_that_is_full_keeps_nobody_else_from_their_money():
    sale, staff, rich, poor = make_sale(), make_staff(), make_fan(balance=50_000), make_fan(balance=50_000)
    (stays,) = buy(rich, sale, 0)
    buy(poor, sale, 1)
    gift = {"kind": LedgerKind.ADJUSTMENT, "note": "Gift", "actor_id": staff.pk}
    ledger.book(user_id=rich.pk, amount=ledger.LARGEST_BALANCE, **gift)

    assert refund(sale, staff) == RefundRound(refunded=1, refused=[stays.reservation_id], is_over=True)

    assert (statuses(sale)[:2], balance_of(poor)) == ("RA", 50_000)
    assert broken_invariants() == {}


@pytest.mark.parametrize(
    ("change", "field", "is_sold"),
    [({"note": " "}, "note", True), ({"note": "a\0"}, "note", False), ({"fee": -1}, "fee", True)],
)
def test_a_senseless_order_is_refused_before_the_first_ticket(change, field, is_sold):
    sale, staff = make_sale(), make_staff()
    if is_sold:
        buy(make_fan(balance=50_000), sale, 0)

    with nothing_changed(), pytest.raises(Invalid) as caught:
        refund(sale, staff, **change)

    assert caught.value.attr == field


@committed
def test_two_colleagues_at_once_refund_each_seat_once():
    sale, colleagues = make_sale(seats=24), [make_staff(), make_staff()]
    fans = [make_fan(balance=200_000) for _ in range(6)]
    for nth, fan in enumerate(fans):
        buy(fan, sale, *range(4 * nth, 4 * nth + 4))

    rounds = at_once([partial(refund, sale, staff, fee=1_000, seconds=30) for staff in colleagues * 2])

    assert sum(done.refunded for done in rounds) == 24
    assert {done.is_over for done in rounds} == {True}
    assert (statuses(sale), {balance_of(fan) for fan in fans}) == ("A" * 24, {196_000})
    assert BalanceHistory.objects.filter(kind="REFUND").count() == 24
    assert broken_invariants() == {}


# --- On the same terms -------------------------------------------------------------------------


def sold_sale(seats=4):
    sale = make_sale(seats=seats)
    for nth in range(seats):
        buy(make_fan(balance=50_000), sale, nth)
    return sale


@pytest.mark.parametrize("other", [{"fee": 5_000}, {"refund_to": "card"}, {"note": "Flooded"}])
def test_who_comes_with_other_terms_is_told_whose_run_it_is_and_refunds_nothing(other):
    sale, first, second = sold_sale(), make_staff(), make_staff()
    refund(sale, first, fee=0, seconds=0)

    with nothing_changed(), pytest.raises(RefundRunning) as caught:
        refund(sale, second, **{"fee": 0} | other)

    assert first.email in str(caught.value.detail)
    assert "₩0" in str(caught.value.detail)


def test_what_is_left_goes_on_with_other_terms_once_the_run_was_ended():
    sale, first, second = sold_sale(), make_staff(), make_staff()
    refund(sale, first, fee=0, seconds=0)

    assert refund_runs.end(run_id=refund_runs.open_run(sale.pk).pk)
    refund(sale, second, fee=5_000)

    assert sorted(Payment.objects.values_list("refund_fee", flat=True)) == [0, 5_000, 5_000, 5_000]
    assert refund_runs.open_run(sale.pk) is None


def test_a_round_stops_at_the_seat_at_which_its_run_was_ended(monkeypatch):
    sale, staff = sold_sale(), make_staff()
    asked = []

    def end_at_the_third(run):
        asked.append(run)
        if len(asked) == 3:
            refund_runs.end(run_id=run.pk)
        return is_open(run)

    is_open = refund_runs.is_open
    monkeypatch.setattr(refund_runs, "is_open", end_at_the_third)

    with pytest.raises(RefundRunEnded):
        refund(sale, staff)

    assert to_refund(sale.pk).count == 2


def test_a_run_is_over_when_nothing_is_left_however_that_came():
    sale, staff = sold_sale(seats=1), make_staff()

    refund(sale, staff, seconds=0)
    assert refund_runs.open_run(sale.pk) is not None
    refund(sale, staff, seconds=0)

    assert refund_runs.open_run(sale.pk) is None


@committed
def test_two_colleagues_with_different_fees_at_once_charge_every_fan_the_same():
    sale, staff = sold_sale(seats=12), [make_staff() for _ in range(4)]

    done = at_once([partial(refund, sale, who, fee=fee) for who, fee in zip(staff, (0, 5_000) * 2, strict=True)])

    assert sum(isinstance(each, RefundRunning) for each in done) in {2, 3}
    assert len(set(Payment.objects.values_list("refund_fee", flat=True))) == 1
    assert broken_invariants() == {}
