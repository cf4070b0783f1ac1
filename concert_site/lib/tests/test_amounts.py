"""Amounts as people type them, and what is refused because nobody can tell."""

import pytest
from django.core.exceptions import ValidationError

from concert_site.lib.amounts import TypedAmountField, amount_from
from concert_site.lib.formats import major, signed_money


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("100000", 100_000),
        ("100,000", 100_000),
        ("100 000", 100_000),
        ("100\u00a0000", 100_000),
        ("100\u202f000", 100_000),
        ("１００，０００", 100_000),
        (" 7 ", 7),
        ("1,234,567", 1_234_567),
        ("0", 0),
        ("007", 7),
    ],
)
def test_won_have_no_decimals(typed, amount):
    assert amount_from(typed) == amount


@pytest.mark.parametrize(
    "typed",
    [
        *["", " ", "x", "-5", "+5", "1.5", "1e5", "0x10", "10,00", "1,0000", "1 2", "1,234 567", ",5", "5,", "٣"],
        *["²x", "½", "₩5", "NaN", "inf", "1_000", "5\0", "9" * 31, "1" + ",000" * 20],
    ],
)
def test_an_ambiguous_amount_is_refused(typed):
    assert amount_from(typed) is None


@pytest.mark.parametrize(
    ("typed", "amount"), [("12.5", 1250), ("12.50", 1250), ("12", 1200), ("1,234.56", 123_456), ("12.345", None)]
)
def test_euros_have_two_decimals(settings, typed, amount):
    settings.CURRENCY = "EUR"

    assert amount_from(typed) == amount
    assert amount_from("12,50") is None


@pytest.mark.parametrize("typed", ["0", "101", "x", "", None])
def test_the_field_says_what_it_takes(typed):
    with pytest.raises(ValidationError, match=r"digits, for example 50000|between ₩1 and ₩100"):
        TypedAmountField(least=1, most=100).clean(typed)


def test_what_is_prefilled_is_understood_again(settings):
    assert amount_from(major(57_001)) == 57_001
    settings.CURRENCY = "EUR"
    assert (major(57_001), amount_from(major(57_001))) == ("570.01", 57_001)


def test_changes_have_a_sign():
    assert [signed_money(amount) for amount in (50_000, -143_000, 0)] == ["+₩50,000", "−₩143,000", "₩0"]
