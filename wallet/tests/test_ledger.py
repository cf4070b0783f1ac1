"""Top-ups, adjustments, and the entries that explain them."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.errors import Invalid
from concert_site.lib.idempotency import IdempotencyKeyReused
from wallet import checks
from wallet.domain import ledger
from wallet.domain.errors import BalanceTooLarge, InsufficientBalance
from wallet.models import Balance, BalanceHistory, LedgerKind
from wallet.providers import TopUpUnavailable
from wallet.queries import Wallet, history_of, wallet_of
from wallet.tests.factories import balance_of, entries_of, make_charge, make_fan

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TOO_MUCH = 100_000_001

pytestmark = pytest.mark.django_db


def test_first_charge_opens_the_balance_and_books_it():
    fan = make_fan()

    entry = ledger.book(
        user_id=fan.pk, kind=LedgerKind.CHARGE, amount=700, idempotency_key="a", request_hash="x" * 64, now=NOW
    )

    assert entries_of(fan) == [("CHARGE", 700, 700)]
    assert wallet_of(fan.pk) == Wallet(amount=700, currency="KRW", last_updated_at=NOW)
    assert (entry.created_at, entry.updated_at) == (NOW, NOW)


def test_without_a_time_the_databases_clock_counts():
    fan = make_fan()
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        (before,) = cursor.fetchone()

    charge = make_charge(fan)

    assert charge.entry.created_at > before
    assert charge.entry.created_at == Balance.objects.get(user=fan).last_updated_at


def test_entry_is_the_row_as_it_stands():
    charge = make_charge(make_fan())

    stored = BalanceHistory.objects.get(pk=charge.entry.pk)

    fields = [field.attname for field in BalanceHistory._meta.concrete_fields]
    assert {name: getattr(charge.entry, name) for name in fields} == {name: getattr(stored, name) for name in fields}


def test_same_key_again_answers_the_same_entry_and_books_nothing():
    fan = make_fan()
    first = make_charge(fan, amount=500, key="a")

    again = make_charge(fan, amount=500, key="a")

    assert (again.entry, again.is_new) == (first.entry, False)
    assert entries_of(fan) == [("CHARGE", 500, 500)]


def test_same_key_with_another_amount_is_refused():
    fan = make_fan()
    make_charge(fan, amount=500, key="a")

    with pytest.raises(IdempotencyKeyReused):
        make_charge(fan, amount=501, key="a")

    assert entries_of(fan) == [("CHARGE", 500, 500)]


def test_an_idempotency_key_is_per_fan():
    one, other = make_fan(), make_fan()

    assert make_charge(one, key="a").is_new
    assert make_charge(other, key="a").is_new


@pytest.mark.parametrize("amount", [0, -1, TOO_MUCH, 2**63, 10**30])
def test_charge_out_of_bounds_names_the_amount(amount):
    fan = make_fan()

    with pytest.raises(Invalid) as refused:
        make_charge(fan, amount=amount)

    assert refused.value.attr == "amount"
    assert not BalanceHistory.objects.exists()


def test_charge_beyond_what_a_wallet_holds_changes_nothing():
    fan = make_fan(balance=ledger.LARGEST_BALANCE - 10)

    with pytest.raises(BalanceTooLarge):
        make_charge(fan, amount=11)

    assert balance_of(fan) == ledger.LARGEST_BALANCE - 10
    assert make_charge(fan, amount=10).entry.amount_after == ledger.LARGEST_BALANCE


def test_without_a_provider_nobody_tops_up(settings):
    settings.WALLET_PROVIDER = ""

    with pytest.raises(TopUpUnavailable):
        make_charge(make_fan())


def test_production_refuses_the_sandbox(settings):
    settings.IS_PRODUCTION = True

    with pytest.raises(TopUpUnavailable):
        make_charge(make_fan())


@pytest.mark.parametrize(
    ("name", "is_production", "found"),
    [
        ("", True, []),
        ("sandbox", False, []),
        ("sandbox", True, ["wallet.E002"]),
        ("wallet.providers.sandbox.Sandbox", True, ["wallet.E002"]),
        ("nothing.like.it", False, ["wallet.E001"]),
        ("nonsense", False, ["wallet.E001"]),
        ("os.path", False, ["wallet.E001"]),
    ],
)
def test_the_check_tells_a_wrong_provider(settings, name, is_production, found):
    settings.WALLET_PROVIDER, settings.IS_PRODUCTION = name, is_production

    assert [message.id for message in checks.provider_is_usable()] == found


def test_adjustment_says_who_and_why():
    fan, staff = make_fan(balance=300), make_staff()

    entry = ledger.adjust(
        user_id=fan.pk, amount=-100, note=" Paid twice ", actor_id=staff.pk, idempotency_key="a", now=NOW
    ).entry

    assert (entry.note, entry.actor, entry.amount_after) == ("Paid twice", staff, 200)
    assert entries_of(fan) == [("CHARGE", 300, 300), ("ADJUSTMENT", -100, 200)]


def test_the_same_adjustment_again_is_the_same_entry_and_another_is_refused():
    fan, staff = make_fan(balance=300), make_staff()
    order = {"user_id": fan.pk, "amount": -100, "note": "Cash", "actor_id": staff.pk, "idempotency_key": "a"}
    first = ledger.adjust(**order)

    again = ledger.adjust(**order)
    for change in ({"amount": -99}, {"note": "Card"}, {"actor_id": make_staff().pk}):
        with pytest.raises(IdempotencyKeyReused):
            ledger.adjust(**order | change)

    assert (first.is_new, again.is_new, again.entry) == (True, False, first.entry)
    assert balance_of(fan) == 200


def test_a_refused_adjustment_leaves_its_key_free():
    fan, staff = make_fan(balance=50), make_staff()
    order = {"user_id": fan.pk, "amount": -100, "note": "Cash", "actor_id": staff.pk, "idempotency_key": "a"}
    with pytest.raises(InsufficientBalance):
        ledger.adjust(**order)
    make_charge(fan, amount=50)

    assert ledger.adjust(**order).is_new
    assert balance_of(fan) == 0


def test_adjustment_of_a_fan_without_a_balance_opens_it():
    fan, staff = make_fan(), make_staff()

    ledger.adjust(user_id=fan.pk, amount=100, note="Cash", actor_id=staff.pk, idempotency_key="a")

    assert entries_of(fan) == [("ADJUSTMENT", 100, 100)]


@pytest.mark.parametrize("balance", [0, 99])
def test_adjustment_below_zero_changes_nothing(balance):
    fan, staff = make_fan(balance=balance), make_staff()
    before = entries_of(fan)

    with pytest.raises(InsufficientBalance):
        ledger.adjust(user_id=fan.pk, amount=-100, note="Cash", actor_id=staff.pk, idempotency_key="a")

    assert balance_of(fan) == balance
    assert entries_of(fan) == before


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("amount", {"amount": 0}),
        ("amount", {"amount": 2**63}),
        ("amount", {"amount": -(10**30)}),
        ("note", {"note": ""}),
        ("note", {"note": "  "}),
        ("note", {"note": "x" * 501}),
        ("note", {"note": "a\0b"}),
        ("actor", {"actor_id": None}),
    ],
)
def test_incomplete_adjustment_names_the_field(field, wrong):
    fan, staff = make_fan(), make_staff()

    with pytest.raises(Invalid) as refused:
        ledger.adjust(
            **{"user_id": fan.pk, "amount": 1, "note": "Cash", "actor_id": staff.pk, "idempotency_key": "a"} | wrong
        )

    assert refused.value.attr == field
    assert not BalanceHistory.objects.exists()


def test_book_is_undone_with_its_callers_transaction():
    fan = make_fan(balance=100)

    with transaction.atomic():
        ledger.book(user_id=fan.pk, kind=LedgerKind.CHARGE, amount=50)
        transaction.set_rollback(True)

    assert entries_of(fan) == [("CHARGE", 100, 100)]
    assert balance_of(fan) == 100


def test_balance_and_entry_stand_or_fall_together():
    fan = make_fan(balance=100)

    with pytest.raises(IntegrityError, match="history_payment_of_its_kind"), transaction.atomic():
        ledger.book(user_id=fan.pk, kind=LedgerKind.PAYMENT, amount=-50)

    assert balance_of(fan) == 100


def test_a_wallet_without_a_row_is_empty():
    assert wallet_of(make_fan().pk) == Wallet(amount=0, currency="KRW", last_updated_at=None)


def test_history_is_the_fans_own_and_newest_first():
    fan = make_fan()
    first, second = make_charge(fan).entry, make_charge(fan).entry
    make_charge(make_fan())

    assert list(history_of(fan.pk)) == [second, first]
