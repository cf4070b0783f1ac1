"""Staff's refunds to the card: of one, of some, of a whole schedule."""

import pytest
from django.urls import reverse

from concert_site.accounts.tests.factories import make_staff
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_changed
from payments.admin import schedule_refunds
from payments.models import Payment
from payments.tests.pages import notices
from payments.tests.scenes import buy
from payments.tests.test_admin import REASON, page_of_one, page_of_schedule, page_of_selected
from reservations.tests.scenes import make_sale
from wallet.models import TopUp, Withdrawal
from wallet.providers import sandbox
from wallet.tests.factories import balance_of, make_charge, make_fan

TO_CARD = REASON | {"refund_to": "card"}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def boss(client):
    client.force_login(make_staff())


def sold(seats=1, *, by_card=50_000, gift=0):
    sale = make_sale(seats=seats)
    fans = [make_fan(balance=gift) for _ in range(seats)]
    for nth, fan in enumerate(fans):
        if by_card:
            make_charge(fan, amount=by_card)
        buy(fan, sale, nth)
    return sale, fans


def close_card_of(fan):
    sandbox.close_card(TopUp.objects.get(user=fan, provider="sandbox").reference)


def test_one_goes_to_the_card_and_the_page_says_so(client):
    _sale, (fan,) = sold()

    response = client.post(page_of_one(Payment.objects.get()), TO_CARD, follow=True)

    assert notices(response) == [f"₩49,000 goes to the card of {fan.email}."]
    assert (balance_of(fan), Withdrawal.objects.get().note) == (0, REASON["note"])
    assert broken_invariants() == {}


def test_of_a_mixed_one_the_rest_is_said(client):
    _sale, (fan,) = sold(by_card=30_000, gift=20_000)

    response = client.post(page_of_one(Payment.objects.get()), TO_CARD, follow=True)

    assert notices(response) == [
        f"₩30,000 goes to the card of {fan.email}.",
        f"₩19,000 went back to the wallet of {fan.email}.",
    ]


def test_of_a_closed_card_it_is_said_too(client):
    _sale, (fan,) = sold()
    close_card_of(fan)

    response = client.post(page_of_one(Payment.objects.get()), TO_CARD, follow=True)

    assert notices(response) == [f"The card of {fan.email} was declined: ₩49,000 went to the wallet."]
    assert balance_of(fan) == 49_000


@pytest.mark.parametrize("setting", ["wallet", "card"])
def test_the_form_begins_with_the_houses_choice_and_takes_it_for_none(client, settings, setting):
    settings.REFUND_TO = setting
    _sale, (fan,) = sold()
    where = page_of_one(Payment.objects.get())

    page = client.get(where).content.decode()
    client.post(where, REASON)

    assert f'<option value="{setting}" selected>' in page
    assert balance_of(fan) == (0 if setting == "card" else 49_000)


def test_another_place_is_refused_at_its_field(client):
    sold()

    with nothing_changed():
        response = client.post(page_of_one(Payment.objects.get()), REASON | {"refund_to": "bank"})

    assert list(response.context["form"].errors) == ["refund_to"]


def test_the_selected_go_to_their_cards(client):
    _sale, fans = sold(3)
    close_card_of(fans[2])

    response = client.post(page_of_selected(*Payment.objects.all()), TO_CARD, follow=True)

    assert notices(response) == [
        "3 seats were refunded.",
        "₩98,000 of it goes to cards.",
        "Declined by cards and refunded to wallets: ₩49,000.",
    ]
    assert [balance_of(fan) for fan in fans] == [0, 0, 49_000]


def test_a_schedule_goes_on_to_the_cards_round_by_round(client, monkeypatch):
    monkeypatch.setattr(schedule_refunds, "ROUND_SECONDS", 0)
    sale, fans = sold(3)
    close_card_of(fans[0])
    where = page_of_schedule(sale)

    first = client.post(where, TO_CARD)
    page = first.content.decode()
    going = {"fee": "1000", "note": REASON["note"], "refund_to": "card", "going": "on"}
    answers = [client.post(where, going) for _ in range(3)]

    assert 'name="refund_to" value="card"' in page
    assert "Declined by cards and refunded to wallets: ₩49,000" in page
    assert "₩49,000 of it goes to cards." in answers[0].content.decode()
    assert answers[-1].url == reverse("admin:payments_refund_schedule", args=[sale.pk])
    assert [balance_of(fan) for fan in fans] == [49_000, 0, 0]
    assert broken_invariants() == {}
