"""Bookings at the same moment, on connections of their own; each guard with a control that lacks it."""

from collections import Counter
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from concert_site.accounts.models import User
from concert_site.accounts.tests.concurrency import at_once, start_behind
from concert_site.accounts.tests.factories import api_of, make_staff
from concert_site.lib.database.statements import fetch
from concert_site.tests.mutants import mutant
from wallet.domain import ledger, top_ups
from wallet.domain.errors import InsufficientBalance
from wallet.models import LedgerKind, TopUp
from wallet.providers import sandbox
from wallet.tests.factories import balance_of, entries_of, make_charge, make_fan

BOOK = Path(ledger.__file__).with_name("book_entry.sql")
CREDIT = Path(ledger.__file__).with_name("credit_top_up.sql")
GUARD = "and b.amount + p_amount between 0 and p_most"
RUNNING_SUM = """
    select count(*) from (
      select amount_after, sum(amount) over (partition by balance_id order by id) as due
        from balance_history) as entry
     where amount_after <> due"""
DRIFTED = """
    select count(*) from balance
     where amount <> coalesce((
       select sum(entry.amount) from balance_history entry where entry.balance_id = balance.id), 0)"""

pytestmark = pytest.mark.django_db(transaction=True)


def count_of(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        (number,) = cursor.fetchone()
    return int(number)


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def take(fan: User, staff: User, amount: int, key: str | None = None) -> ledger.BookedEntry:
    return ledger.adjust(
        user_id=fan.pk, amount=-amount, note="Cash", actor_id=staff.pk, idempotency_key=key or str(uuid4())
    )


@pytest.mark.parametrize("balance", [0, 1_000])
def test_charges_on_one_key_book_once_and_all_answer_that_entry(balance):
    callers = 8
    fan = make_fan(balance=balance)

    charges = at_once([partial(make_charge, fan, amount=500, key="a")] * callers)

    assert Counter(charge.is_new for charge in charges) == {True: 1, False: callers - 1}
    assert len({charge.entry.pk for charge in charges}) == 1
    assert balance_of(fan) == balance + 500
    assert count_of(DRIFTED) == count_of(RUNNING_SUM) == 0


def test_a_top_up_that_eight_report_at_once_is_credited_once():
    fan = make_fan(balance=1_000)
    begun = top_ups.start(top_ups.TopUpRequest(user_id=fan.pk, amount=500)).top_up
    sandbox.pay(begun.reference)
    outcome = top_ups.look_up(begun)

    at_once([partial(top_ups.settle, TopUp.objects.get(pk=begun.pk), outcome) for _ in range(8)])

    assert entries_of(fan) == [("CHARGE", 1_000, 1_000), ("CHARGE", 500, 1_500)]


def test_control_without_a_look_behind_the_lock_it_is_credited_again():
    fan = make_fan(balance=1_000)
    begun = top_ups.start(top_ups.TopUpRequest(user_id=fan.pk, amount=500)).top_up
    sandbox.pay(begun.reference)
    outcome = top_ups.look_up(begun)

    with mutant(CREDIT, ("return 'credited_before';", "null;")):
        for _ in range(2):
            top_ups.settle(begun, outcome)

    assert balance_of(fan) == 2_000


def test_one_key_with_two_amounts_at_once_books_one_and_refuses_the_other():
    fan = make_fan()

    answers = at_once([partial(make_charge, fan, amount=amount, key="a") for amount in (500, 501)])

    assert Counter(type(answer).__name__ for answer in answers) == {"BookedEntry": 1, "IdempotencyKeyReused": 1}
    assert len(entries_of(fan)) == 1


def test_a_limit_of_the_day_is_kept_by_top_ups_that_begin_at_once(settings):
    settings.TOP_UP_DAY_MOST = 1_000
    fan = make_fan()

    answers = at_once([partial(make_charge, fan, amount=600)] * 6)

    assert Counter(type(answer).__name__ for answer in answers) == {"BookedEntry": 1, "TopUpDayLimit": 5}
    assert balance_of(fan) == 600


def test_first_two_charges_of_a_fan_both_count():
    fan = make_fan()
    with transaction.atomic():
        ledger.book(user_id=fan.pk, kind=LedgerKind.CHARGE, amount=500)
        later = start_behind(partial(make_charge, fan, amount=70))

    assert later.result(timeout=60).entry.amount_after == 570
    assert entries_of(fan) == [("CHARGE", 500, 500), ("CHARGE", 70, 570)]


def test_twenty_charges_at_once_sum_exactly():
    fan = make_fan()

    charges = at_once([partial(make_charge, fan, amount=amount) for amount in range(1, 21)])

    assert all(charge.is_new for charge in charges)
    assert balance_of(fan) == 210
    assert count_of(DRIFTED) == count_of(RUNNING_SUM) == 0


def test_control_reading_and_writing_apart_loses_a_charge():
    fan = make_fan(balance=1_000)
    write = "update balance set amount = %(amount)s where user_id = %(user_id)s returning amount"

    def top_up_in_two_steps() -> None:
        fetch(write, {"amount": seen + 70, "user_id": fan.pk})

    seen = balance_of(fan)
    with transaction.atomic():
        fetch(write, {"amount": seen + 500, "user_id": fan.pk})
        later = start_behind(top_up_in_two_steps)
    later.result(timeout=60)

    assert balance_of(fan) == 1_070


def test_concurrent_adjustments_never_overdraw_a_balance():
    fan, staff = make_fan(balance=100), make_staff()

    answers = at_once([partial(take, fan, staff, 100)] * 8)

    assert Counter(type(answer) for answer in answers) == {ledger.BookedEntry: 1, InsufficientBalance: 7}
    assert entries_of(fan) == [("CHARGE", 100, 100), ("ADJUSTMENT", -100, 0)]


def test_a_form_that_is_sent_many_times_at_once_adjusts_once():
    fan, staff = make_fan(balance=1_000), make_staff()

    answers = at_once([partial(take, fan, staff, 100, key="form")] * 6)

    assert Counter(answer.is_new for answer in answers) == {True: 1, False: 5}
    assert balance_of(fan) == 900


def test_an_adjustment_that_waits_is_judged_by_what_is_left():
    fan, staff = make_fan(balance=100), make_staff()
    with transaction.atomic():
        ledger.book(user_id=fan.pk, kind=LedgerKind.ADJUSTMENT, amount=-100, note="Cash", actor_id=staff.pk)
        later = start_behind(partial(take, fan, staff, 100))

    assert isinstance(later.exception(timeout=60), InsufficientBalance)
    assert balance_of(fan) == 0


def test_control_without_the_guard_only_the_check_stops_it():
    """The money is safe by the CHECK, but the fan would be told of a mistake of ours."""
    fan = make_fan(balance=100)

    with mutant(BOOK, (GUARD, "")), pytest.raises(IntegrityError, match="balance_not_below_zero"):
        ledger.book(user_id=fan.pk, kind=LedgerKind.CHARGE, amount=-101)

    assert balance_of(fan) == 100


def test_control_judging_before_the_lock_overdraws_into_the_check():
    """A look before the UPDATE is the past by the time that the UPDATE runs."""
    fan, staff = make_fan(balance=100), make_staff()
    write = "update balance set amount = amount - 100 where user_id = %(user_id)s returning amount"

    def look_and_take() -> None:
        assert balance_of(fan) == 100
        fetch(write, {"user_id": fan.pk})

    with transaction.atomic():
        ledger.book(user_id=fan.pk, kind=LedgerKind.ADJUSTMENT, amount=-100, note="Cash", actor_id=staff.pk)
        later = start_behind(look_and_take)

    assert "balance_not_below_zero" in str(later.exception(timeout=60))


def test_a_storm_leaves_every_running_sum_right():
    fans, staff = [make_fan(balance=300) for _ in range(3)] + [make_fan()], make_staff()
    steps = [partial(make_charge, fan, amount=70) for fan in fans for _ in range(4)]
    steps += [partial(make_charge, fan, amount=50, key="same") for fan in fans for _ in range(3)]
    steps += [partial(take, fan, staff, 200) for fan in fans for _ in range(4)]

    answers = at_once(steps)

    unforeseen = [a for a in answers if isinstance(a, Exception) and not isinstance(a, InsufficientBalance)]
    assert unforeseen == []
    assert count_of(DRIFTED) == count_of(RUNNING_SUM) == 0
    assert {after for fan in fans for _, _, after in entries_of(fan) if after < 0} == set()


def test_a_balance_that_stays_locked_is_503_in_the_end_and_changes_nothing():
    fan = make_fan(balance=100)
    top_up = partial(
        api_of(fan).post, "/api/v1/wallet/charges/", {"amount": 5}, "json", headers={"Idempotency-Key": "a"}
    )
    with transaction.atomic():
        ledger.book(user_id=fan.pk, kind=LedgerKind.CHARGE, amount=1)
        response = start_behind(top_up).result(timeout=60)
        transaction.set_rollback(True)

    assert response.status_code == 503
    assert response.json()["errors"][0]["code"] == "unavailable"
    assert entries_of(fan) == [("CHARGE", 100, 100)]
