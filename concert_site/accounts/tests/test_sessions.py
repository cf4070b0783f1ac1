"""What ends sessions ends access and refresh tokens with them, at once; tried as apps and browsers do."""

import json
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone

from concert_site.accounts import revocations
from concert_site.accounts.models import AccessRevocation, AccountSession, User
from concert_site.accounts.session_activity import SessionActivityMiddleware
from concert_site.accounts.session_store import SessionStore
from concert_site.accounts.sessions import delete_expired, end_session, end_sessions
from concert_site.accounts.tests.factories import make_fan, make_staff
from concert_site.accounts.tests.headless import PASSWORD, bearer, log_in, post
from concert_site.accounts.token_strategy import last_revocation

WALLET = "/api/v1/wallet/"
ANOTHER = "another horse 10"

pytestmark = pytest.mark.django_db


@pytest.fixture
def fan():
    return make_fan(email="fan@example.com", password=PASSWORD)


def status(token):
    """What the API says to an access token."""
    return Client(raise_request_exception=False).get(WALLET, headers=bearer(token)).status_code


def refresh(token, key=""):
    headers = {"Idempotency-Key": key} if key else {}
    return post("tokens/refresh", {"refresh_token": token}, **headers)


def app(email="fan@example.com", password=PASSWORD):
    """The tokens of a new login by app."""
    return log_in(email, password).json()["meta"]


def browser(email="fan@example.com", password=PASSWORD):
    client = Client(raise_request_exception=False)
    client.post("/accounts/login/", {"login": email, "password": password})
    return client


def is_in(client):
    return client.get("/accounts/profile/").status_code == 200


def is_over(meta):
    return status(meta["access_token"]) == 401 and refresh(meta["refresh_token"]).status_code == 400


# --- The functions -------------------------------------------------------------------------------


def test_ending_an_account_s_sessions_ends_pages_tokens_and_refreshing(fan):
    phone, page = app(), browser()
    other = make_fan(email="other@example.com", password=PASSWORD)
    stranger = app(other.email)
    assert (status(phone["access_token"]), is_in(page)) == (200, True)

    end_sessions(fan.pk)

    assert is_over(phone)
    assert not is_in(page)
    assert not UserSession.objects.filter(user=fan).exists()
    assert status(stranger["access_token"]) == 200


def test_the_kept_session_goes_on_and_the_others_end(fan):
    page, other = browser(), browser()

    end_sessions(fan.pk, keep=page.session.session_key)

    assert (is_in(page), is_in(other)) == (True, False)


def test_ending_a_session_leaves_the_others_alone(fan):
    phone, tablet = app(), app()

    end_session(phone["session_token"])

    assert is_over(phone)
    assert status(tablet["access_token"]) == 200
    assert refresh(tablet["refresh_token"]).status_code == 200


def test_a_token_of_the_same_second_counts_by_order_and_not_by_time(fan):
    before = app()
    end_sessions(fan.pk)
    after = app()

    assert (status(before["access_token"]), status(after["access_token"])) == (401, 200)


def test_an_access_token_that_is_over_opens_nothing_of_the_account_either(fan):
    phone = app()
    end_sessions(fan.pk, keep=phone["session_token"])

    asked = Client().get("/_allauth/app/v1/auth/session", headers=bearer(phone["access_token"]))
    by_session = Client().get("/_allauth/app/v1/auth/session", headers={"X-Session-Token": phone["session_token"]})

    assert (asked.status_code, by_session.status_code) == (401, 200)


# --- What ends them ------------------------------------------------------------------------------


def test_logging_out_by_app_ends_its_access_token(fan):
    phone, tablet = app(), app()

    Client().delete("/_allauth/app/v1/auth/session", headers=bearer(phone["access_token"]))

    assert is_over(phone)
    assert status(tablet["access_token"]) == 200


def test_a_stolen_cookie_dies_with_the_logout(fan):
    page = browser()
    thief = Client()
    thief.cookies["sessionid"] = page.cookies["sessionid"].value
    assert is_in(thief)

    page.post("/accounts/logout/")

    assert not is_in(thief)


def test_login_gives_a_session_of_its_own(fan):
    page = browser("nobody@example.com")
    page.session.save()
    planted = page.session.session_key
    page.cookies["sessionid"] = planted

    page.post("/accounts/login/", {"login": fan.email, "password": PASSWORD})

    assert is_in(page)
    assert page.cookies["sessionid"].value != planted
    assert not AccountSession.objects.filter(session_key=planted).exists()


def test_a_change_of_password_by_app_answers_with_tokens_that_work_and_ends_all_others(fan):
    phone, tablet, page = app(), app(), browser()

    changed = post(
        "account/password/change",
        {"current_password": PASSWORD, "new_password": ANOTHER},
        **bearer(phone["access_token"]),
    )

    new = changed.json()["meta"]
    assert changed.status_code == 200
    assert status(new["access_token"]) == 200
    assert [status(one["access_token"]) for one in (phone, tablet)] == [401, 401]
    assert not is_in(page)
    assert [refresh(one["refresh_token"]).status_code for one in (phone, tablet)] == [400, 400]
    assert refresh(new["refresh_token"]).status_code == 200


def test_a_change_of_password_by_page_keeps_this_page_alone(fan):
    phone, page, other = app(), browser(), browser()

    page.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": ANOTHER, "password2": ANOTHER})

    assert User.objects.get(pk=fan.pk).check_password(ANOTHER)
    assert (is_in(page), is_in(other)) == (True, False)
    assert is_over(phone)


def test_a_password_reset_ends_every_session(fan, mailoutbox):
    phone, page = app(), browser()
    session = post("auth/password/request", {"email": fan.email}).json()["meta"]["session_token"]
    code = next(word for word in mailoutbox[-1].body.split() if len(word) == 9 and word[4] == "-")

    post("auth/password/reset", {"key": code, "password": ANOTHER}, **{"X-Session-Token": session})

    assert User.objects.get(pk=fan.pk).check_password(ANOTHER)
    assert is_over(phone)
    assert not is_in(page)


def set_password(client, fan):
    words = {"password1": ANOTHER, "password2": ANOTHER, "usable_password": "true"}
    return client.post(f"/admin/accounts/user/{fan.pk}/password/", words)


def deactivate_by_action(client, fan):
    return client.post("/admin/accounts/user/", {"action": "deactivate", "_selected_action": [fan.pk]})


def deactivate_by_form(client, fan):
    return client.post(f"/admin/accounts/user/{fan.pk}/change/", {"email": fan.email, "locale": ""})


def change_address(client, fan):
    words = {"email": "other@example.com", "locale": "", "is_active": "on"}
    return client.post(f"/admin/accounts/user/{fan.pk}/change/", words)


def delete(client, fan):
    return client.post(f"/admin/accounts/user/{fan.pk}/delete/", {"post": "yes"})


@pytest.mark.parametrize("step", [set_password, deactivate_by_action, deactivate_by_form, change_address, delete])
def test_what_staff_do_to_an_account_ends_everything(client, fan, step):
    phone, page = app(), browser()
    client.force_login(make_staff())

    assert step(client, fan).status_code == 302

    assert is_over(phone)
    assert not is_in(page)
    # The member of staff goes on.
    assert client.get("/admin/").status_code == 200


def test_staff_who_change_their_own_password_go_on_and_their_other_sessions_end():
    boss = make_staff(email="boss@example.com", password=PASSWORD)
    here, elsewhere = Client(), browser(boss.email)
    here.force_login(boss)
    phone = app(boss.email)

    words = {"old_password": PASSWORD, "new_password1": ANOTHER, "new_password2": ANOTHER}
    assert here.post("/admin/password_change/", words).status_code == 302

    assert here.get("/admin/").status_code == 200
    assert not is_in(elsewhere)
    assert is_over(phone)


def test_a_deactivated_account_that_is_let_in_again_starts_anew(client, fan):
    phone, page = app(), browser()
    boss = make_staff()
    client.force_login(boss)

    for action in ("deactivate", "activate"):
        client.post("/admin/accounts/user/", {"action": action, "_selected_action": [fan.pk]})

    assert is_over(phone)
    assert not is_in(page)
    assert status(app()["access_token"]) == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda fan: User.objects.filter(pk=fan.pk).update(is_active=False),
        lambda fan: User.objects.filter(pk=fan.pk).update(password="x"),
        lambda fan: fan.delete(),
        lambda fan: AccountSession.objects.filter(user_id=fan.pk).delete(),
    ],
)
def test_what_is_changed_beside_every_form_is_over_once_the_list_is_read_again(fan, change):
    phone = app()

    change(fan)
    revocations.revocations.clear()

    assert status(phone["access_token"]) == 401


# --- Refresh tokens are good once ----------------------------------------------------------------


def test_a_refresh_token_used_twice_ends_its_session(fan):
    phone, tablet = app(), app()
    first = refresh(phone["refresh_token"]).json()["data"]

    assert refresh(phone["refresh_token"]).status_code == 400

    assert status(phone["access_token"]) == 401
    assert is_over(first)
    assert status(tablet["access_token"]) == 200


def test_an_older_refresh_token_ends_its_session_too(fan):
    phone = app()
    second = refresh(phone["refresh_token"], "a").json()["data"]
    third = refresh(second["refresh_token"], "b").json()["data"]

    assert refresh(phone["refresh_token"], "a").status_code == 400
    assert is_over(third)


def test_a_refresh_whose_answer_was_lost_is_repeated_with_the_same_token(fan):
    phone = app()
    lost = refresh(phone["refresh_token"], "a").json()["data"]

    heard = refresh(phone["refresh_token"], "a")

    assert heard.status_code == 200
    assert status(heard.json()["data"]["access_token"]) == 200
    assert refresh(heard.json()["data"]["refresh_token"], "b").status_code == 200
    # The lost one is no second way in: used now, it ends them all.
    assert refresh(lost["refresh_token"]).status_code == 400
    assert status(heard.json()["data"]["access_token"]) == 401


def test_another_key_is_another_request(fan):
    phone = app()
    first = refresh(phone["refresh_token"], "a").json()["data"]

    assert refresh(phone["refresh_token"], "b").status_code == 400
    assert is_over(first)


# --- Lists and tidying ---------------------------------------------------------------------------


def test_an_app_sees_its_account_s_sessions_and_ends_one_at_once(fan):
    phone, tablet = app(), app()
    browser()

    listed = Client().get("/_allauth/app/v1/auth/sessions", headers=bearer(phone["access_token"])).json()["data"]
    other = UserSession.objects.get(session_key=tablet["session_token"]).pk
    Client().delete(
        "/_allauth/app/v1/auth/sessions",
        {"sessions": [other]},
        content_type="application/json",
        headers=bearer(phone["access_token"]),
    )

    assert len(listed) == 3
    assert [one["is_current"] for one in listed].count(True) == 1
    assert is_over(tablet)
    assert status(phone["access_token"]) == 200


def test_somebody_else_s_session_can_t_be_ended(fan):
    make_fan(email="other@example.com", password=PASSWORD)
    victim, thief = app(), app("other@example.com")
    theirs = UserSession.objects.get(session_key=victim["session_token"]).pk

    answer = Client().delete(
        "/_allauth/app/v1/auth/sessions",
        {"sessions": [theirs]},
        content_type="application/json",
        headers=bearer(thief["access_token"]),
    )

    assert answer.status_code == 400
    assert status(victim["access_token"]) == 200


def test_what_no_token_outlives_is_deleted(fan):
    end_sessions(fan.pk)
    with connection.cursor() as cursor:
        cursor.execute("update access_revocation set created_at = created_at - interval '2 days'")
    end_sessions(fan.pk)

    delete_expired()

    assert AccessRevocation.objects.count() == 1


def test_a_login_that_a_change_of_password_overtook_gets_no_tokens(fan):
    """Who knew the old password must not come out of the race with tokens of the time after."""
    as_found_by_the_login = User.objects.get(pk=fan.pk)
    fan.set_password(ANOTHER)
    fan.save()

    request = RequestFactory().post("/_allauth/app/v1/auth/login")
    request.user, request.session = AnonymousUser(), SessionStore()
    request.allauth = SimpleNamespace(headless=SimpleNamespace(client="app"))
    with context.request_context(request), pytest.raises(ImmediateHttpResponse) as refused:
        last_revocation(as_found_by_the_login)

    assert refused.value.response.status_code == 401
    assert last_revocation(fan) == AccessRevocation.objects.get(user_id=fan.pk).pk


def test_an_upgrade_keeps_who_is_logged_in_and_what_could_be_ended(fan):
    """Sessions of an older release lie in Django's table."""
    page, phone = browser(), app()
    keys = [page.session.session_key, phone["session_token"]]
    for row in AccountSession.objects.filter(session_key__in=keys):
        Session.objects.create(session_key=row.pk, session_data=row.session_data, expire_date=row.expire_date)
    Session.objects.create(session_key="over", session_data="", expire_date=timezone.now() - timedelta(seconds=1))
    AccountSession.objects.all().delete()
    AccessRevocation.objects.all().delete()
    revocations.revocations.clear()

    import_module("concert_site.accounts.migrations.0004_carry_sessions_over").carry_over(apps, None)

    assert is_in(page)
    assert refresh(phone["refresh_token"]).status_code == 200
    assert not Session.objects.exists()
    assert not AccountSession.objects.filter(session_key="over").exists()
    end_sessions(fan.pk)
    assert not is_in(page)


def test_a_session_that_was_ended_meanwhile_doesn_t_come_back(fan):
    """A request that loaded the session before the logout, and saves it after."""
    page = browser()
    slow = SessionStore(page.session.session_key)
    slow["last"] = "page"

    page.post("/accounts/logout/")

    with pytest.raises(UpdateError):
        slow.save()
    assert not AccountSession.objects.filter(user_id=fan.pk).exists()


def test_an_app_whose_session_was_ended_during_its_request_hears_410(rf):
    request = rf.post("/_allauth/app/v1/auth/reauthenticate")

    answer = SessionActivityMiddleware(lambda request: None).process_exception(request, UpdateError())

    assert (answer.status_code, json.loads(answer.content)["status"]) == (410, 410)
    assert SessionActivityMiddleware(lambda request: None).process_exception(rf.get("/"), UpdateError()) is None
