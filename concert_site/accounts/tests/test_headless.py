"""Signing up, logging in, refreshing and resetting, as an app does it."""

import pytest
from django.core import mail
from rest_framework.request import Request

from concert_site.accounts.models import User
from concert_site.accounts.tests.concurrency import at_once
from concert_site.accounts.tests.factories import make_fan
from concert_site.accounts.tests.headless import ADDRESSES, PASSWORD, code_to, codes_of, log_in, post, sign_up
from concert_site.lib.api.authentication import AccessToken

pytestmark = pytest.mark.django_db


def caller_of(access_token: str, rf) -> int | None:
    answer = AccessToken().authenticate(Request(rf.get("/", headers={"Authorization": f"Bearer {access_token}"})))
    return answer[0].pk if answer else None


def test_sign_up_answers_tokens_that_the_api_takes(rf):
    response = sign_up("fan@example.com")

    meta = response.json()["meta"]
    assert response.status_code == 200
    assert caller_of(meta["access_token"], rf) == User.objects.get().pk
    assert meta["refresh_token"]
    assert not response.cookies


def test_login_answers_tokens_that_the_api_takes(rf):
    fan = make_fan(email="fan@example.com", password=PASSWORD)

    response = log_in("fan@example.com")

    meta = response.json()["meta"]
    assert response.status_code == 200
    assert caller_of(meta["access_token"], rf) == fan.pk
    assert meta["refresh_token"]
    assert not response.cookies


@pytest.mark.parametrize("typed", ["fan@example.com", "Fan@Example.COM", " FAN@example.com "])
def test_an_address_is_one_account_however_it_is_typed(typed):
    assert sign_up("FaN@eXample.com").status_code == 200

    assert log_in(typed).status_code == 200
    assert codes_of(sign_up(typed)) == {("email", "email_taken")}
    assert list(User.objects.values_list("email", flat=True)) == ["fan@example.com"]


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_sign_up_with_one_address_at_once_one_gets_it():
    """Without the adapter's look at the database's refusal this is a 500 now and then: tried."""
    responses = at_once([lambda: sign_up("Fan@example.com")] * 8)

    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200] + [400] * 7
    assert all(codes_of(r) == {("email", "email_taken")} for r in responses if r.status_code == 400)
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short1", "password_too_short"),
        ("password", "password_too_common"),
        ("8273649172", "password_entirely_numeric"),
        ("", "required"),
    ],
)
def test_a_weak_password_makes_no_account(password, code):
    assert ("password", code) in codes_of(sign_up("fan@example.com", password))
    assert not User.objects.exists()


@pytest.mark.parametrize("email", ["", "x", "x@", "a b@example.com", "x" * 250 + "@example.com", "a\0@example.com"])
def test_what_is_no_address_makes_no_account(email):
    response = sign_up(email)

    assert response.status_code == 400
    assert {field for field, _ in codes_of(response)} == {"email"}
    assert not User.objects.exists()


@pytest.mark.parametrize("email", ["fan@example.com", "nobody@example.com"])
def test_a_wrong_password_and_an_unknown_address_answer_alike(email):
    make_fan(email="fan@example.com", password=PASSWORD)

    response = log_in(email, "wrong horse 9")

    assert response.status_code == 400
    assert codes_of(response) == {("password", "email_password_mismatch")}


def test_who_is_not_active_gets_no_token():
    make_fan(email="fan@example.com", password=PASSWORD, is_active=False)

    assert "access_token" not in log_in("fan@example.com").json().get("meta", {})


def test_a_refresh_token_is_good_for_one_new_pair(rf):
    fan = make_fan(email="fan@example.com", password=PASSWORD)
    old = log_in("fan@example.com").json()["meta"]["refresh_token"]

    new = post("tokens/refresh", {"refresh_token": old})

    assert new.status_code == 200
    assert caller_of(new.json()["data"]["access_token"], rf) == fan.pk
    assert post("tokens/refresh", {"refresh_token": new.json()["data"]["refresh_token"]}).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 10_000, "é", 5, None, [], {}])
def test_a_nonsense_refresh_token_is_400(token):
    assert post("tokens/refresh", {"refresh_token": token}).status_code == 400


def test_an_access_token_refreshes_nothing():
    make_fan(email="fan@example.com", password=PASSWORD)
    access_token = log_in("fan@example.com").json()["meta"]["access_token"]

    assert post("tokens/refresh", {"refresh_token": access_token}).status_code == 400


def test_a_password_is_reset_by_the_code_in_the_mail():
    make_fan(email="fan@example.com", password=PASSWORD)
    asked = post("auth/password/request", {"email": "FAN@example.com"})
    session = asked.json()["meta"]["session_token"]
    code = code_to("fan@example.com")

    wrong = post(
        "auth/password/reset", {"key": "AAAA-AAAA", "password": "new horse 10"}, **{"X-Session-Token": session}
    )
    right = post("auth/password/reset", {"key": code, "password": "new horse 10"}, **{"X-Session-Token": session})

    assert (asked.status_code, mail.outbox[0].to) == (401, ["fan@example.com"])
    assert wrong.status_code == 400
    assert right.status_code in (200, 401)
    assert log_in("fan@example.com").status_code == 400
    assert log_in("fan@example.com", "new horse 10").status_code == 200


def test_a_reset_for_an_unknown_address_is_answered_alike_and_mails_nobody():
    make_fan(email="fan@example.com", password=PASSWORD)

    known, unknown = (post("auth/password/request", {"email": f"{name}@example.com"}) for name in ("fan", "nobody"))

    assert [letter.to for letter in mail.outbox] == [["fan@example.com"]]
    assert (known.status_code, unknown.status_code) == (401, 401)
    told = [response.json() for response in (known, unknown)]
    for answer in told:
        assert len(answer["meta"].pop("session_token")) == 32
    assert told[0] == told[1]


@pytest.mark.parametrize("code", ["-", "", "AAAA-AAAA"])
def test_no_code_fits_an_address_without_an_account(code):
    session = post("auth/password/request", {"email": "nobody@example.com"}).json()["meta"]["session_token"]

    reset = post("auth/password/reset", {"key": code, "password": "new horse 10"}, **{"X-Session-Token": session})

    assert reset.status_code == 400


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        '{"email": 5, "password": [], "refresh_token": 5, "key": 5}',
        '{"email": {}, "password": {}, "refresh_token": {}, "key": {}}',
        '{"email": "a@b.co", "password": "\\ud800 correct horse", "refresh_token": "\\ud800", "key": "\\ud800"}',
        '{"email": "a\\ud800@b.co", "password": "correct horse 9"}',
        '{"email": "a\\u0000@b.co", "password": "corr\\u0000ect horse 9", "refresh_token": "\\u0000"}',
        '{"email": "a@b.co", "password": NaN}',
    ],
)
def test_garbage_is_refused_and_never_a_500(address, body):
    assert post(address, body).status_code in (400, 409)
    assert not User.objects.exists()


@pytest.mark.parametrize("header", ["x", "é", "x" * 5_000, "' or 1=1"])
@pytest.mark.parametrize("name", ["X-Session-Token", "Authorization"])
def test_a_nonsense_session_or_token_is_never_a_500(name, header):
    body = {"key": "x", "password": PASSWORD}

    assert post("auth/password/reset", body, **{name: header}).status_code in (400, 401, 409, 410)
