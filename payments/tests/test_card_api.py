"""Paying by card as an app sees it: what it must do next, what it polls, and every refusal by its code."""

from urllib.parse import urljoin

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from concert_site.accounts.tests.factories import api_of
from concert_site.tests.api_errors import only_error
from concert_site.tests.unchanged import nothing_changed, nothing_written
from payments.tests.pages import let_lapse
from reservations.tests.scenes import hold, in_order, make_sale, statuses
from wallet.domain import top_ups
from wallet.models import TopUp
from wallet.providers import sandbox
from wallet.tests.factories import make_fan

PAYMENTS = "/api/v1/payments/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def like_a_real_provider(settings):
    settings.SANDBOX_CREDITS_AT_ONCE = False


def scene(*nth, balance=20_500):
    fan, sale = make_fan(balance=balance), make_sale()
    return fan, sale, in_order(hold(fan, sale, *(nth or (0,)), now=None))


def pay(fan, *reservations, **body):
    return api_of(fan).post(PAYMENTS, {"reservations": list(reservations), "pay_with": "card"} | body, format="json")


def charge_of(fan, pk):
    return api_of(fan).get(f"/api/v1/wallet/charges/{pk}/").json()


def test_it_answers_what_the_fan_must_do_and_until_when_the_seats_are_held(settings):
    fan, _sale, held = scene(0, 1)

    response = pay(fan, *held)

    shown, top_up = response.json(), TopUp.objects.get(purpose="BOOKING")
    assert (response.status_code, list(shown)) == (202, ["charge", "reservations"])
    charge = shown["charge"]
    assert (charge["state"], charge["amount"], charge["reservations"], charge["outcome"]) == (
        "PENDING",
        79_500,
        held,
        "",
    )
    assert charge["next"] == {"kind": "redirect", "url": urljoin(settings.SITE_URL, f"/sandbox/{top_up.reference}/")}
    assert [(each["id"], each["status"]) for each in shown["reservations"]] == [(pk, "RESERVING") for pk in held]
    assert {each["expired_at"] for each in shown["reservations"]} == {
        top_up.expires_at.isoformat().replace("+00:00", "Z")
    }


def test_what_is_polled_says_that_it_is_paid():
    fan, sale, held = scene()
    charge = pay(fan, *held).json()["charge"]
    top_up = TopUp.objects.get(pk=charge["id"])
    sandbox.pay(top_up.reference)
    top_ups.settle(top_up, top_ups.look_up(top_up))

    polled = charge_of(fan, charge["id"])

    assert (polled["state"], polled["outcome"], polled["next"], statuses(sale)[0]) == ("SUCCEEDED", "PAID", None, "R")
    again = pay(fan, *held)
    assert (again.status_code, len(again.json()["payments"])) == (200, 1)


def test_money_that_came_too_late_is_polled_as_kept():
    fan, sale = make_fan(balance=20_500), make_sale()
    booking = hold(fan, sale, 0, now=None)
    charge = pay(fan, *in_order(booking)).json()["charge"]
    let_lapse(booking)
    top_up = TopUp.objects.get(pk=charge["id"])
    sandbox.pay(top_up.reference)
    top_ups.settle(top_up, top_ups.look_up(top_up))

    polled = charge_of(fan, charge["id"])

    assert (polled["state"], polled["outcome"], polled["entry"]["amount_after"]) == ("SUCCEEDED", "KEPT", 50_000)
    assert only_error(pay(fan, *in_order(booking))) == (409, "hold_expired", "reservations.0")


def test_the_same_again_is_202_and_the_same_charge():
    fan, _sale, held = scene()

    first, again = pay(fan, *held), pay(fan, *held)

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["charge"] == again.json()["charge"]


def test_a_provider_that_needs_nobody_has_it_paid_in_the_answer(settings):
    settings.SANDBOX_CREDITS_AT_ONCE = True
    fan, sale, held = scene()

    response = pay(fan, *held)

    assert (response.status_code, response.json()["balance"], statuses(sale)[0]) == (201, 0, "R")
    assert pay(fan, *held).status_code == 200


def test_enough_in_the_wallet_is_paid_in_the_answer_also_where_no_money_is_taken_online(settings):
    settings.WALLET_PROVIDER = ""
    fan, _sale, held = scene(balance=50_000)

    assert pay(fan, *held).status_code == 201


def test_a_house_without_a_provider_says_so_by_its_own_code(settings):
    settings.WALLET_PROVIDER = ""
    fan, _sale, held = scene()

    with nothing_changed():
        response = pay(fan, *held)

    assert only_error(response) == (409, "top_up_unavailable", None)
    assert "Retry-After" not in response


def test_what_is_not_theirs_is_not_found_and_what_is_over_is_named():
    fan, _sale, held = scene()
    other, _sale, theirs = scene()

    with nothing_written():
        assert only_error(pay(fan, *held, *theirs)) == (404, "not_found", "reservations.1")
        assert only_error(pay(other, *held)) == (404, "not_found", "reservations.0")


@pytest.mark.parametrize("word", ["points", None])
def test_another_way_to_pay_is_refused(word):
    fan, _sale, held = scene()

    response = pay(fan, *held, pay_with=word)

    assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, "pay_with")


def test_paying_by_wallet_is_one_statement():
    fan, _sale, held = scene(0, 1, balance=100_000)
    api = api_of(fan)

    with CaptureQueriesContext(connection) as asked:
        response = api.post(PAYMENTS, {"reservations": held, "pay_with": "wallet"}, format="json")

    assert (response.status_code, len(asked)) == (201, 1)


def test_paying_by_card_takes_the_same_queries_for_one_seat_and_for_three():
    counts = []
    for nth in ((0,), (1, 2, 3)):
        fan, _sale, held = scene(*nth, balance=1_000)
        api = api_of(fan)
        with CaptureQueriesContext(connection) as asked:
            api.post(PAYMENTS, {"reservations": held, "pay_with": "card"}, format="json")
        counts.append(len(asked))

    assert counts[0] == counts[1]
