"""Who takes somebody else's address, or account, from outside."""

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from concert_site.accounts.models import User
from concert_site.accounts.tests.headless import bearer, code_to, log_in, post, sign_up, token_of

pytestmark = pytest.mark.django_db

OWNER = "owner@example.com"


@pytest.fixture(autouse=True)
def codes_are_demanded(settings):
    settings.VERIFY_ADDRESSES = True


def may_call(token: str) -> bool:
    return Client().get("/api/v1/wallet/", headers=bearer(token)).status_code == 200


def test_who_signs_up_again_with_an_unverified_address_deletes_nobody():
    first = sign_up(OWNER)
    account = User.objects.get(email=OWNER).pk

    sign_up(OWNER, "another password 7")

    assert User.objects.filter(pk=account).exists()
    assert log_in(OWNER).status_code == 200
    assert may_call(token_of(first))


def test_a_reset_that_stops_after_its_code_leaves_the_squatter_nothing():
    squat = token_of(sign_up(OWNER))
    page = Client()
    page.post("/accounts/password/reset/", {"email": OWNER})
    page.post("/accounts/password/reset/confirm/", {"code": code_to(OWNER)})

    verified = EmailAddress.objects.filter(email=OWNER, verified=True).exists()

    assert verified
    assert log_in(OWNER).status_code == 400
    assert not may_call(squat)


def test_a_reset_of_an_unverified_account_removes_the_squatters_other_ways_in():
    squat = token_of(sign_up(OWNER))
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


def test_an_internationalised_domain_is_one_address_however_it_is_written():
    assert sign_up("a@bücher.example").status_code == 200
    assert sign_up("a@xn--bcher-kva.example").status_code == 400
    assert sign_up("a@bu\u0308cher.example").status_code == 400
    assert sign_up("a@bü\u200bcher.example").status_code == 400
    assert log_in("a@bücher.example").status_code == 200
