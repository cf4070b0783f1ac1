"""What a stolen access token opens in the minutes after its owner has confirmed who it is, and what breaks a body."""

import re

import pytest
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client, RequestFactory

from concert_site.accounts.address_codes import must_log_in_again
from concert_site.accounts.allauth_allowlist import GET, OPERATIONS
from concert_site.accounts.models import AccountSession, User
from concert_site.accounts.session_store import SessionStore
from concert_site.accounts.tests.headless import PASSWORD, log_in, post, sign_up
from concert_site.accounts.tests.test_second_factor import code_of
from concert_site.lib.web.prefixes import ALLAUTH_APP

pytestmark = pytest.mark.django_db

OWNER, HOME, ELSEWHERE = "owner@example.com", "192.0.2.1", "192.0.2.66"
CODE = r"^([A-Z0-9]{3,4}-?[A-Z0-9]{3,4})\s*$"


def call(method: str, path: str, body: dict[str, object] | None, token: str, network: str):
    request = getattr(Client(REMOTE_ADDR=network), method)
    sent = {} if body is None else {"data": body, "content_type": "application/json"}
    return request(f"{ALLAUTH_APP}{path}", headers={"Authorization": f"Bearer {token}"}, **sent)


@pytest.fixture
def token() -> str:
    """Of an owner who has just said the password again."""
    sign_up(OWNER)
    access: str = log_in(OWNER).json()["meta"]["access_token"]
    assert call("post", "auth/reauthenticate", {"password": PASSWORD}, access, HOME).status_code == 200
    return access


# allauth describes a 401 as one of two shapes, and this one has what is demanded of both.
def test_a_password_said_again_opens_nothing_from_another_network(token):
    secret = call("get", "account/authenticators/totp", None, token, ELSEWHERE).json()["meta"]["secret"]
    code = {"code": code_of(secret)}

    stolen = call("post", "account/authenticators/totp", code, token, ELSEWHERE)
    passkey = call("get", "account/authenticators/webauthn?passwordless", None, token, ELSEWHERE)
    codes = call("get", "account/authenticators/recovery-codes", None, token, ELSEWHERE)

    assert [stolen.status_code, passkey.status_code] == [401, 401]
    assert codes.status_code in (401, 404)
    assert not Authenticator.objects.exists()


# allauth describes a 401 as one of two shapes, and this one has what is demanded of both.
def test_the_owner_goes_on_where_the_password_was_said(token):
    secret = call("get", "account/authenticators/totp", None, token, HOME).json()["meta"]["secret"]

    assert call("post", "account/authenticators/totp", {"code": code_of(secret)}, token, HOME).status_code == 200
    assert call("get", "account/authenticators/recovery-codes", None, token, ELSEWHERE).status_code == 401
    assert call("delete", "account/authenticators/totp", None, token, ELSEWHERE).status_code == 401
    assert call("delete", "account/authenticators/totp", None, token, HOME).status_code == 200


def test_without_a_password_an_address_is_changed_only_where_the_login_was(token):
    owner = User.objects.get(email=OWNER)
    owner.set_unusable_password()
    session = SessionStore(AccountSession.objects.latest("expire_date").session_key)
    here, there = (RequestFactory(REMOTE_ADDR=network).get("/") for network in (HOME, ELSEWHERE))
    here.session = there.session = session

    assert session[AUTHENTICATION_METHODS_SESSION_KEY]
    assert not must_log_in_again(here, owner)
    assert must_log_in_again(there, owner)


@pytest.mark.parametrize(
    "body", [b"[" * 1000 + b"]" * 1000, b'{"email":' * 900 + b"1" + b"}" * 900, b"[]", b"null", b"\xff", b"{"],
    ids=["arrays", "objects", "array", "null", "bytes", "end"],
)  # fmt: skip
def test_a_body_that_nobody_can_read_is_refused_in_allauths_shape(body):
    writes = [(method, path) for path, methods in OPERATIONS.items() for method in methods - {GET}]
    answers = [
        Client().generic(method, f"{ALLAUTH_APP}{path}", body, content_type="application/json")
        for method, path in writes
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert {(answer.json()["status"], answer.json()["errors"][0]["code"]) for answer in answers} == {
        (400, "parse_error")
    }


def test_a_code_for_a_new_password_dies_with_the_password_it_was_asked_for(token):
    EmailAddress.objects.filter(email=OWNER).update(verified=True)
    asked = post("auth/password/request", {"email": OWNER})
    thief = {"x-session-token": asked.json()["meta"]["session_token"]}
    page = Client()
    page.post("/accounts/password/reset/", {"email": OWNER})
    of_app, of_page = (re.findall(CODE, sent.body, re.MULTILINE)[-1] for sent in mail.outbox[-2:])
    changed = {"current_password": PASSWORD, "new_password": "another of the owner 7"}
    assert call("post", "account/password/change", changed, token, HOME).status_code == 200

    late = post("auth/password/reset", {"key": of_app, "password": "the thief's own 66"}, **thief)
    page.post("/accounts/password/reset/confirm/", {"code": of_page})
    page.post("/accounts/password/reset/complete/", {"password1": "the thief's own 66"})

    assert late.status_code == 409
    assert log_in(OWNER, "the thief's own 66").status_code == 400
    assert log_in(OWNER, "another of the owner 7").status_code == 200
