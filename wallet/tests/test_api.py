"""The wallet as an app sees it."""

import base64
import time
from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from concert_site.accounts.tests.factories import api_of
from concert_site.lib.rate_limits import LIMITS, seconds_left
from concert_site.tests.api_errors import only_error
from wallet.domain import ledger, top_ups
from wallet.models import BalanceHistory, LedgerKind, TopUp
from wallet.providers import sandbox
from wallet.tests.factories import balance_of, entries_of, make_charge, make_fan

WALLET = "/api/v1/wallet/"
CHARGES = "/api/v1/wallet/charges/"
HISTORY = "/api/v1/wallet/history/"
BUDGET = 3
SOME_SECONDS = 8

pytestmark = pytest.mark.django_db


def charge(client: APIClient, body: object, key: str | None = "a", **extra: str):
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(CHARGES, body, format="json", headers=headers | extra)


def test_wallet_without_a_row_is_empty():
    response = api_of(make_fan()).get(WALLET)

    assert response.status_code == 200
    assert response.json() == {"amount": 0, "currency": "KRW", "last_updated_at": None}


def test_wallet_shows_what_is_there():
    fan = make_fan()
    entry = make_charge(fan, amount=700).entry

    shown = api_of(fan).get(WALLET).json()

    assert (shown["amount"], shown["currency"]) == (700, "KRW")
    assert shown["last_updated_at"].endswith("Z")
    assert datetime.fromisoformat(shown["last_updated_at"]) == entry.created_at


def test_charge_answers_with_its_ledger_row_whose_fields_stand_beside_it():
    fan = make_fan()

    response = charge(api_of(fan), {"amount": 100_000})

    entry = BalanceHistory.objects.get()
    assert response.status_code == 201
    shown = response.json()
    row = shown.pop("entry")
    assert datetime.fromisoformat(row.pop("created_at")) == entry.created_at
    assert shown.pop("created_at").endswith("Z")
    line = {"kind": "CHARGE", "amount": 100_000, "amount_after": 100_000, "payment": None, "note": ""}
    assert row == {"id": entry.pk} | line
    assert shown == line | {
        "id": TopUp.objects.get().pk,
        "state": "SUCCEEDED",
        "currency": "KRW",
        "provider": "sandbox",
        "failure": "",
        "refunded": 0,
        "reservations": [],
        "outcome": "",
        "next": None,
    }
    assert balance_of(fan) == 100_000


def test_charge_again_is_200_and_the_same():
    fan = make_fan()
    first = charge(api_of(fan), {"amount": 500})

    again = charge(api_of(fan), {"amount": 500})

    assert (again.status_code, again.json()) == (200, first.json())
    assert entries_of(fan) == [("CHARGE", 500, 500)]


def test_charge_with_a_used_key_and_another_amount_is_409():
    fan = make_fan()
    charge(api_of(fan), {"amount": 500})

    assert only_error(charge(api_of(fan), {"amount": 501})) == (409, "idempotency_key_reused", None)
    assert entries_of(fan) == [("CHARGE", 500, 500)]


@pytest.mark.parametrize(
    ("key", "code"),
    [(None, "required"), ("", "invalid"), ("   ", "invalid"), ("x" * 256, "invalid"), ("a\tb", "invalid")],
)
def test_charge_without_a_proper_key_names_the_header(key, code):
    fan = make_fan()

    assert only_error(charge(api_of(fan), {"amount": 500}, key)) == (400, code, "Idempotency-Key")
    assert not BalanceHistory.objects.exists()


@pytest.mark.parametrize("key", ["x", "x" * 255, "a b", "é", '"quoted"'])
def test_charge_takes_every_printable_key(key):
    assert charge(api_of(make_fan()), {"amount": 500}, key).status_code == 201


@pytest.mark.parametrize("amount", ["100", True, None, 1.0, 0, [1], 100_000_001, 2**64 - 1])
def test_charge_of_a_wrong_amount_names_the_field(amount):
    fan = make_fan()

    status, _, attr = only_error(charge(api_of(fan), {"amount": amount}))

    assert (status, attr) == (400, "amount")
    assert not BalanceHistory.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[1]",
        "{}",
        '{"amount": 1e400}',
        '{"amount": NaN}',
        '{"amount": "\\ud800"}',
        "[" * 5_000,
        b"\xff\xfe",
    ],
)
def test_charge_of_a_garbage_body_is_400_in_shape(body):
    response = api_of(make_fan()).post(CHARGES, body, content_type="application/json", headers={"Idempotency-Key": "a"})

    assert response.status_code == 400
    assert response.json()["errors"][0].keys() == {"code", "detail", "attr"}
    assert not BalanceHistory.objects.exists()


def test_charge_as_a_form_is_415():
    response = api_of(make_fan()).post(
        CHARGES,
        "amount=5",
        content_type="application/x-www-form-urlencoded",
        headers={"Idempotency-Key": "a"},
    )

    assert only_error(response) == (415, "unsupported_media_type", None)


@pytest.mark.parametrize(
    ("setting", "code"), [("TOP_UP_DAY_MOST", "top_up_day_limit"), ("TOP_UP_MONTH_MOST", "top_up_month_limit")]
)
def test_charge_beyond_a_limit_is_refused_by_name_and_says_what_is_left(settings, setting, code):
    setattr(settings, setting, 1_000)
    client = api_of(make_fan())
    charge(client, {"amount": 600}, key="a")

    refused, again = charge(client, {"amount": 500}, key="b"), charge(client, {"amount": 600}, key="a")

    assert only_error(refused) == (409, code, "amount")
    assert "400" in refused.json()["errors"][0]["detail"]
    assert (again.status_code, charge(client, {"amount": 400}, key="c").status_code) == (200, 201)


def test_charge_without_a_provider_is_said_by_name_and_not_to_be_tried_again(settings):
    settings.WALLET_PROVIDER = ""

    response = charge(api_of(make_fan()), {"amount": 5})

    assert only_error(response) == (409, "top_up_unavailable", None)
    assert "Retry-After" not in response


def test_a_charge_is_polled_by_its_fan_alone():
    fan = make_fan()
    begun = charge(api_of(fan), {"amount": 500}).json()
    address = f"{CHARGES}{begun['id']}/"

    assert api_of(fan).get(address).json() == begun
    assert only_error(api_of(make_fan()).get(address)) == (404, "not_found", None)
    assert only_error(api_of().get(address)) == (401, "not_authenticated", None)


def test_an_asynchronous_charge_says_where_to_pay_and_is_credited_once_it_is_paid(settings):
    settings.SANDBOX_CREDITS_AT_ONCE = False
    fan = make_fan()

    begun = charge(api_of(fan), {"amount": 500})

    shown = begun.json()
    reference = TopUp.objects.get().reference
    assert (begun.status_code, shown["state"], shown["entry"]) == (201, "PENDING", None)
    assert shown["next"] == {"kind": "redirect", "url": f"{settings.SITE_URL}/sandbox/{reference}/"}
    assert balance_of(fan) == 0

    sandbox.pay(reference)
    top_ups.settle(TopUp.objects.get(), top_ups.look_up(TopUp.objects.get()))

    assert api_of(fan).get(f"{CHARGES}{shown['id']}/").json()["state"] == "SUCCEEDED"
    assert entries_of(fan) == [("CHARGE", 500, 500)]


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("address", [WALLET, CHARGES, HISTORY])
def test_wallet_api_without_an_account_is_401(method, address):
    response = getattr(api_of(), method)(address)

    assert only_error(response) == (401, "not_authenticated", None)


@pytest.mark.parametrize(("method", "address"), [("post", WALLET), ("get", CHARGES), ("delete", HISTORY)])
def test_other_methods_are_405(method, address):
    assert only_error(getattr(api_of(make_fan()), method)(address)) == (405, "method_not_allowed", None)


def test_charges_have_a_budget_of_their_own(monkeypatch):
    monkeypatch.setitem(LIMITS, "charge", BUDGET)
    client = api_of(make_fan())
    # Within one minute of the clock, which budgets go by.
    if seconds_left() < SOME_SECONDS:
        time.sleep(seconds_left())
    for number in range(BUDGET):
        assert charge(client, {"amount": 1}, f"key {number}").status_code == 201

    response = charge(client, {"amount": 1}, "one more")

    assert only_error(response) == (429, "throttled", None)
    assert int(response["Retry-After"]) >= 1
    assert client.get(WALLET).json()["amount"] == BUDGET


def test_history_is_ones_own_newest_first_and_paged():
    fan = make_fan()
    entries = [ledger.book(user_id=fan.pk, kind=LedgerKind.CHARGE, amount=1) for _ in range(25)]
    make_charge(make_fan())
    client = api_of(fan)

    first = client.get(HISTORY).json()
    second = client.get(first["next"]).json()

    shown = [row["id"] for row in first["results"] + second["results"]]
    assert shown == [entry.pk for entry in reversed(entries)]
    assert (len(first["results"]), second["next"]) == (20, None)
    assert client.get(second["previous"]).json()["results"] == first["results"]
    assert first["results"][0].keys() == {
        "id",
        "kind",
        "amount",
        "amount_after",
        "payment",
        "note",
        "created_at",
    }


def test_the_size_of_a_page_is_bounded():
    fan = make_fan()
    for _ in range(101):
        ledger.book(user_id=fan.pk, kind=LedgerKind.CHARGE, amount=1)
    client = api_of(fan)

    for size, shown in {"3": 3, "100": 100, "101": 100}.items():
        assert len(client.get(HISTORY, {"page_size": size}).json()["results"]) == shown
    assert len(client.get(HISTORY).json()["results"]) == 20


@pytest.mark.parametrize("size", ["0", "x", "9" * 30])
def test_a_size_that_makes_no_sense_is_refused_by_name(size):
    response = api_of(make_fan()).get(HISTORY, {"page_size": size})

    assert response.status_code == 400
    assert [(error["attr"], error["code"]) for error in response.json()["errors"]] == [("page_size", "invalid")]


def cursor(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "nonsense",
    [
        "x",
        cursor("p=abc"),
        cursor("p=-1"),
        cursor("p=" + "9" * 30),
        cursor("p=\0"),
        cursor("p=２x"),
        cursor("o=x"),
    ],
)
def test_a_nonsense_cursor_is_404(nonsense):
    fan = make_fan(balance=1)

    assert only_error(api_of(fan).get(HISTORY, {"cursor": nonsense})) == (404, "not_found", None)


@pytest.mark.parametrize("odd", ["\0", cursor("p=" + "9" * 18), cursor("o=99999999999")])
def test_an_odd_cursor_is_a_page(odd):
    assert api_of(make_fan(balance=1)).get(HISTORY, {"cursor": odd}).status_code == 200


def queries_of(call: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


@pytest.mark.parametrize("rows", [1, 3])
def test_history_is_one_query(rows):
    fan = make_fan()
    for _ in range(rows):
        make_charge(fan)
    client = api_of(fan)

    assert queries_of(lambda: client.get(HISTORY)) == 1


def test_wallet_is_one_query():
    client = api_of(make_fan(balance=1))

    assert queries_of(lambda: client.get(WALLET)) == 1


def test_charge_is_credited_in_one_statement_and_a_replay_is_two_looks():
    client = api_of(make_fan(balance=1))

    # Two looks; the fan locked, and a look behind that; written down; five of the sandbox's own, as a provider's;
    # credited; read once more, with its line.
    assert queries_of(lambda: charge(client, {"amount": 1})) == 16
    assert queries_of(lambda: charge(client, {"amount": 1})) == 2
