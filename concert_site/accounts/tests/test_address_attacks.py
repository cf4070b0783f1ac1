"""Who takes somebody else's address, or account, from outside."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.test import Client

from concert_site.accounts.models import User
from concert_site.accounts.tests.headless import PASSWORD, codes_of, log_in, post, sign_up

pytestmark = pytest.mark.django_db(transaction=True)

OWNER, SQUATTER = "owner@example.com", "squatter@example.com"


@pytest.fixture(autouse=True)
def codes_are_demanded(settings):
    settings.VERIFY_ADDRESSES = True


def code_to(address: str) -> str:
    """The newest code that was mailed to this address."""
    bodies = [sent.body for sent in mail.outbox if sent.to == [address]]
    return re.findall(r"^([A-Z0-9]{3,4}-?[A-Z0-9]{3,4})\s*$", bodies[-1], re.MULTILINE)[-1]


def bearer(response) -> dict[str, str]:
    return {"Authorization": f"Bearer {response.json()['meta']['access_token']}"}


def may_call(headers: dict[str, str]) -> bool:
    return Client().get("/api/v1/wallet/", headers=headers).status_code == 200


def test_who_signs_up_again_with_an_unverified_address_deletes_nobody():
    first = sign_up(OWNER)
    account = User.objects.get(email=OWNER).pk

    sign_up(OWNER, "another password 7")

    assert User.objects.filter(pk=account).exists()
    assert log_in(OWNER).status_code == 200
    assert may_call(bearer(first))


def test_a_reset_that_stops_after_its_code_leaves_the_squatter_nothing():
    squat = bearer(sign_up(OWNER))
    page = Client()
    page.post("/accounts/password/reset/", {"email": OWNER})
    page.post("/accounts/password/reset/confirm/", {"code": code_to(OWNER)})

    verified = EmailAddress.objects.filter(email=OWNER, verified=True).exists()

    assert verified
    assert log_in(OWNER).status_code == 400
    assert not may_call(squat)


def test_a_reset_of_an_unverified_account_removes_the_squatters_other_ways_in():
    squat = bearer(sign_up(OWNER))
    user = User.objects.get(email=OWNER)
    SocialAccount.objects.create(user=user, provider="google", uid="squatters")
    asked = post("auth/password/request", {"email": OWNER})
    headers = {"X-Session-Token": asked.json()["meta"]["session_token"]}

    done = post("auth/password/reset", {"key": code_to(OWNER), "password": "the owner's own 5"}, **headers)

    assert done.status_code in (200, 401)
    assert log_in(OWNER).status_code == 400
    assert log_in(OWNER, "the owner's own 5").status_code == 200
    assert not may_call(squat)
    assert not SocialAccount.objects.filter(user=user).exists()
    assert EmailAddress.objects.get(email=OWNER).verified


@pytest.mark.parametrize(
    "email",
    [
        "a@localhost",
        "a@bare",
        "a@[127.0.0.1]",
        "a@10.0.0.12",
        "a@127.0.0.1",
        ".a@example.com",
        "a..b@example.com",
        '"a\x01b"@example.com',
        '"a b"@example.com',
        "a@\u0627a.com",
        f"{'a' * 65}@example.com",
        "a@x.invalid",
        "a@-x.com",
        f"a@{'b' * 64}.com",
        f"a@{'b.' * 130}com",
        "a@xn--a.com",
        "a@" + "\u00fc." * 35 + "com",
        "\u017fa@example.com",
        "a\u0131@example.com",
        "a@ex\u2028ample.com",
        "a@exam\x00ple.com",
        "a@x.local",
        "a@example.com.",
    ],
)
def test_an_address_that_nobody_receives_at_is_refused(email):
    response = sign_up(email)
    made = list(User.objects.values_list("email", flat=True))
    assert response.status_code == 400
    assert "email" in {param for param, _code in codes_of(response)}
    assert made == []


def test_an_internationalised_domain_is_one_address_however_it_is_written():
    assert sign_up("a@bücher.example").status_code == 200
    assert sign_up("a@xn--bcher-kva.example").status_code == 400
    assert sign_up("a@bu\u0308cher.example").status_code == 400
    assert sign_up("a@bü\u200bcher.example").status_code == 400
    assert log_in("a@bücher.example").status_code == 200


PASSWORDS = [
    "  blanks around  ",
    "한글 비밀번호 하나",
    "\u1112\u1161\u11ab\u1100\u1173\u11af pass 9",
    "cafe\u0301 au lait 9",
    "café au lait 9",
    "x" * 4096,
]


@pytest.mark.parametrize("password", PASSWORDS, ids=range(len(PASSWORDS)))
def test_a_password_is_the_same_everywhere(password, settings):
    settings.VERIFY_ADDRESSES = False
    page = Client()
    made = page.post("/accounts/signup/", {"email": OWNER, "password1": password})
    assert made.status_code == 302, made.content[-3000:]

    assert log_in(OWNER, password).status_code == 200
    assert Client().post("/accounts/login/", {"login": OWNER, "password": password}).status_code == 302
    if password != password.strip():
        assert log_in(OWNER, password.strip()).status_code == 400
    headers = bearer(log_in(OWNER, password))
    changed = post(
        "account/password/change", {"current_password": password, "new_password": f" {password[:4000]} 2 "}, **headers
    )
    assert changed.status_code == 200, changed.content
    assert log_in(OWNER, f" {password[:4000]} 2 ").status_code == 200
    assert post("auth/reauthenticate", {"password": f" {password[:4000]} 2 "}, **bearer(changed)).status_code == 200


def test_another_address_needs_the_password_and_a_code_and_blocks_nobody():
    squat = bearer(sign_up(SQUATTER))

    without = post("account/email", {"email": OWNER}, **squat)
    asked = post("account/email", {"email": OWNER, "password": PASSWORD}, **squat)
    made = Client().patch(
        "/_allauth/app/v1/account/email", {"email": OWNER, "primary": True}, "application/json", headers=squat
    )

    assert without.status_code == 400
    assert asked.status_code in (200, 202, 403)
    assert made.status_code in (404, 405)
    assert sign_up(OWNER).status_code == 200
    assert User.objects.get(email=SQUATTER)
