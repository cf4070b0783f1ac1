"""`manage.py make_fans`: fans who can log in, call the API and pay."""

import json
from io import StringIO

import jwt
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from concert_site.accounts.models import User
from concert_site.accounts.tests.headless import log_in
from concert_site.operations.audit import run
from wallet.domain.ledger import LARGEST_BALANCE, open_wallets
from wallet.models import BalanceHistory
from wallet.tests.factories import balance_of, entries_of, make_fan

SIX_HOURS = 6 * 3600

pytestmark = pytest.mark.django_db


def make_fans(*arguments: str) -> list[dict]:
    """Run the command; what stood on each line of its output."""
    out = StringIO()
    call_command("make_fans", *arguments, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_each_fan_is_one_line_of_json():
    fans = make_fans("3")

    assert [list(fan) for fan in fans] == [["id", "email", "password", "access_token"]] * 3
    assert [fan["id"] for fan in fans] == list(User.objects.order_by("id").values_list("id", flat=True))
    assert not BalanceHistory.objects.exists()


def test_they_log_in_with_their_password():
    (fan,) = make_fans("1")

    response = log_in(fan["email"], fan["password"])

    assert response.status_code == 200
    assert response.json()["data"]["user"]["id"] == fan["id"]


def test_their_tokens_open_the_api_for_six_hours_and_more(client):
    (fan,) = make_fans("1", "--balance", "700")

    response = client.get("/api/v1/wallet/", headers={"Authorization": f"Bearer {fan['access_token']}"})

    claims = jwt.decode(fan["access_token"], options={"verify_signature": False})
    assert response.json()["amount"] == 700
    assert claims["exp"] - claims["iat"] >= SIX_HOURS


def test_their_balances_are_explained_by_the_ledger():
    for fan in make_fans("3", "--balance", "500000"):
        assert balance_of(User(pk=fan["id"])) == 500_000
        assert entries_of(User(pk=fan["id"])) == [("CHARGE", 500_000, 500_000)]

    assert set(BalanceHistory.objects.values_list("note", flat=True)) == {"Rehearsal"}
    assert [finding for finding in run() if finding.breaches] == []


def test_make_fans_again_makes_other_fans():
    assert len({fan["email"] for fan in make_fans("2") + make_fans("2")}) == 4


@pytest.mark.parametrize("rows", ["1", "1000"])
def test_the_queries_dont_grow_with_the_fans(rows, django_assert_max_num_queries):
    with django_assert_max_num_queries(5):
        make_fans(rows, "--balance", "1")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["0"], "COUNT"),
        (["-1"], "COUNT"),
        (["1000001"], "COUNT"),
        (["x"], "COUNT"),
        (["1.5"], "COUNT"),
        ([], "COUNT"),
        (["1", "--balance", "-1"], "--balance"),
        (["1", "--balance", str(LARGEST_BALANCE + 1)], "--balance"),
        (["1", "--balance", "x"], "--balance"),
    ],
)
def test_numbers_that_make_no_sense_are_named(arguments, named):
    with pytest.raises(CommandError, match=named) as refused:
        make_fans(*arguments)

    assert "\n" not in str(refused.value)
    assert not User.objects.exists()


def test_make_fans_is_refused_in_production(settings):
    settings.IS_PRODUCTION = True

    with pytest.raises(CommandError, match="production"):
        make_fans("1")

    assert not User.objects.exists()


def test_a_wallet_that_is_there_is_not_opened_again():
    rich, poor = make_fan(balance=100), make_fan()

    with pytest.raises(IntegrityError), transaction.atomic():
        open_wallets(user_ids=[poor.pk, rich.pk], amount=50, note="Rehearsal")

    assert (balance_of(rich), balance_of(poor)) == (100, 0)
