"""Signing up, logging in and out, and an account's own pages, in a browser."""

import re

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from concert_site.accounts import background_mail
from concert_site.accounts.models import User
from concert_site.accounts.tests.concurrency import at_once
from concert_site.accounts.tests.factories import make_fan
from concert_site.accounts.tests.headless import PASSWORD, code_to

pytestmark = pytest.mark.django_db

LOGIN, SIGNUP, PROFILE = "/accounts/login/", "/accounts/signup/", "/accounts/profile/"
PAGES_OF_A_FAN = (
    PROFILE,
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/logout/",
    "/accounts/reauthenticate/",
)
PAGES_OF_NOBODY = (LOGIN, SIGNUP, "/accounts/password/reset/", "/accounts/inactive/", "/accounts/3rdparty/login/error/")
ELSEWHERE = ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "http:evil.example")


def sign_up(client=None, email="fan@example.com", **more):
    return (client or Client()).post(SIGNUP, {"email": email, "password1": PASSWORD} | more)


def log_in(client=None, email="fan@example.com", password=PASSWORD, **more):
    return (client or Client()).post(LOGIN, {"login": email, "password": password} | more)


def client_of(fan):
    client = Client()
    client.force_login(fan)
    return client


def codes_of(response):
    return {
        (field, error.code) for field, errors in response.context["form"].errors.as_data().items() for error in errors
    }


def test_who_signs_up_is_logged_in_and_kept_by_no_password_of_ours():
    client = Client()

    response = sign_up(client, "Fan@Example.com")

    assert (response.status_code, response["Location"]) == (302, "/")
    assert User.objects.get().email == "fan@example.com"
    assert client.get(PROFILE).status_code == 200


@pytest.mark.parametrize(("language", "noted"), [("ko-KR,ko;q=0.9", "ko"), ("en", "en"), ("fr", "en")])
def test_who_signs_up_is_written_to_in_the_language_of_the_page(language, noted):
    sign_up(Client(headers={"accept-language": language}))

    assert User.objects.get().locale == noted


@pytest.mark.parametrize("email", ["fan@example.com", "FAN@example.com"])
def test_a_taken_address_is_an_error_at_its_field_and_keeps_what_was_typed(email):
    make_fan(email="fan@example.com")

    response = sign_up(email=email)

    assert response.status_code == 200
    assert codes_of(response) == {("email", "email_taken")}
    assert f'value="{email}"'.encode() in response.content
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_sign_up_with_one_address_at_once_one_gets_it(settings):
    # allauth's limits take turns by a lock, and refuse whoever waits for it too long on a busy machine.
    settings.ACCOUNT_RATE_LIMITS = False

    responses = at_once([sign_up] * 8)

    assert sorted(response.status_code for response in responses) == [200] * 7 + [302]
    assert all(b"errorlist" in response.content for response in responses if response.status_code == 200)
    assert User.objects.count() == 1


def test_a_weak_password_makes_no_account():
    response = Client().post(SIGNUP, {"email": "fan@example.com", "password1": "8273649172"})

    assert response.status_code == 200
    assert {field for field, _ in codes_of(response)} == {"password1"}
    assert not User.objects.exists()


def test_login_leads_back_to_where_it_was_asked_for():
    make_fan(email="fan@example.com", password=PASSWORD)

    page = Client().get(f"{LOGIN}?next=/concerts/7/%23date-3").content.decode()
    response = log_in(next="/concerts/7/#date-3")

    assert 'name="next" value="/concerts/7/#date-3"' in page
    assert response["Location"] == "/concerts/7/#date-3"


def test_next_goes_along_between_login_and_sign_up():
    login = Client().get(f"{LOGIN}?next=/concerts/7/").content.decode()
    signup = Client().get(f"{SIGNUP}?next=/concerts/7/").content.decode()

    assert f'href="{SIGNUP}?next=%2Fconcerts%2F7%2F"' in login
    assert f'href="{LOGIN}?next=%2Fconcerts%2F7%2F"' in signup
    assert sign_up(next="/concerts/7/")["Location"] == "/concerts/7/"


@pytest.mark.parametrize(("language", "words"), [("en", "Stay logged in"), ("ko", "로그인 상태 유지")])
def test_the_login_says_what_its_box_does(language, words):
    assert words in Client(headers={"accept-language": language}).get(LOGIN).content.decode()


@pytest.mark.parametrize("nowhere", ["foo", "a b", "%2f%2fevil", "한글", "\x00"])
def test_a_way_back_that_is_no_address_leads_to_the_concerts(nowhere):
    response = Client().post("/accounts/language/", {"language": "ko", "next": nowhere})

    assert response["Location"] == reverse("concerts")


@pytest.mark.parametrize("away", ELSEWHERE)
def test_no_form_leads_to_another_site(away):
    make_fan(email="fan@example.com", password=PASSWORD)
    client = Client()

    locations = [
        log_in(client, next=away)["Location"],
        client.get(LOGIN, {"next": away})["Location"],
        client.post("/accounts/language/", {"language": "ko", "next": away})["Location"],
        client.post("/accounts/logout/", {"next": away})["Location"],
        sign_up(email="new@example.com", next=away)["Location"],
    ]

    assert locations == ["/"] * 5


@pytest.mark.parametrize("path", [LOGIN, SIGNUP])
def test_who_is_logged_in_is_led_on(path):
    client = client_of(make_fan())

    assert client.get(path)["Location"] == "/"
    assert client.get(path, {"next": "/wallet/"})["Location"] == "/wallet/"


@pytest.mark.parametrize("email", ["fan@example.com", "nobody@example.com"])
def test_a_wrong_password_and_an_unknown_address_read_alike(email):
    make_fan(email="fan@example.com", password=PASSWORD)

    response = log_in(email=email, password="wrong horse 9")

    assert (response.status_code, codes_of(response)) == (200, {("__all__", "email_password_mismatch")})


def test_too_many_forms_are_a_429_that_says_when_to_come_back(settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    log_in()

    response = log_in()

    assert response.status_code == 429
    assert int(response["Retry-After"]) >= 1
    assert b"<h1>Too many requests</h1>" in response.content


def test_an_inactive_account_stays_out():
    make_fan(email="fan@example.com", password=PASSWORD, is_active=False)
    client = Client()

    response = log_in(client)

    assert client.get(PROFILE).status_code == 302
    assert response["Location"] == "/accounts/inactive/"


def test_login_gives_another_session():
    make_fan(email="fan@example.com", password=PASSWORD)
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32

    log_in(client)

    assert client.cookies[settings.SESSION_COOKIE_NAME].value != "a" * 32


def test_only_a_post_logs_out():
    client = client_of(make_fan())

    assert client.get("/accounts/logout/").status_code == 200
    assert client.get(PROFILE).status_code == 200
    assert client.post("/accounts/logout/")["Location"] == "/"
    assert client.get(PROFILE)["Location"] == f"{LOGIN}?next={PROFILE}"


def test_forms_of_other_sites_are_refused_and_told_why():
    make_fan(email="fan@example.com", password=PASSWORD)

    response = log_in(Client(enforce_csrf_checks=True))

    assert response.status_code == 403
    assert b"Nothing was done and no money moved" in response.content
    assert f'href="{LOGIN}">Try again</a>'.encode() in response.content


def test_a_password_is_reset_by_the_code_in_the_mail():
    make_fan(email="fan@example.com", password=PASSWORD)
    client = Client()

    asked = client.post("/accounts/password/reset/", {"email": "FAN@example.com"})
    assert client.get(asked["Location"]).status_code == 200
    wrong = client.post(asked["Location"], {"code": "AAAA-AAAA"})
    right = client.post(asked["Location"], {"code": code_to("fan@example.com")})
    assert client.get(right["Location"]).status_code == 200
    done = client.post(right["Location"], {"password1": "new horse 10", "password2": "new horse 10"})

    assert (wrong.status_code, codes_of(wrong)) == (200, {("code", "incorrect_code")})
    assert done.status_code == 302
    assert User.objects.get().check_password("new horse 10")


def test_a_password_is_changed_by_who_knows_the_old_one():
    fan = make_fan(email="fan@example.com", password=PASSWORD)
    client = client_of(fan)
    new = {"password1": "new horse 10", "password2": "new horse 10"}

    refused = client.post("/accounts/password/change/", {"oldpassword": "no"} | new)
    taken = client.post("/accounts/password/change/", {"oldpassword": PASSWORD} | new)

    assert (refused.status_code, taken.status_code) == (200, 302)
    assert taken["Location"] == PROFILE
    fan.refresh_from_db()
    assert fan.check_password("new horse 10")


ADDRESS = "/accounts/email/"


def move(client, email="new@example.com", password=PASSWORD):
    return client.post(ADDRESS, {"email": email, "password": password})


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        ("OTHER@example.com", PASSWORD, "email"),
        ("nonsense", PASSWORD, "email"),
        ("new@example.com", "wrong horse 9", "password"),
    ],
)
def test_an_address_that_is_taken_or_a_wrong_password_changes_nothing(email, password, field):
    make_fan(email="other@example.com")
    fan = make_fan(email="fan@example.com", password=PASSWORD)

    response = move(client_of(fan), email, password)

    fan.refresh_from_db()
    assert (response.status_code, list(response.context["form"].errors)) == (200, [field])
    assert fan.email == "fan@example.com"


@pytest.mark.parametrize("email", ["fan@example.com", "nobody@example.com"])
def test_a_mail_server_that_is_away_tells_nobody_who_has_an_account(settings, monkeypatch, email):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    monkeypatch.setattr(background_mail, "PAUSES_SECONDS", ())
    make_fan(email="fan@example.com", password=PASSWORD)

    response = Client().post("/accounts/password/reset/", {"email": email})
    background_mail.wait()

    assert (response.status_code, response["Location"]) == (302, "/accounts/password/reset/confirm/")


def test_a_profile_is_changed_by_its_owner_alone():
    fan, other = make_fan(), make_fan(name="Other")

    response = client_of(fan).post(PROFILE, {"name": "Minji", "locale": "ko", "email": "x@x.com", "is_staff": "on"})

    fan.refresh_from_db()
    other.refresh_from_db()
    assert (response.status_code, response["Location"]) == (302, PROFILE)
    assert (fan.name, fan.locale, fan.is_staff, other.name) == ("Minji", "ko", False, "Other")
    assert fan.email != "x@x.com"


@pytest.mark.parametrize("locale", ["xx", "", "ko\0", "k" * 99])
def test_no_profile_has_a_language_that_is_not_there(locale):
    fan = make_fan(locale="ko")

    client_of(fan).post(PROFILE, {"name": "", "locale": locale})

    fan.refresh_from_db()
    assert fan.locale == "ko"


@pytest.mark.parametrize("path", PAGES_OF_A_FAN)
def test_pages_of_a_fan_are_nobody_elses(path):
    response = Client().get(path)

    assert response.status_code == 302
    assert response["Location"] in (f"{LOGIN}?next={path}", "/")


@pytest.mark.parametrize("path", [*PAGES_OF_A_FAN, *PAGES_OF_NOBODY])
def test_every_page_has_the_frame_and_is_kept_by_nobody(path):
    client = client_of(make_fan(password=PASSWORD)) if path in PAGES_OF_A_FAN else Client()

    response = client.get(path)

    page = response.content.decode()
    # allauth says of a login elsewhere that failed that it is a 401.
    assert response.status_code == (401 if "error" in path else 200)
    assert (page.count("<h1"), page.count("</h1>"), page.count('class="brand"')) == (1, 1, 1)
    assert re.search(r"<title>\s*\S.* · Frontrow</title>", page)
    assert not re.search(r"<script(?! type=)|<style|style=\"| on\w+=\"", page)
    assert "no-" in response["Cache-Control"]
    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    for field in re.findall(r'<input (?![^>]*type="hidden")[^>]*id="([^"]+)"', page):
        assert f'for="{field}"' in page


@pytest.mark.parametrize("code", ["xx", "", "ko\0", "../ko", "zh-hans", "k" * 600])
def test_a_language_that_is_not_there_changes_nothing(code):
    fan = make_fan(locale="ko")

    response = client_of(fan).post("/accounts/language/", {"language": code})

    fan.refresh_from_db()
    assert (response.status_code, response.cookies.get(settings.LANGUAGE_COOKIE_NAME), fan.locale) == (302, None, "ko")


def test_a_language_is_chosen_for_browser_and_account():
    fan = make_fan()
    client = client_of(fan)

    response = client.post("/accounts/language/", {"language": "ko", "next": "/wallet/"})

    fan.refresh_from_db()
    assert (response["Location"], fan.locale) == ("/wallet/", "ko")
    assert response.cookies[settings.LANGUAGE_COOKIE_NAME].value == "ko"
    assert 'lang="ko"' in client.get("/").content.decode()


def test_a_look_at_the_address_of_the_languages_changes_nothing():
    assert Client().get("/accounts/language/?language=ko")["Location"] == reverse("concerts")


def test_without_a_provider_no_other_account_is_offered():
    assert b"another account" not in Client().get(LOGIN).content


def test_a_provider_that_is_set_up_is_offered_as_a_form(settings):
    settings.SOCIALACCOUNT_PROVIDERS = {"google": {"APP": {"client_id": "x", "secret": "y"}}}

    page = Client().get(f"{LOGIN}?next=/wallet/").content.decode()
    response = Client().post("/accounts/google/login/?process=login")

    assert "Continue with Google" in page
    assert 'action="/accounts/google/login/?process=login&amp;next=%2Fwallet%2F"' in page
    assert response["Location"].startswith("https://accounts.google.com/")
