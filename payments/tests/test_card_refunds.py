"""Refunds that go on to the card: by the fan, by staff, of a whole schedule, and whatever happens meanwhile."""

from functools import partial

import pytest
from django.db import transaction

from concert_site.accounts.tests.concurrency import at_once, start_behind
from concert_site.accounts.tests.factories import api_of, make_staff
from concert_site.lib.errors import Invalid, NotFound
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_written
from payments.domain import card_refunds, checkout, schedule_refunds
from payments.models import Payment, RefundTo
from payments.tests.scenes import buy
from payments.tests.test_refunds import DAY, SECOND
from reservations.tests.scenes import NOW, hold, in_order, make_sale, statuses
from wallet.domain import ledger, top_ups, withdrawals
from wallet.models import TopUp, Withdrawal
from wallet.providers import sandbox
from wallet.providers.base import ProviderAway
from wallet.tests.factories import balance_of, make_charge, make_fan

pytestmark = pytest.mark.django_db


def bought(*, by_card=50_000, gift=0, seats=1):
    """A fan who has paid seats of 50,000 each, with money of these two kinds; and the payments."""
    fan = make_fan(balance=gift)
    if by_card:
        make_charge(fan, amount=by_card)
    return fan, buy(fan, make_sale(seats=seats), *range(seats))


def cancel(payment, refund_to=RefundTo.CARD, now=NOW):
    return card_refunds.cancel(
        user_id=payment.user_id, reservation_id=payment.reservation_id, refund_to=refund_to, now=now
    )


def sent(done):
    return [(each.amount, each.state, each.payment_id) for each in done.withdrawals]


# --- By the fan --------------------------------------------------------------------------------


def test_a_canceled_seat_goes_to_the_card_less_the_fee():
    fan, (payment,) = bought()

    done = cancel(payment, now=DAY.replace(day=25))

    assert (done.fee, done.refund, done.balance) == (10_000, 40_000, 0)
    assert sent(done) == [(40_000, "SUCCEEDED", payment.pk)]
    assert TopUp.objects.get(user=fan).refunded == 40_000
    assert broken_invariants() == {}


def test_a_refund_to_the_wallet_makes_no_withdrawal():
    fan, (payment,) = bought()

    done = cancel(payment, RefundTo.WALLET)

    assert (done.refund, done.balance, done.withdrawals) == (50_000, 50_000, [])
    assert balance_of(fan) == 50_000


def test_what_did_not_come_by_card_stays_in_the_wallet():
    fan, (payment,) = bought(by_card=30_000, gift=20_000)

    done = cancel(payment)

    assert (sent(done), done.balance, balance_of(fan)) == ([(30_000, "SUCCEEDED", payment.pk)], 20_000, 20_000)
    assert broken_invariants() == {}


def test_the_top_up_that_paid_for_the_booking_goes_back_first():
    fan = make_fan()
    sale = make_sale(seats=1)
    (reservation,) = in_order(hold(fan, sale, 0, now=None))
    begun = top_ups.start(top_ups.TopUpRequest(user_id=fan.pk, amount=50_000, reservations=(reservation,))).top_up
    sandbox.pay(begun.reference)
    top_ups.settle(begun, top_ups.look_up(begun))
    make_charge(fan, amount=70_000)

    done = cancel(Payment.objects.get(), now=None)

    begun.refresh_from_db()
    assert (begun.outcome, begun.state) == ("PAID", "REFUNDED")
    assert [each.top_up_id for each in done.withdrawals] == [begun.pk]
    assert balance_of(fan) == 70_000


def test_again_answers_the_same_withdrawals_whatever_is_asked_for():
    _fan, (payment,) = bought()
    first = cancel(payment)

    with nothing_written():
        again, other = cancel(payment), cancel(payment, RefundTo.WALLET, now=NOW + SECOND)

    assert sent(first) == sent(again) == sent(other)
    assert [each.balance for each in (first, again, other)] == [0, 0, 0]


def test_what_went_to_the_wallet_stays_there_when_it_is_canceled_again():
    _fan, (payment,) = bought()
    cancel(payment, RefundTo.WALLET)

    with nothing_written():
        assert sent(cancel(payment)) == []


def test_a_held_seat_is_freed_and_moves_no_money():
    fan, sale = make_fan(), make_sale(seats=1)
    make_charge(fan, amount=50_000)
    (reservation,) = in_order(hold(fan, sale, 0))

    done = card_refunds.cancel(user_id=fan.pk, reservation_id=reservation, refund_to=RefundTo.CARD, now=NOW)

    assert (done.withdrawals, statuses(sale), balance_of(fan)) == ([], "A", 50_000)


def test_someone_elses_is_not_found_and_nothing_is_locked():
    _fan, (payment,) = bought()

    with nothing_written(), pytest.raises(NotFound):
        card_refunds.cancel(
            user_id=make_fan().pk, reservation_id=payment.reservation_id, refund_to=RefundTo.CARD, now=NOW
        )


def test_in_a_house_without_a_provider_it_stays_in_the_wallet(settings):
    fan, (payment,) = bought()
    settings.WALLET_PROVIDER = ""

    assert sent(cancel(payment)) == []
    assert balance_of(fan) == 50_000


def test_a_closed_card_brings_it_back_to_the_wallet():
    fan, (payment,) = bought()
    sandbox.close_card(TopUp.objects.get(user=fan).reference)

    done = cancel(payment)

    assert (sent(done), done.balance) == ([(50_000, "FAILED", payment.pk)], 50_000)
    assert broken_invariants() == {}


def test_a_provider_that_is_away_gets_it_later(card):
    fan, (payment,) = bought()
    card.fails_with = ProviderAway("timeout")
    (made,) = cancel(payment).withdrawals
    assert (made.state, balance_of(fan)) == ("PENDING", 0)

    card.fails_with = None
    withdrawals.settle(made, withdrawals.look_up(made))

    assert (made.state, card.given_back) == ("SUCCEEDED", 50_000)
    assert broken_invariants() == {}


def test_killed_between_refund_and_withdrawal_neither_has_happened(monkeypatch):
    fan, (payment,) = bought()

    def die(*_order):
        raise SystemExit

    monkeypatch.setattr(card_refunds, "pass_on", die)
    with nothing_written(), pytest.raises(SystemExit):
        cancel(payment)

    payment.refresh_from_db()
    assert (payment.state, balance_of(fan)) == ("COMPLETED", 0)


def test_each_seat_of_a_booking_goes_on_by_itself():
    fan, payments = bought(by_card=150_000, seats=3)

    done = card_refunds.cancel_together(
        user_id=fan.pk,
        agreed={payment.reservation_id: 0 for payment in payments},
        refund_to=RefundTo.CARD,
        now=NOW,
    )

    assert [sent(each) for each in done] == [[(50_000, "SUCCEEDED", payment.pk)] for payment in payments]
    assert TopUp.objects.get(user=fan).state == "REFUNDED"
    assert broken_invariants() == {}


@pytest.mark.parametrize(
    ("by_card", "gift", "to_card"), [(50_000, 0, 50_000), (30_000, 20_000, 30_000), (0, 50_000, 0), (90_000, 0, 50_000)]
)
def test_the_announced_amount_for_the_card_is_what_goes(by_card, gift, to_card):
    fan, (payment,) = bought(by_card=by_card, gift=gift)

    foreseen = card_refunds.would_go_to_card({payment.pk: 50_000}, user_id=fan.pk)

    assert foreseen == to_card == sum(each.amount for each in cancel(payment).withdrawals)


# --- By the API --------------------------------------------------------------------------------


def cancel_by_app(payment, **body):
    client = api_of(payment.user)
    return client.post(f"/api/v1/reservations/{payment.reservation_id}/cancel/", body, format="json")


def test_an_app_chooses_and_the_answer_keeps_its_shape():
    _fan, (payment,) = bought()

    response = cancel_by_app(payment, refund_to="card", agreed_fee=0)

    shown = response.json()
    (made,) = shown["withdrawals"]
    assert response.status_code == 200
    assert shown.keys() == {"reservation", "fee", "refund", "balance", "withdrawals"}
    assert (shown["refund"], shown["balance"], made["amount"], made["state"]) == (50_000, 0, 50_000, "SUCCEEDED")
    assert shown["reservation"]["status"] == "CANCELED"


@pytest.mark.parametrize(("setting", "balance"), [("wallet", 50_000), ("card", 0)])
def test_the_house_says_where_it_goes_unless_the_fan_does(settings, setting, balance):
    settings.REFUND_TO = setting
    _fan, (payment,) = bought()

    assert cancel_by_app(payment).json()["balance"] == balance


@pytest.mark.parametrize("word", ["", "bank", None, 1, ["card"]])
def test_another_place_is_refused_at_the_field(word):
    _fan, (payment,) = bought()

    with nothing_written():
        response = cancel_by_app(payment, refund_to=word)

    assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, "refund_to")


# --- By staff ----------------------------------------------------------------------------------


def test_staff_refund_to_the_card_with_a_reason_in_the_ledger():
    fan, (payment,) = bought()
    staff = make_staff()

    done = card_refunds.refund_by_staff(
        reservation_id=payment.reservation_id,
        actor_id=staff.pk,
        note="Rained off",
        fee=1_000,
        refund_to=RefundTo.CARD,
        now=DAY,
    )

    (made,) = done.withdrawals
    assert (done.is_new, made.amount, made.note, made.actor_id) == (True, 49_000, "Rained off", staff.pk)
    assert (made.entry.note, made.entry.actor_id, balance_of(fan)) == ("Rained off", staff.pk, 0)
    assert broken_invariants() == {}


def test_staff_refund_once_and_only_with_a_reason():
    _fan, (payment,) = bought()
    order = {"reservation_id": payment.reservation_id, "actor_id": make_staff().pk, "refund_to": RefundTo.CARD}
    with nothing_written(), pytest.raises(Invalid):
        card_refunds.refund_by_staff(**order, note=" ")
    card_refunds.refund_by_staff(**order, note="Why")

    with nothing_written():
        again = card_refunds.refund_by_staff(**order, note="Why")

    assert (again.is_new, list(again.withdrawals)) == (False, [])


def refund_all(sale, staff, seconds=30.0):
    return schedule_refunds.refund_round(
        schedule_id=sale.pk, actor_id=staff.pk, note="Ill", seconds=seconds, refund_to=RefundTo.CARD, now=NOW
    )


def sold_by_card(seats):
    sale = make_sale(seats=seats)
    fans = [make_fan() for _ in range(seats)]
    for nth, fan in enumerate(fans):
        make_charge(fan, amount=50_000)
        buy(fan, sale, nth)
    return sale, fans


def test_a_whole_schedule_goes_to_the_cards_and_a_closed_one_to_the_wallet():
    sale, fans = sold_by_card(3)
    sandbox.close_card(TopUp.objects.get(user=fans[1]).reference)

    done = refund_all(sale, make_staff())

    assert (done.refunded, done.to_cards, done.returned, done.is_over) == (3, 100_000, 50_000, True)
    assert [balance_of(fan) for fan in fans] == [0, 50_000, 0]
    assert broken_invariants() == {}


def test_a_round_that_is_killed_goes_on_with_the_rest_and_owes_what_it_took(card, monkeypatch):
    sale, fans = sold_by_card(3)
    staff = make_staff()

    def die(_withdrawals):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(withdrawals, "ask_for", die)
        with pytest.raises(SystemExit):
            refund_all(sale, staff)

    done = refund_all(sale, staff)
    (owed,) = Withdrawal.objects.filter(state="PENDING")
    withdrawals.settle(owed, withdrawals.look_up(owed))

    assert (done.refunded, done.is_over) == (2, True)
    assert ([balance_of(fan) for fan in fans], card.given_back) == ([0, 0, 0], 150_000)
    assert broken_invariants() == {}


def test_of_a_provider_that_is_away_a_round_asks_once(card):
    sale, fans = sold_by_card(4)
    card.fails_with = ProviderAway("timeout")

    done = refund_all(sale, make_staff())

    assert (done.refunded, done.to_cards, sum(card.asked.values())) == (4, 200_000, 1)
    assert Withdrawal.objects.filter(state="PENDING", next_look_at__isnull=False).count() == 4
    assert [balance_of(fan) for fan in fans] == [0] * 4


# --- At the same moment ------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_canceling_to_the_card_six_times_at_once_refunds_once(card):
    fan, (payment,) = bought()

    answers = at_once([partial(cancel, payment)] * 6)

    assert {tuple(each.pk for each in done.withdrawals) for done in answers} == {
        tuple(Withdrawal.objects.values_list("pk", flat=True))
    }
    assert (card.given_back, balance_of(fan)) == (50_000, 0)
    assert broken_invariants() == {}


@pytest.mark.django_db(transaction=True)
def test_a_refund_and_a_withdrawal_at_once_send_back_no_more_than_came(card):
    fan, (payment,) = bought(by_card=80_000)
    withdraw = [
        partial(withdrawals.withdraw, user_id=fan.pk, amount=30_000, idempotency_key=str(nth)) for nth in range(4)
    ]

    at_once([partial(cancel, payment), *withdraw])

    assert card.given_back + balance_of(fan) == 80_000
    assert broken_invariants() == {}


@pytest.mark.django_db(transaction=True)
def test_paying_while_a_withdrawal_is_under_way_finds_what_is_left(card):
    fan, sale = make_fan(), make_sale(seats=1)
    make_charge(fan, amount=60_000)
    ids = in_order(hold(fan, sale, 0, now=NOW))
    with transaction.atomic():
        withdrawals.take(20_000, withdrawals.lock_top_ups(fan.pk), withdrawals.WithdrawalReason(), None)
        later = start_behind(partial(checkout.pay, user_id=fan.pk, reservation_ids=ids, now=NOW))

    assert later.exception(timeout=60).code == "insufficient_balance"
    assert (balance_of(fan), statuses(sale)) == (40_000, "T")


@pytest.mark.django_db(transaction=True)
def test_everything_of_a_fan_at_once_adds_up_and_nothing_is_deadlocked(card):
    fan, payments = bought(by_card=200_000, seats=4)
    staff = make_staff()
    steps = [partial(cancel, payment) for payment in payments[:2]]
    steps += [
        partial(
            card_refunds.refund_by_staff,
            reservation_id=payment.reservation_id,
            actor_id=staff.pk,
            note="Why",
            refund_to=RefundTo.CARD,
        )
        for payment in payments[1:]
    ]
    steps += [partial(make_charge, fan, amount=10_000) for _ in range(3)]
    steps += [
        partial(withdrawals.withdraw, user_id=fan.pk, amount=15_000, idempotency_key=str(nth)) for nth in range(3)
    ]
    steps += [
        partial(ledger.adjust, user_id=fan.pk, amount=-5_000, note="Cash", actor_id=staff.pk, idempotency_key=str(nth))
        for nth in range(2)
    ]

    answers = at_once(steps)

    refused = {type(answer).__name__ for answer in answers if isinstance(answer, Exception)}
    assert refused <= {"InsufficientBalance", "WithdrawalTooLarge"}
    paid_in = sum(TopUp.objects.of(user_id=fan.pk).values_list("amount", flat=True))
    cash = 5_000 * sum(isinstance(answer, ledger.BookedEntry) and answer.entry.amount < 0 for answer in answers)
    assert paid_in - card.given_back - cash == balance_of(fan)
    assert broken_invariants() == {}
