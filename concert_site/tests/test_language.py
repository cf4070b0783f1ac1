"""Answers come in the language of the account, else of the browser, and one request's is not the next one's."""

import pytest
from django.test import Client
from django.utils.translation import get_language

from concert_site.accounts.models import User
from concert_site.accounts.tests.factories import make_fan
from concert_site.tests.away import postgres_away
from reservations.tests.factories import make_schedule

pytestmark = pytest.mark.django_db


def language_of(client, **headers):
    return client.get("/", headers=headers)["Content-Language"]


@pytest.mark.parametrize(
    ("asked", "answered"), [("ko-KR,ko;q=0.9", "ko"), ("de,ko;q=0.5", "ko"), ("de", "en"), ("", "en"), (";;=", "en")]
)
def test_a_reader_without_an_account_gets_the_language_of_the_browser(asked, answered):
    assert language_of(Client(), accept_language=asked) == answered


def test_the_account_comes_before_the_browser():
    fan = Client()
    fan.force_login(make_fan(locale="ko"))

    assert language_of(fan, accept_language="en") == "ko"


@pytest.mark.django_db(transaction=True)
def test_while_postgresql_is_away_that_is_said_as_the_browser_asks():
    fan = Client(raise_request_exception=False)
    fan.force_login(make_fan(locale=""))

    with postgres_away():
        response = fan.get("/bookings/", headers={"accept-language": "ko"})

    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert "잠시 후 다시 이용해 주세요" in response.content.decode()


@pytest.mark.parametrize("locale", ["", "xx"])
def test_an_account_without_a_language_is_answered_as_the_browser_asks(locale):
    fan = Client()
    fan.force_login(make_fan(locale=locale))

    assert language_of(fan, accept_language="ko") == "ko"


def test_no_language_is_left_behind_in_the_thread():
    before = get_language()

    language_of(Client(), accept_language="ko")

    assert get_language() == before


def test_a_choice_is_kept_for_the_browser():
    anybody = Client()

    anybody.post("/accounts/language/", {"language": "ko", "next": "/"})

    assert language_of(anybody, accept_language="en") == "ko"


def test_a_choice_is_kept_for_the_account():
    fan, elsewhere = make_fan(locale="en"), Client()
    chooser = Client()
    chooser.force_login(fan)
    elsewhere.force_login(fan)

    chooser.post("/accounts/language/", {"language": "ko", "next": "/"})

    assert User.objects.get(pk=fan.pk).locale == "ko"
    assert language_of(elsewhere) == "ko"


def test_the_public_reads_of_the_api_are_the_same_for_everybody():
    schedule = make_schedule()

    answers = [
        Client().get(f"/api/v1/schedules/{schedule.pk}/", headers={"Accept-Language": language})
        for language in ("ko", "en")
    ]

    assert answers[0].content == answers[1].content
    assert all("Vary" not in answer and "Content-Language" not in answer for answer in answers)
