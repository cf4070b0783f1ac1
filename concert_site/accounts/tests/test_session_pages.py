"""The page on which somebody sees where the account is logged in, and ends it there."""

import pytest
from django.test import Client

from concert_site.accounts.tests.factories import make_fan
from concert_site.accounts.tests.headless import PASSWORD, log_in, post
from concert_site.accounts.user_agents import name_of_client

PAGE = "/accounts/sessions/"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.0 Mobile/15E148 Safari/604.1"
)
GALAXY = (
    "Mozilla/5.0 (Linux; Android 14; SM-S921N) AppleWebKit/537.36 (KHTML, like Gecko)"
    " SamsungBrowser/27.0 Chrome/125.0 Mobile Safari/537.36"
)
KAKAO = GALAXY + ";KAKAOTALK 2410880"

pytestmark = pytest.mark.django_db


@pytest.fixture
def fan():
    return make_fan(email="fan@example.com", password=PASSWORD)


def browser(user_agent=WINDOWS, email="fan@example.com"):
    client = Client(headers={"User-Agent": user_agent})
    client.post("/accounts/login/", {"login": email, "password": PASSWORD})
    return client


def listed(client):
    return client.get(PAGE).context["sessions"]


def is_in(client):
    return client.get("/accounts/profile/").status_code == 200


def test_the_page_tells_devices_apart_and_says_which_this_is(fan):
    here = browser()
    browser(IPHONE)
    log_in(fan.email)

    rows = listed(here)
    page = here.get(PAGE).content.decode()

    assert rows[0].is_current
    assert [row.is_current for row in rows].count(True) == 1
    assert {(row.client, row.is_app) for row in rows} == {
        ("Chrome on Windows", False),
        ("Safari on iPhone", False),
        ("Unknown device", True),
    }
    assert {row.ip for row in rows} == {"127.0.0.1"}
    assert "127.0.0.1" in page
    assert not any(row.session_key in page for row in rows)


def test_another_device_is_logged_out_and_this_one_goes_on(fan):
    here, phone = browser(), browser(IPHONE)
    name = next(row.name for row in listed(here) if not row.is_current)

    assert here.post(PAGE, {"end": name}).status_code == 302

    assert (is_in(here), is_in(phone)) == (True, False)
    # Twice is no error.
    assert "already logged out" in here.post(PAGE, {"end": name}, follow=True).content.decode()


def test_an_app_is_logged_out_with_its_tokens(fan):
    here, meta = browser(), log_in(fan.email).json()["meta"]
    name = next(row.name for row in listed(here) if row.is_app)

    here.post(PAGE, {"end": name})

    asked = Client().get("/api/v1/wallet/", headers={"Authorization": f"Bearer {meta['access_token']}"})
    assert asked.status_code == 401
    assert post("tokens/refresh", {"refresh_token": meta["refresh_token"]}).status_code == 400


@pytest.mark.parametrize(("end", "stays"), [("others", True), ("everywhere", False)])
def test_all_others_are_logged_out_or_all(fan, end, stays):
    here, phone, other = browser(), browser(IPHONE), browser(GALAXY)
    meta = log_in(fan.email).json()["meta"]

    here.post(PAGE, {"end": end})

    assert (is_in(here), is_in(phone), is_in(other)) == (stays, False, False)
    asked = Client().get("/api/v1/wallet/", headers={"Authorization": f"Bearer {meta['access_token']}"})
    assert asked.status_code == 401


def test_logging_out_this_device_by_its_row_logs_out(fan):
    here = browser()

    response = here.post(PAGE, {"end": listed(here)[0].name})

    assert response["Location"] == "/accounts/login/"
    assert not is_in(here)


def test_nobody_sees_or_ends_another_account_s_sessions(fan):
    make_fan(email="other@example.com", password=PASSWORD)
    victim, thief = browser(), browser(IPHONE, "other@example.com")

    thief.post(PAGE, {"end": listed(victim)[0].name})

    assert [row.client for row in listed(thief)] == ["Safari on iPhone"]
    assert is_in(victim)


def test_the_page_is_for_who_is_logged_in_and_needs_its_csrf_token(fan):
    here = browser()
    other = Client(enforce_csrf_checks=True)
    other.cookies["sessionid"] = here.cookies["sessionid"].value

    assert Client().get(PAGE)["Location"] == f"/accounts/login/?next={PAGE}"
    assert other.post(PAGE, {"end": "everywhere"}).status_code == 403
    assert is_in(here)


def test_it_takes_the_same_queries_for_one_session_and_for_three(fan, django_assert_num_queries):
    here = browser()
    # The footer, which is the same for everybody, is kept for a while.
    here.get(PAGE)
    for _ in range(2):
        # The session, the user, the sessions, what was noted of them, and what is held.
        with django_assert_num_queries(5):
            here.get(PAGE)
        browser(IPHONE), browser(GALAXY)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (WINDOWS, "Chrome on Windows"),
        (WINDOWS + " Edg/131.0", "Edge on Windows"),
        (WINDOWS + " Whale/4.29", "Whale on Windows"),
        (IPHONE, "Safari on iPhone"),
        (GALAXY, "Samsung Internet on Android"),
        (KAKAO, "KakaoTalk on Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox on Linux"),
        ("okhttp/4.12.0", "okhttp"),
        ("Frontrow/2.1 (iPhone; iOS 18)", "Frontrow on iPhone"),
        ("Mozilla/5.0", "Unknown device"),
        ("", "Unknown device"),
        ("<script>alert(1)</script>", "Unknown device"),
    ],
)
def test_a_client_is_named_in_plain_words(user_agent, name):
    assert name_of_client(user_agent) == name
