"""Access tokens, and what is none; and the session of a page in its place."""

import base64
import json
import time

import jwt
import pytest
from allauth.headless.tokens.strategies.jwt.internal import create_token, decode_token
from django.conf import settings as configured
from django.test import Client

from concert_site.accounts.tests.factories import api_of, make_fan
from concert_site.accounts.tests.headless import PASSWORD, log_in
from concert_site.accounts.tokens import create_access_token_for
from concert_site.lib.api import authentication

WALLET = "/api/v1/wallet/"
CHARGES = "/api/v1/wallet/charges/"

pytestmark = pytest.mark.django_db


def ask(authorization: str):
    return Client(raise_request_exception=False).get(WALLET, headers={"Authorization": authorization})


def signed(**changes: object) -> str:
    """A token with our signature and other claims; a claim of None is left out."""
    now = int(time.time())
    claims = {"iat": now, "exp": now + 60, "sid": "", "jti": "x", "token_use": "access", "sub": "1"} | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, configured.HEADLESS_JWT_PRIVATE_KEY, algorithm=configured.HEADLESS_JWT_ALGORITHM)


def unsigned(token: str) -> str:
    """The same claims, with a header that says that nobody signed them."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


def altered(token: str) -> str:
    """The claims of another fan under this token's signature."""
    header, claims, signature = token.split(".")
    other = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"sub": "2"}
    return f"{header}.{base64.urlsafe_b64encode(json.dumps(other).encode()).decode().rstrip('=')}.{signature}"


def assert_refused(response) -> None:
    (error,) = response.json()["errors"]
    assert (response.status_code, error["code"]) == (401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_token_is_its_fan_and_reads_no_row(scheme, django_assert_num_queries):
    token = create_access_token_for(make_fan().pk, 60)

    with django_assert_num_queries(1):  # the balance
        assert ask(f"{scheme} {token}").status_code == 200


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(create_access_token_for(1, -1), id="over"),
        pytest.param(altered(create_access_token_for(1, 60)), id="altered"),
        pytest.param(unsigned(create_access_token_for(1, 60)), id="unsigned"),
        pytest.param(create_access_token_for(1, 60)[:-10], id="cut"),
        pytest.param(jwt.encode({"sub": "1"}, "x" * 64, algorithm="HS256"), id="another key"),
        pytest.param(create_token("refresh", sub="1", sid="", expires_in=60)[0], id="refresh token"),
        pytest.param(signed(token_use=None), id="no use"),
        pytest.param(signed(sub=None), id="no subject"),
        pytest.param(signed(sub=""), id="blank subject"),
        pytest.param(signed(sub="x"), id="subject of letters"),
        pytest.param(signed(sub="-1"), id="subject below zero"),
        pytest.param(signed(sub="²"), id="subject that is a digit and no number"),
        pytest.param(signed(nbf=int(time.time()) + 3600), id="not yet"),
        pytest.param(signed(exp="soon"), id="an end that is no time"),
        pytest.param("", id="nothing"),
        pytest.param("x", id="nonsense"),
        pytest.param("é", id="not ASCII"),
        pytest.param("a.b.c", id="three parts"),
        pytest.param("x y z", id="spaces"),
    ],
)
def test_what_is_no_token_is_401(token):
    assert_refused(ask(f"Bearer {token}"))


def test_an_authorization_of_another_scheme_is_anonymous():
    assert_refused(ask("Basic YTpi"))


def test_a_real_refresh_token_is_no_access_token():
    make_fan(email="fan@example.com", password=PASSWORD)
    meta = log_in("fan@example.com").json()["meta"]

    assert_refused(ask(f"Bearer {meta['refresh_token']}"))
    assert ask(f"Bearer {meta['access_token']}").status_code == 200


def test_a_session_reads():
    browser = Client()
    browser.force_login(make_fan())

    assert browser.get(WALLET).status_code == 200


def test_a_session_writes_with_its_csrf_token_alone():
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_fan())
    browser.cookies["csrftoken"] = "a" * 32
    body, headers = json.dumps({"amount": 5}), {"Idempotency-Key": "a"}

    without = browser.post(CHARGES, body, content_type="application/json", headers=headers)
    with_it = browser.post(CHARGES, body, content_type="application/json", headers=headers | {"X-CSRFToken": "a" * 32})

    assert (without.status_code, without.json()["errors"][0]["code"]) == (403, "permission_denied")
    assert with_it.status_code == 201


def test_a_token_needs_no_csrf_token():
    client = api_of(make_fan())
    client.handler.enforce_csrf_checks = True

    response = client.post(CHARGES, {"amount": 5}, format="json", headers={"Idempotency-Key": "a"})

    assert response.status_code == 201


def test_a_nonsense_session_cookie_is_nobody():
    browser = Client()
    browser.cookies["sessionid"] = "x" * 500

    assert_refused(browser.get(WALLET))


# --- The quick way, which decides only what PyJWT would decide alike ----------------------------


def trusted() -> None:
    """Have the first part of our tokens known."""
    authentication.claims_of.cache_clear()
    authentication.claims_of(signed())
    assert authentication.trusted_headers


def test_a_valid_token_is_decoded_the_quick_way():
    trusted()
    token = signed(rev=3)

    assert authentication.quickly_decoded(token) == decode_token(token, "access")


@pytest.mark.parametrize(
    "spoil",
    [
        altered,
        unsigned,
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token + "=",
        lambda token: token + "!",
        lambda token: token.replace(".", "..", 1),
        lambda token: token.rpartition(".")[0],
        lambda token: token + "é",
    ],
)
def test_an_altered_token_is_not_decoded_the_quick_way(spoil):
    trusted()

    assert authentication.quickly_decoded(spoil(signed())) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "9999999999"},
        {"iat": None},
        {"iat": time.time() + 86_400},
        {"iat": int(time.time()) + 86_400},
        {"nbf": int(time.time()) + 86_400},
        {"token_use": "refresh"},
        {"token_use": None},
        {"sub": None},
        {"sid": None},
        {"jti": 7},
    ],
)
def test_what_is_odd_is_for_pyjwt_to_decide(changes):
    trusted()

    assert authentication.quickly_decoded(signed_as_it_is(**changes)) is None


def signed_as_it_is(**changes: object) -> str:
    """A token with claims that PyJWT itself would not sign."""
    now = int(time.time())
    claims = {"iat": now, "exp": now + 60, "sid": "", "jti": "x", "token_use": "access", "sub": "1"} | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    key, algorithm = configured.HEADLESS_JWT_PRIVATE_KEY, configured.HEADLESS_JWT_ALGORITHM
    return jwt.api_jws.encode(json.dumps(claims).encode(), key, algorithm=algorithm)
