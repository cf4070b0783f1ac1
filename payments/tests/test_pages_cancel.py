"""Canceling on a page: for the fee that was shown, or not at all."""

from datetime import timedelta

import pytest
from django.utils.timezone import localdate, now

from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_written
from payments.domain import refunds
from payments.tests.pages import at_the_screen, let_lapse, notices, text_of
from payments.tests.scenes import pay
from reservations.tests.scenes import hold, in_order, make_sale, statuses
from wallet.models import TopUp
from wallet.providers import sandbox
from wallet.tests.factories import balance_of, make_charge, make_fan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_limits")]


def scene(*nth, days=5, paid=True):
    """A fan who has seats of a concert in so many days, and the ids of the reservations."""
    fan = make_fan(balance=200_000)
    sale = make_sale(concert_at=now() + timedelta(days=days, hours=1), concert_date=localdate() + timedelta(days=days))
    ids = in_order(hold(fan, sale, *nth, now=None))
    if paid:
        pay(fan, *ids, now=None)
    return fan, sale, ids


def reference_of(fan):
    return fan.reservation_set.first().booking_reference


def agree(fan, address, **fees):
    """Press the button of a page that showed these fees, and follow."""
    fields = {name.replace("fee_", "fee-"): fee for name, fee in fees.items()}
    return at_the_screen(fan).post(address, fields, follow=True)


def test_it_shows_fee_refund_and_balance_and_changes_nothing():
    fan, _sale, (pk,) = scene(0)

    with nothing_written():
        page = text_of(at_the_screen(fan).get(f"/reservations/{pk}/cancel/"))

    assert "−₩10,000" in page
    assert "Cancel and get ₩40,000 back" in page
    assert "₩190,000" in page
    assert f'name="fee-{pk}" value="10000"' in page


def test_it_cancels_for_the_fee_that_was_shown():
    fan, sale, (pk,) = scene(0)

    response = agree(fan, f"/reservations/{pk}/cancel/", **{f"fee_{pk}": "10000"})

    assert response.redirect_chain == [(f"/bookings/{reference_of(fan)}/", 302)]
    assert notices(response) == ["Canceled. ₩40,000 went back to your wallet."]
    assert (statuses(sale), balance_of(fan)) == ("AAAAAA", 190_000)
    assert broken_invariants() == {}


def test_cancel_form_sent_twice_changes_nothing():
    fan, _sale, (pk,) = scene(0)
    address = f"/reservations/{pk}/cancel/"
    agree(fan, address, **{f"fee_{pk}": "10000"})

    with nothing_written():
        sent, read = agree(fan, address, **{f"fee_{pk}": "10000"}), at_the_screen(fan).get(address, follow=True)

    assert notices(sent) == notices(read) == ["This was already canceled."]
    assert balance_of(fan) == 190_000


@pytest.mark.parametrize("shown", ["5000", "", "9" * 40])
def test_another_fee_than_was_shown_asks_again(shown):
    fan, _sale, (pk,) = scene(0)
    address = f"/reservations/{pk}/cancel/"

    with nothing_written():
        response = agree(fan, address, **{f"fee_{pk}": shown})

    assert response.redirect_chain == [(address, 302)]
    assert notices(response) == ["Nothing was canceled: the fee has changed. Please check again."]
    assert "Cancel and get ₩40,000 back" in text_of(response)


def test_midnight_between_showing_and_doing_asks_again(settings):
    fan, _sale, (pk,) = scene(0)
    address = f"/reservations/{pk}/cancel/"
    assert 'value="10000"' in text_of(at_the_screen(fan).get(address))
    settings.CANCELLATION_TIERS = [(10, 0), (1, 30)]

    response = agree(fan, address, **{f"fee_{pk}": "10000"})

    assert balance_of(fan) == 150_000
    assert "Cancel and get ₩35,000 back" in text_of(response)


def test_too_late_says_why_and_offers_no_button():
    fan, _sale, (pk,) = scene(0, days=0)
    address = f"/reservations/{pk}/cancel/"

    with nothing_written():
        read, sent = at_the_screen(fan).get(address), agree(fan, address, **{f"fee_{pk}": "50000"})

    assert "It’s too late to cancel" in text_of(read)
    assert f"fee-{pk}" not in text_of(read)
    assert notices(sent) == ["It’s too late to cancel this ticket."]


def test_a_held_seat_is_given_back_and_the_rest_stays():
    fan, sale, (first, _second) = scene(0, 1, paid=False)
    address = f"/reservations/{first}/cancel/"

    page = text_of(at_the_screen(fan).get(address))
    response = agree(fan, address, **{f"fee_{first}": "0"})

    assert "Release this seat?" in page
    assert response.redirect_chain == [(f"/bookings/{reference_of(fan)}/checkout/", 302)]
    assert notices(response) == ["You released 1 seat."]
    assert statuses(sale) == "ATAAAA"


def test_a_held_seat_that_another_tab_paid_is_not_returned_for_less():
    fan, sale, (pk,) = scene(0, paid=False)
    pay(fan, pk, now=None)

    response = agree(fan, f"/reservations/{pk}/cancel/", **{f"fee_{pk}": "0"})

    assert (statuses(sale), balance_of(fan)) == ("RAAAAA", 150_000)
    assert "Cancel and get ₩40,000 back" in text_of(response)


def test_a_lapsed_hold_is_canceled_already():
    fan = make_fan()
    booking = hold(fan, make_sale(), 0)
    let_lapse(booking)

    response = at_the_screen(fan).get(f"/reservations/{in_order(booking)[0]}/cancel/", follow=True)

    assert notices(response) == ["This was already canceled."]


def test_a_whole_booking_is_canceled_at_once():
    fan, sale, (first, second) = scene(0, 1)
    address = f"/bookings/{reference_of(fan)}/cancel/"

    page = text_of(at_the_screen(fan).get(address))
    response = agree(fan, address, **{f"fee_{first}": "10000", f"fee_{second}": "10000"})

    assert "Cancel and get ₩80,000 back" in page
    assert notices(response) == ["Canceled. ₩80,000 went back to your wallet."]
    assert (statuses(sale), balance_of(fan)) == ("AAAAAA", 180_000)


def test_a_whole_booking_without_the_fee_of_each_seat_asks_again():
    fan, sale, (first, _second) = scene(0, 1)

    with nothing_written():
        agree(fan, f"/bookings/{reference_of(fan)}/cancel/", **{f"fee_{first}": "10000"})

    assert statuses(sale) == "RRAAAA"


@pytest.mark.parametrize("method", ["get", "post"])
def test_cancel_page_of_another_fan_is_404(method):
    _fan, _sale, (pk,) = scene(0)
    address = f"/reservations/{pk}/cancel/"
    stranger = at_the_screen(make_fan())

    with nothing_written():
        nobody = getattr(at_the_screen(), method)(address)
        other = getattr(stranger, method)(address, {f"fee-{pk}": "10000"})

    assert nobody["Location"].startswith("/accounts/login/")
    assert other.status_code == 404


def test_cancel_page_takes_the_same_queries_for_one_seat_and_for_three(django_assert_num_queries):
    for nth in ((0,), (1, 2, 3)):
        fan, _sale, _ids = scene(*nth)
        browser = at_the_screen(fan)
        address = f"/bookings/{reference_of(fan)}/cancel/"
        with django_assert_num_queries(6):  # the session, the user, the booking, the balance, the top-ups, what is held
            assert browser.get(address).status_code == 200


# --- To the card -------------------------------------------------------------------------------


def scene_by_card(amount=50_000, gift=0, days=15):
    fan = make_fan(balance=gift)
    make_charge(fan, amount=amount)
    sale = make_sale(concert_at=now() + timedelta(days=days, hours=1), concert_date=localdate() + timedelta(days=days))
    ids = in_order(hold(fan, sale, 0, now=None))
    pay(fan, *ids, now=None)
    return fan, ids[0], f"/reservations/{ids[0]}/cancel/"


@pytest.mark.parametrize("default", ["wallet", "card"])
def test_it_asks_where_the_money_should_go_and_the_houses_choice_is_ticked(settings, default):
    settings.REFUND_TO = default
    fan, _pk, address = scene_by_card()

    page = text_of(at_the_screen(fan).get(address))

    assert page.count('name="refund_to"') == 2
    assert f'value="{default}" checked' in page
    assert page.count(" checked") == 1
    assert "₩50,000 goes back to your card" in page


def test_a_gift_can_go_nowhere_and_nobody_is_asked():
    fan, _sale, (pk,) = scene(0)

    assert 'name="refund_to"' not in text_of(at_the_screen(fan).get(f"/reservations/{pk}/cancel/"))


def test_of_a_mixed_wallet_it_says_what_stays():
    fan, _pk, address = scene_by_card(30_000, gift=20_000)

    assert "₩30,000 goes back to your card" in text_of(at_the_screen(fan).get(address))


def test_to_the_card_it_says_so_and_the_wallet_is_empty():
    fan, pk, address = scene_by_card()

    response = agree(fan, address, **{f"fee_{pk}": "0"}, refund_to="card")

    assert notices(response) == ["Canceled. ₩50,000 is on its way to the card you paid with."]
    assert balance_of(fan) == 0
    assert broken_invariants() == {}


def test_the_page_says_what_of_a_refund_stays_in_the_wallet():
    fan, pk, address = scene_by_card(30_000, gift=20_000)

    response = agree(fan, address, **{f"fee_{pk}": "0"}, refund_to="card")

    assert notices(response) == [
        "Canceled. ₩30,000 is on its way to the card you paid with.",
        "₩20,000 went to your wallet.",
    ]
    assert balance_of(fan) == 20_000


def test_a_closed_card_is_said():
    fan, pk, address = scene_by_card()
    sandbox.close_card(TopUp.objects.get(user=fan).reference)

    response = agree(fan, address, **{f"fee_{pk}": "0"}, refund_to="card")

    assert notices(response) == ["Canceled. Your card is closed, so ₩50,000 went to your wallet."]
    assert balance_of(fan) == 50_000


def test_the_amount_paid_adds_up_after_a_part_was_given_back_and_is_the_same_on_every_page():
    fan, _sale, (_kept, returned) = scene(0, 1, days=8)
    refunds.cancel(user_id=fan.pk, reservation_id=returned)
    reference = reference_of(fan)
    browser = at_the_screen(fan)

    booking, receipt, bookings = (
        text_of(browser.get(path))
        for path in (f"/bookings/{reference}/", f"/bookings/{reference}/receipt/", "/bookings/")
    )

    assert '<dt>Paid in all</dt><dd class="money">₩100,000</dd>' in booking
    assert '−₩45,000</span> <span class="soft small">after a fee of ₩5,000' in booking
    assert '<dt>Amount paid</dt><dd><strong class="money">₩55,000</strong>' in booking
    assert '<span>Amount paid</span><span class="money">₩55,000</span>' in receipt
    assert 'Amount paid <span class="money">₩55,000</span>' in bookings
