"""Money that a provider has and that fits no order: booked or given back, once, and nothing else comes of it later."""

import pytest

from concert_site.accounts.tests.concurrency import at_once
from concert_site.accounts.tests.factories import make_staff
from concert_site.lib.errors import Unavailable
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from wallet.domain import by_hand, ledger, top_ups
from wallet.models import TopUp
from wallet.providers.base import Outcome, ProviderAway, ProviderStatus, RefundOutcome
from wallet.tests.factories import balance_of, entries_of, make_fan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("signed")]


@pytest.fixture
def differing(signed):
    """A top-up of 5,000 of which the provider took 4,000."""
    top_up = top_ups.start(top_ups.TopUpRequest(user_id=make_fan().pk, amount=5_000)).top_up
    signed.pay(top_up, amount=4_000)
    return top_ups.settle(top_up, top_ups.look_up(top_up))


def book(top_up):
    return by_hand.book(TopUp.objects.get(pk=top_up.pk), note="As paid", actor_id=make_staff().pk)


def give_back(top_up):
    by_hand.give_back(TopUp.objects.get(pk=top_up.pk), note="Too little")


def seen(top_up):
    top_up.refresh_from_db()
    return top_up.state, top_up.failure


def report(top_up, signed, **paid):
    """Whatever is said of it later, by a message or a fan."""
    signed.pay(top_up, **paid)
    top_ups.settle(top_up, top_ups.look_up(top_up))


def test_what_came_is_booked_with_who_and_why_and_the_top_up_is_over(differing):
    entry = book(differing)

    assert entries_of(differing.user) == [("ADJUSTMENT", 4_000, 4_000)]
    assert (entry.note, entry.actor.is_staff) == ("As paid", True)
    assert seen(differing) == ("FAILED", "booked_by_hand")
    assert broken_invariants() == {}


@pytest.mark.parametrize("step", [book, give_back])
@pytest.mark.parametrize("paid", [{}, {"amount": 4_000}], ids=["as ordered", "as before"])
def test_nothing_comes_of_what_is_reported_afterwards(differing, signed, step, paid):
    step(differing)
    before = balance_of(differing.user), seen(differing)

    report(differing, signed, **paid)

    assert (balance_of(differing.user), seen(differing)) == before


@committed
def test_eight_members_of_staff_book_it_once(differing):
    answers = at_once([lambda: book(differing)] * 8)

    assert sum(isinstance(each, by_hand.NothingToDo) for each in answers) == 7
    assert entries_of(differing.user) == [("ADJUSTMENT", 4_000, 4_000)]


@committed
def test_booking_and_refunding_by_hand_at_once_one_wins(differing, signed):
    answers = at_once([lambda: book(differing), lambda: give_back(differing)])

    assert sum(isinstance(each, by_hand.NothingToDo) for each in answers) == 1
    assert (balance_of(differing.user) == 4_000) != bool(signed.refunds)


def test_control_without_the_look_at_who_was_first_it_is_booked_twice(differing, monkeypatch):
    monkeypatch.setattr(by_hand, "close", lambda *_: None)

    book(differing)
    book(differing)

    assert balance_of(differing.user) == 8_000


def test_a_refund_by_hand_has_a_reference_of_its_own(differing, signed):
    give_back(differing)

    assert seen(differing) == ("FAILED", "given_back")
    assert signed.refunds == {f"{differing.reference}-back": 4_000}
    with pytest.raises(by_hand.NothingToDo):
        give_back(differing)
    assert balance_of(differing.user) == 0


def test_while_the_provider_is_away_it_is_going_back_and_may_be_asked_again(differing, signed):
    refund = signed.refund

    def away(order):
        raise ProviderAway("timeout")

    signed.refund = away
    with pytest.raises(Unavailable):
        give_back(differing)
    assert seen(differing) == ("FAILED", "giving_back")
    with pytest.raises(by_hand.NothingToDo):
        book(differing)

    signed.refund = refund
    give_back(differing)

    assert seen(differing) == ("FAILED", "given_back")


def test_a_closed_card_leaves_it_to_be_booked(differing, signed):
    signed.refund = lambda order: RefundOutcome(status=ProviderStatus.FAILED, failure="card_closed")

    with pytest.raises(by_hand.NotGivenBack):
        give_back(differing)
    book(differing)

    assert (seen(differing), balance_of(differing.user)) == (("FAILED", "booked_by_hand"), 4_000)


def test_another_currency_goes_into_no_wallet(differing, signed):
    signed.pay(differing, currency="usd")

    with pytest.raises(by_hand.OtherCurrency):
        book(differing)

    assert (seen(differing), balance_of(differing.user)) == (("PENDING", "amount_differs"), 0)


@pytest.mark.parametrize("step", [book, give_back])
def test_what_the_provider_doesnt_have_is_neither_booked_nor_given_back(differing, signed, step):
    signed.payments[differing.reference] = Outcome(status=ProviderStatus.OPEN)

    with pytest.raises(by_hand.NothingToDo):
        step(differing)

    assert seen(differing) == ("PENDING", "amount_differs")


@pytest.mark.parametrize("step", [book, give_back])
def test_what_is_in_the_wallet_already_is_left_alone(signed, step):
    top_up = top_ups.start(top_ups.TopUpRequest(user_id=make_fan().pk, amount=5_000)).top_up
    report(top_up, signed)

    with pytest.raises(by_hand.NothingToDo):
        step(top_up)

    assert (seen(top_up), balance_of(top_up.user), signed.refunds) == (("SUCCEEDED", ""), 5_000, {})


def test_a_wallet_that_is_full_takes_it_neither_by_hand(differing):
    ledger.open_wallets(user_ids=[differing.user_id], amount=ledger.LARGEST_BALANCE, note="")

    with pytest.raises(ledger.BalanceTooLarge):
        book(differing)

    assert seen(differing) == ("PENDING", "amount_differs")


# --- What the provider has given back meanwhile, on its own pages -------------------------------


@pytest.fixture
def partly_back(differing, signed):
    """4,000 were taken, of which somebody has given back 1,500 on the provider's pages."""
    signed.pay(differing, amount=4_000, refunded=1_500)
    return differing


@pytest.fixture
def all_back(differing, signed):
    """4,000 were taken and given back on the provider's pages."""
    signed.pay(differing, amount=4_000, refunded=4_000)
    return differing


def test_no_more_is_booked_than_the_provider_still_has(partly_back):
    book(partly_back)

    assert (balance_of(partly_back.user), seen(partly_back)) == (2_500, ("FAILED", "booked_by_hand"))


def test_no_more_goes_back_than_the_provider_still_has(partly_back, signed):
    give_back(partly_back)

    assert (signed.refunds, seen(partly_back)) == (
        {f"{partly_back.reference}-back": 2_500},
        ("FAILED", "given_back"),
    )


def test_what_has_gone_back_is_not_booked_and_can_be_closed(all_back, signed):
    with pytest.raises(by_hand.NothingToDo):
        book(all_back)

    give_back(all_back)

    assert (balance_of(all_back.user), signed.refunds) == (0, {})
    assert seen(all_back) == ("FAILED", "given_back")


def test_a_card_that_turns_out_closed_after_the_provider_was_away_leaves_it_to_be_booked(differing, signed):
    def away(order):
        raise ProviderAway("timeout")

    signed.refund = away
    with pytest.raises(Unavailable):
        give_back(differing)
    signed.refund = lambda order: RefundOutcome(status=ProviderStatus.FAILED, failure="card_closed")
    with pytest.raises(by_hand.NotGivenBack):
        give_back(differing)

    book(differing)

    assert (seen(differing), balance_of(differing.user)) == (("FAILED", "booked_by_hand"), 4_000)
