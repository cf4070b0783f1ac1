"""allauth's API as an app calls it."""

import json
import re

from django.core import mail
from django.http import HttpResponse
from django.test import Client

PASSWORD = "correct horse 9"
ADDRESSES = ("auth/signup", "auth/login", "tokens/refresh", "auth/password/request", "auth/password/reset")


def post(address: str, body: object, **headers: str) -> HttpResponse:
    """POST from a client without cookies; text and bytes go as they are, the rest as JSON."""
    raw = body if isinstance(body, str | bytes) else json.dumps(body)
    return Client(raise_request_exception=False).post(
        f"/_allauth/app/v1/{address}", raw, content_type="application/json", headers=headers
    )


def sign_up(email: str, password: str = PASSWORD) -> HttpResponse:
    return post("auth/signup", {"email": email, "password": password})


def log_in(email: str, password: str = PASSWORD) -> HttpResponse:
    return post("auth/login", {"email": email, "password": password})


def token_of(response: HttpResponse) -> str:
    return str(response.json()["meta"]["access_token"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def code_in(body: str) -> str:
    """The code in a mail; blank if it has none."""
    found = re.search(r"^[0-9A-Z]{3,4}-[0-9A-Z]{3,4}$", body, re.MULTILINE)
    return found[0] if found else ""


def code_to(address: str) -> str:
    """The code of the newest mail to an address that has one."""
    codes = [code_in(sent.body) for sent in mail.outbox if sent.to == [address]]
    return [code for code in codes if code][-1]


def codes_of(response: HttpResponse) -> set[tuple[str | None, str]]:
    """The field and code of each error; no field for what concerns the whole."""
    return {(error.get("param"), error["code"]) for error in response.json()["errors"]}
