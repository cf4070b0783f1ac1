"""A provider's book of a day beside the ledger: each line that is on one side alone, or differs, is found."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.errors import Invalid
from wallet import tasks
from wallet.domain import settlements, top_ups
from wallet.domain.settlements import settle_day
from wallet.models import SettlementDay, TopUp
from wallet.providers.base import BookLine, Outcome, ProviderAway, ProviderStatus
from wallet.tests.factories import balance_of, make_fan
from wallet.tests.signed_provider import Signed

DAY = date(2031, 3, 1)
# Noon in Seoul, the venue's zone.
NOON = datetime(2031, 3, 1, 3, 0, tzinfo=UTC)
ONE_DAY = timedelta(days=1)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("signed")]


def line(top_up: TopUp, **changes) -> BookLine:
    values = {
        "reference": top_up.reference,
        "provider_reference": f"pay_{top_up.reference}",
        "amount": top_up.amount,
        "currency": "krw",
        "at": NOON,
    }
    return BookLine(**values | changes)


@pytest.fixture
def credit(signed):
    """A top-up that was paid and credited at a moment, and its line in the provider's book of a day."""

    def make(charged: int = 5_000, *, at: datetime = NOON, book: date | None = DAY, **changes) -> TopUp:
        top_up = top_ups.start(top_ups.TopUpRequest(user_id=make_fan().pk, amount=charged, now=at)).top_up
        signed.pay(top_up)
        top_ups.settle(top_up, top_ups.look_up(top_up), now=at)
        if book:
            signed.lines.setdefault(book, []).append(line(top_up, **changes))
        return top_up

    return make


def sums(settled: SettlementDay):
    return settled.provider_sum, settled.ledger_sum, settled.provider_lines, settled.ledger_lines


def test_a_day_on_which_both_say_the_same(credit):
    credit(5_000)
    credit(7_000)

    settled = settle_day(Signed.name, DAY, now=NOON)

    assert sums(settled) == (12_000, 12_000, 2, 2)
    assert (settled.differences, settled.is_settled, settled.checked_at) == ([], True, NOON)


def test_a_line_is_found_by_the_providers_reference_alone(credit):
    credit(reference="unknown to us")

    assert settle_day(Signed.name, DAY).differences == []


def test_a_day_without_anything():
    assert sums(settle_day(Signed.name, DAY)) == (0, 0, 0, 0)


def test_a_line_that_differs_is_shown_with_both_amounts_and_is_an_alarm(credit, caplog):
    top_up = credit(5_000, amount=4_999)
    other = credit(1_000, currency="USD")

    settled = settle_day(Signed.name, DAY)

    assert sums(settled) == (5_999, 6_000, 2, 2)
    found = {each["about"]: (each["provider"], each["ledger"], each["currency"]) for each in settled.differences}
    assert found == {f"top-up {top_up.pk}": (4_999, 5_000, "KRW"), f"top-up {other.pk}": (1_000, 1_000, "USD")}
    assert [record.levelname for record in caplog.records if "2 lines differ" in record.getMessage()] == ["ERROR"]


def test_a_settlement_names_what_only_the_ledger_has(credit):
    top_up = credit(book=None)

    settled = settle_day(Signed.name, DAY)

    assert sums(settled) == (0, 5_000, 0, 1)
    (found,) = settled.differences
    assert (found["reference"], found["provider"], found["ledger"]) == (top_up.reference, None, 5_000)


def test_a_settlement_names_what_only_the_provider_has(credit, signed):
    top_up = credit()
    signed.lines[DAY].append(line(top_up, reference="x", provider_reference="y", amount=900))

    settled = settle_day(Signed.name, DAY)

    assert sums(settled) == (5_900, 5_000, 2, 1)
    (found,) = settled.differences
    assert (found["reference"], found["provider"], found["ledger"], found["about"]) == ("x", 900, None, "")


def test_what_was_taken_twice_is_on_the_providers_side_once_more(credit, signed):
    top_up = credit()
    signed.lines[DAY].append(line(top_up))

    (found,) = settle_day(Signed.name, DAY).differences

    assert (found["provider"], found["ledger"]) == (5_000, None)


def test_another_providers_lines_and_another_days_are_no_matter(credit):
    credit(at=NOON - 3 * ONE_DAY, book=None)
    TopUp.objects.filter(pk=credit(book=None).pk).update(provider="stripe")

    assert settle_day(Signed.name, DAY).differences == []


@pytest.mark.parametrize("booked_on", [DAY - ONE_DAY, DAY + ONE_DAY], ids=["the day before", "the day after"])
def test_a_payment_at_midnight_counts_on_the_providers_day_and_differs_on_neither(credit, booked_on):
    credit(at=NOON + (booked_on - DAY), book=DAY)

    assert sums(settle_day(Signed.name, DAY)) == (5_000, 5_000, 1, 1)
    assert sums(settle_day(Signed.name, booked_on)) == (0, 0, 0, 0)
    assert not SettlementDay.objects.filter(difference_count__gt=0).exists()


def test_a_day_is_the_venues(credit):
    credit(at=datetime(2031, 2, 28, 15, 0, tzinfo=UTC), book=None)
    credit(at=datetime(2031, 3, 1, 15, 0, tzinfo=UTC), book=None)

    assert settle_day(Signed.name, DAY).ledger_sum == 5_000


def test_what_the_provider_took_and_nobody_told_us_is_credited_first(signed):
    fan = make_fan()
    top_up = top_ups.start(top_ups.TopUpRequest(user_id=fan.pk, amount=5_000, now=NOON)).top_up
    top_ups.end(top_up, "EXPIRED", failure="expired")
    signed.pay(top_up)
    signed.lines[DAY] = [line(top_up)]

    settled = settle_day(Signed.name, DAY, now=NOON)

    assert (settled.differences, balance_of(fan)) == ([], 5_000)


def test_what_is_left_to_staff_is_not_credited_by_it(signed):
    top_up = top_ups.start(top_ups.TopUpRequest(user_id=make_fan().pk, amount=5_000, now=NOON)).top_up
    TopUp.objects.update(failure="amount_differs", next_look_at=None)
    signed.payments[top_up.reference] = Outcome(status=ProviderStatus.SUCCEEDED, amount=5_000, currency="KRW")
    signed.lines[DAY] = [line(top_up)]

    assert settle_day(Signed.name, DAY).difference_count == 1


# --- Each night --------------------------------------------------------------------------------


def settle_recent_days(days_later: int = 1):
    return [each.day for each in settlements.settle_recent_days(now=NOON + days_later * ONE_DAY)]


def test_each_night_yesterday_is_settled_and_what_was_missed(credit):
    credit(at=NOON - 2 * ONE_DAY, book=DAY - 2 * ONE_DAY)

    assert settle_recent_days() == [DAY, DAY - ONE_DAY, DAY - 2 * ONE_DAY]
    assert settle_recent_days() == []
    assert settle_recent_days(2) == [DAY + ONE_DAY]


def test_a_day_that_differs_is_compared_again_until_it_doesnt_or_staff_say_why(credit, signed):
    top_up = credit(book=None)
    assert settle_recent_days() == [DAY]
    assert settle_recent_days() == [DAY]

    signed.lines[DAY] = [line(top_up)]

    assert settle_recent_days() == [DAY]
    assert settle_recent_days() == []


def test_a_provider_that_is_away_has_its_day_the_next_night_and_staff_see_that_it_is_missing(credit, signed, caplog):
    noon_after = NOON + ONE_DAY
    credit()
    signed.fails_with = ProviderAway("timeout")

    assert settle_recent_days() == []
    assert settlements.missing_days(now=noon_after - timedelta(hours=1)) == []
    assert settlements.missing_days(now=noon_after) == [(Signed.name, DAY)]
    assert "ERROR" in {record.levelname for record in caplog.records}

    signed.fails_with = None
    assert settle_recent_days() == [DAY]
    assert settlements.missing_days(now=noon_after) == []


# --- Saying why --------------------------------------------------------------------------------


def test_staff_say_why_a_day_differs_and_it_holds_until_the_differences_change(credit, signed):
    credit(book=None)
    settled, staff = settle_day(Signed.name, DAY), make_staff()

    assert settlements.explain(settled.pk, note=" Refunded by hand ", actor_id=staff.pk) is True
    again = settle_day(Signed.name, DAY)
    assert (again.pk, again.note, again.actor, again.is_settled) == (settled.pk, "Refunded by hand", staff, True)

    credit(book=None)
    assert (settle_day(Signed.name, DAY).note, SettlementDay.objects.get().actor) == ("", None)


def test_a_day_that_is_right_needs_no_word_and_a_word_is_needed(credit):
    credit()
    right = settle_day(Signed.name, DAY)
    staff = make_staff()

    assert settlements.explain(right.pk, note="why", actor_id=staff.pk) is False
    with pytest.raises(Invalid):
        settlements.explain(right.pk, note="  ", actor_id=staff.pk)


def test_the_task_of_the_night_settles_yesterday():
    tasks.settle_days()

    assert [each.day for each in SettlementDay.objects.all()] == [timezone.localdate() - ONE_DAY]
