"""Withdrawals as an app sees them."""

import pytest
from rest_framework.test import APIClient

from concert_site.accounts.tests.factories import api_of
from concert_site.lib.rate_limits import LIMITS
from concert_site.tests.api_errors import only_error
from concert_site.tests.unchanged import nothing_written
from wallet.models import TopUp, Withdrawal
from wallet.providers import sandbox
from wallet.tests.factories import balance_of, fan_with, make_charge, make_fan
from wallet.tests.test_api import queries_of

WITHDRAWALS = "/api/v1/wallet/withdrawals/"

pytestmark = pytest.mark.django_db


def withdraw(fan, amount, key="a"):
    headers = {} if key is None else {"Idempotency-Key": key}
    return api_of(fan).post(WITHDRAWALS, {"amount": amount}, format="json", headers=headers)


def test_it_answers_one_a_top_up_and_the_balance_left():
    fan = fan_with(3_000, 5_000)
    first, last = TopUp.objects.of(user_id=fan.pk).order_by("pk")

    response = withdraw(fan, 6_000)

    shown = response.json()
    made = Withdrawal.objects.order_by("pk")
    assert response.status_code == 201
    assert [each.pop("created_at")[-1] for each in shown["withdrawals"]] == ["Z", "Z"]
    assert shown == {
        "withdrawals": [
            {"id": made[0].pk, "amount": 5_000, "currency": "KRW", "state": "SUCCEEDED", "charge": last.pk},
            {"id": made[1].pk, "amount": 1_000, "currency": "KRW", "state": "SUCCEEDED", "charge": first.pk},
        ],
        "balance": 2_000,
    }


def test_a_repeated_withdrawal_answers_200_and_the_same():
    fan = fan_with(5_000)
    first = withdraw(fan, 5_000)

    with nothing_written():
        again = withdraw(fan, 5_000)

    assert (again.status_code, again.json()) == (200, first.json())


@pytest.mark.parametrize(
    ("amount", "key", "refusal"),
    [
        (5_001, "a", (402, "insufficient_balance", None)),
        (4_000, "used", (409, "idempotency_key_reused", None)),
        (1_000, None, (400, "required", "Idempotency-Key")),
        (0, "a", (400, "min_value", "amount")),
        ("1000", "a", (400, "invalid", "amount")),
    ],
)
def test_refusals_by_name(amount, key, refusal):
    fan = fan_with(6_000)
    withdraw(fan, 1_000, key="used")

    with nothing_written():
        assert only_error(withdraw(fan, amount, key)) == refusal


def test_more_than_came_by_card_says_how_much_can_go():
    fan = make_fan(balance=10_000)
    make_charge(fan, amount=2_000)

    refused = withdraw(fan, 2_001)

    assert only_error(refused) == (409, "withdrawal_too_large", "amount")
    assert "₩2,000" in refused.json()["errors"][0]["detail"]


def test_a_house_without_a_provider(settings):
    fan = fan_with(1_000)
    settings.WALLET_PROVIDER = ""

    assert only_error(withdraw(fan, 1_000)) == (409, "top_up_unavailable", None)


def test_an_address_that_is_not_verified_is_refused_and_may_look(settings):
    fan = fan_with(1_000)
    settings.VERIFY_ADDRESSES = True
    # A token that was issued while the address was trusted would still do; a session is asked each time.
    client = APIClient()
    client.force_login(fan)

    with nothing_written():
        refused = client.post(WITHDRAWALS, {"amount": 1_000}, format="json", headers={"Idempotency-Key": "a"})

    assert only_error(refused) == (403, "address_unverified", None)
    assert client.get(WITHDRAWALS).status_code == 200


def test_a_closed_card_is_failed_and_the_balance_is_as_before():
    fan = fan_with(1_000)
    sandbox.close_card(TopUp.objects.get(user=fan).reference)

    shown = withdraw(fan, 1_000).json()

    assert ([each["state"] for each in shown["withdrawals"]], shown["balance"]) == (["FAILED"], 1_000)


def test_the_list_is_newest_first_and_the_callers_alone():
    fan, other = fan_with(1_000), fan_with(1_000)
    for nth in range(3):
        withdraw(fan, 100, key=str(nth))
    withdraw(other, 100)

    page = api_of(fan).get(WITHDRAWALS, {"page_size": 2}).json()
    rest = api_of(fan).get(page["next"]).json()

    ids = [each["id"] for each in page["results"] + rest["results"]]
    assert ids == list(Withdrawal.objects.of(user_id=fan.pk).order_by("-pk").values_list("pk", flat=True))
    assert len(ids) == 3


def test_one_is_to_be_polled_by_its_fan_alone():
    fan = fan_with(1_000)
    (made,) = withdraw(fan, 100).json()["withdrawals"]

    assert api_of(fan).get(f"{WITHDRAWALS}{made['id']}/").json() == made
    assert only_error(api_of(make_fan()).get(f"{WITHDRAWALS}{made['id']}/")) == (404, "not_found", None)


def test_too_many_withdrawals_are_throttled(settings, monkeypatch):
    settings.THROTTLE = True
    monkeypatch.setitem(LIMITS, "withdraw", 1)
    fan = fan_with(1_000)

    statuses = [withdraw(fan, 100, key=str(nth)).status_code for nth in range(3)]

    assert 429 in statuses
    assert balance_of(fan) > 700


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_is_one_query(rows):
    fan = fan_with(1_000)
    for nth in range(rows):
        withdraw(fan, 100, key=str(nth))
    client = api_of(fan)

    assert queries_of(lambda: client.get(WITHDRAWALS)) == 1
