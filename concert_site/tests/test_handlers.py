"""Which requests pass which of Django's handlers, and that the short chain loses nothing."""

import io
from dataclasses import dataclass

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.urls import get_resolver

from concert_site.accounts.tests.factories import make_fan
from concert_site.accounts.tokens import create_access_token_for
from concert_site.front.handlers import ApiHandler, Dispatcher
from concert_site.lib.cache import clear_caches
from concert_site.lib.web import prefixes
from reservations.tests.factories import make_schedule

pytestmark = pytest.mark.django_db


@dataclass
class Answer:
    """What a request was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


class Site:
    """Stands where Django with all of its middlewares would, and tells that it was asked."""

    def __call__(self, environ, start_response):
        start_response("418 I'm a teapot", [])
        return [b""]


@pytest.fixture
def dispatcher():
    clear_caches()
    # As Django's own test client does: the end of a request must not end the test's transaction.
    for moment in (request_started, request_finished):
        moment.disconnect(close_old_connections)
    yield Dispatcher(Site(), ApiHandler())
    for moment in (request_started, request_finished):
        moment.connect(close_old_connections)


def ask(dispatcher, path, method="GET", **environ) -> Answer:
    answers = []
    base = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "wsgi.input": io.BytesIO(b""),
        "wsgi.url_scheme": "http",
    }
    response = dispatcher(
        base | environ, lambda status, headers, *rest: answers.append((int(status[:3]), dict(headers)))
    )
    return Answer(*answers[0], b"".join(response))


def bearer():
    return {"HTTP_AUTHORIZATION": f"Bearer {create_access_token_for(make_fan().pk, 60)}"}


def test_pages_pass_every_middleware(dispatcher):
    assert ask(dispatcher, "/admin/").status == 418


def test_a_request_with_a_cookie_may_have_a_session(dispatcher):
    assert ask(dispatcher, "/api/v1/wallet/", HTTP_COOKIE="sessionid=abc").status == 418


def test_a_token_alone_needs_no_session(dispatcher):
    answer = ask(dispatcher, "/api/v1/wallet/", **bearer())

    assert answer.status == 200
    assert "Set-Cookie" not in answer.headers


def test_the_short_chain_keeps_the_headers_that_protect(dispatcher):
    headers = ask(dispatcher, "/api/v1/wallet/", **bearer()).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert int(headers["Content-Length"]) > 0


def test_what_is_a_fans_own_is_kept_by_no_cache(dispatcher):
    assert ask(dispatcher, "/api/v1/wallet/", **bearer()).headers["Cache-Control"] == "private, no-store"


def test_without_a_token_the_short_chain_is_a_401_in_shape(dispatcher):
    answer = ask(dispatcher, "/api/v1/wallet/")

    assert (answer.status, b"not_authenticated" in answer.body) == (401, True)


@pytest.mark.parametrize("cookie", ["sessionid=abc", "csrftoken=abc"])
@pytest.mark.parametrize("path", ["", "seats/", "availability/", "queue/"])
def test_public_reads_give_no_cookie_whatever_cookie_comes(dispatcher, path, cookie):
    schedule = make_schedule()

    answer = ask(dispatcher, f"/api/v1/schedules/{schedule.pk}/{path}", HTTP_COOKIE=cookie)

    assert answer.status == 200
    assert not {"Set-Cookie", "Vary"} & set(answer.headers) - (
        {"Vary"} if path in {"seats/", "availability/"} else set()
    )


def test_there_is_no_picture_of_no_hall(dispatcher):
    assert ask(dispatcher, "/schedules/999999/map.svg").status == 404


def test_the_picture_of_a_hall_looks_for_no_session(dispatcher):
    schedule = make_schedule()

    answer = ask(dispatcher, f"/schedules/{schedule.pk}/map.svg", HTTP_COOKIE="sessionid=abc")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/svg+xml")
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert "Set-Cookie" not in answer.headers


def test_prefixes_are_those_of_the_addresses():
    named = {value for name, value in vars(prefixes).items() if name.isupper()}
    assert named - {f"/{route.pattern}" for route in get_resolver().url_patterns} == {prefixes.API}
