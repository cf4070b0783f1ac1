"""The first minutes of an app, over a real socket."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from concert_site.accounts.tests.headless import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


def ask(method: str, url: str, body: object = None, **headers: str) -> tuple[int, dict]:
    """One request on a connection of its own; its status and JSON."""
    address = urlsplit(url)
    connection = HTTPConnection(address.netloc, timeout=10)
    connection.request(method, address.path, body and json.dumps(body), {"Content-Type": "application/json"} | headers)
    with connection.getresponse() as response:
        answer = response.status, json.load(response)
    connection.close()
    return answer


def test_sign_up_log_in_top_up_and_read_the_ledger(live_server):
    accounts, wallet = f"{live_server}/_allauth/app/v1", f"{live_server}/api/v1/wallet/"

    made, _ = ask("POST", f"{accounts}/auth/signup", {"email": "Fan@Example.com", "password": PASSWORD})
    entered, login = ask("POST", f"{accounts}/auth/login", {"email": "fan@example.com", "password": PASSWORD})
    fan = {"Authorization": f"Bearer {login['meta']['access_token']}"}
    key = fan | {"Idempotency-Key": "a"}
    first, charge = ask("POST", f"{wallet}charges/", {"amount": 700}, **key)
    again, same = ask("POST", f"{wallet}charges/", {"amount": 700}, **key)
    _, shown = ask("GET", wallet, **fan)
    _, history = ask("GET", f"{wallet}history/", **fan)
    renewed, tokens = ask("POST", f"{accounts}/tokens/refresh", {"refresh_token": login["meta"]["refresh_token"]})

    assert (made, entered, renewed) == (200, 200, 200)
    assert (first, again, same) == (201, 200, charge)
    assert shown["amount"] == 700
    assert history["results"] == [charge["entry"]]
    assert tokens["data"]["access_token"] != login["meta"]["access_token"]
