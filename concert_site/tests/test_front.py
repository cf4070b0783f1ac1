"""The door: which requests go which way, and that the short ways lose nothing."""

import io
import time
from dataclasses import dataclass

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from concert_site.accounts.tests.factories import make_fan
from concert_site.accounts.tokens import create_access_token_for
from concert_site.front import GLANCE_SECONDS, MOST_READ, ApiHandler, Door
from concert_site.lib.cache import forget_everything
from reservations.tests.factories import make_schedule, make_seats

pytestmark = pytest.mark.django_db


@dataclass
class Heard:
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
def door():
    forget_everything()
    # As Django's own test client does: the end of a request must not end the test's transaction.
    for moment in (request_started, request_finished):
        moment.disconnect(close_old_connections)
    yield Door(Site(), ApiHandler())
    for moment in (request_started, request_finished):
        moment.connect(close_old_connections)


def ask(door, path, method="GET", **environ) -> Heard:
    heard = []
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
    response = door(base | environ, lambda status, headers, *rest: heard.append((int(status[:3]), dict(headers))))
    return Heard(*heard[0], b"".join(response))


def bearer():
    return {"HTTP_AUTHORIZATION": f"Bearer {create_access_token_for(make_fan().pk, 60)}"}


def test_pages_pass_every_middleware(door):
    assert ask(door, "/admin/").status == 418


def test_a_request_with_a_cookie_may_have_a_session(door):
    assert ask(door, "/api/v1/wallet/", HTTP_COOKIE="sessionid=abc").status == 418


@pytest.mark.parametrize("cookie", [{}, {"HTTP_COOKIE": "sessionid=abc"}])
def test_a_body_that_nobody_wants_is_read_all_the_same(door, cookie):
    """The web server would close the connection."""
    body = io.BytesIO(b"{}")

    answer = ask(door, "/api/v1/wallet/charges/", "POST", CONTENT_LENGTH="2", **{"wsgi.input": body}, **cookie)

    assert answer.status in (401, 418)
    assert body.read() == b""


@pytest.mark.parametrize("length", [MOST_READ + 1, "", "nonsense"])
def test_a_body_of_any_length_is_not(door, length):
    body = io.BytesIO(b"{}")

    answer = ask(door, "/api/v1/wallet/charges/", "POST", CONTENT_LENGTH=str(length), **{"wsgi.input": body})

    assert (answer.status, body.read()) == (401, b"{}")


def test_a_token_alone_needs_no_session(door):
    answer = ask(door, "/api/v1/wallet/", **bearer())

    assert answer.status == 200
    assert "Set-Cookie" not in answer.headers


def test_the_short_way_keeps_the_headers_that_protect(door):
    headers = ask(door, "/api/v1/wallet/", **bearer()).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert int(headers["Content-Length"]) > 0


def test_what_is_a_fans_own_is_kept_by_no_cache(door):
    assert ask(door, "/api/v1/wallet/", **bearer()).headers["Cache-Control"] == "private, no-store"


def test_without_a_token_the_short_way_is_a_401_in_shape(door):
    answer = ask(door, "/api/v1/wallet/")

    assert (answer.status, b"not_authenticated" in answer.body) == (401, True)


@pytest.mark.parametrize("cookie", ["sessionid=abc", "csrftoken=abc"])
@pytest.mark.parametrize("path", ["", "seats/", "availability/", "queue/"])
def test_public_reads_give_no_cookie_whatever_cookie_comes(door, path, cookie):
    schedule = make_schedule()

    answer = ask(door, f"/api/v1/schedules/{schedule.pk}/{path}", HTTP_COOKIE=cookie)

    assert answer.status == 200
    assert not {"Set-Cookie", "Vary"} & set(answer.headers) - ({"Vary"} if path == "seats/" else set())


def test_progress_is_answered_from_memory(door, django_assert_num_queries):
    schedule = make_schedule()
    make_seats(schedule, 3)
    path = f"/api/v1/schedules/{schedule.pk}/queue/"
    first = ask(door, path)

    with django_assert_num_queries(0):
        assert ask(door, path) == first


@pytest.fixture
def path():
    schedule = make_schedule()
    make_seats(schedule, 3)
    return f"/api/v1/schedules/{schedule.pk}/queue/"


def test_who_has_this_progress_already_gets_nothing_but_its_name(door, path):
    first = ask(door, path)

    again = ask(door, path, HTTP_IF_NONE_MATCH=first.headers["ETag"])

    assert (again.status, again.body) == (304, b"")
    assert again.headers == {name: first.headers[name] for name in ("ETag", "Cache-Control")}
    assert first.headers["Cache-Control"] == "public, max-age=1"


def test_the_first_who_asks_may_have_it_already(door, path):
    """The answer that is kept is whole, whoever it was made for."""
    etag = ask(door, path).headers["ETag"]
    forget_everything()

    assert ask(door, path, HTTP_IF_NONE_MATCH=etag).status == 304
    assert ask(door, path).status == 200
    assert ask(door, path).body
    assert ask(door, path, HTTP_IF_NONE_MATCH='"another"').status == 200


def test_the_head_of_the_progress_comes_from_the_same_memory(door, path, django_assert_num_queries):
    head = ask(door, path, "HEAD")

    with django_assert_num_queries(0):
        whole = ask(door, path)

    assert (head.status, head.headers, head.body) == (200, whole.headers, b"")
    assert int(whole.headers["Content-Length"]) == len(whole.body) > 0


def test_what_a_reader_says_of_itself_does_not_reach_the_others(door, path):
    strange = {"HTTP_ACCEPT": "image/png", "HTTP_AUTHORIZATION": "Bearer nonsense", "QUERY_STRING": "format=xml"}

    assert ask(door, path, **strange).status == 200
    assert ask(door, path).status == 200


def test_what_is_refused_to_one_is_not_refused_to_the_next(door, path, settings):
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.SECURE_SSL_REDIRECT = True
    door.api = ApiHandler()

    moved = ask(door, path)
    refused = ask(door, path, HTTP_HOST="evil.example")
    given = ask(door, path, **{"wsgi.url_scheme": "https"})

    assert (moved.status, refused.status, given.status) == (301, 400, 200)


def test_a_refusal_is_remembered_for_a_moment_only(door):
    path = f"/api/v1/schedules/{make_schedule().pk + 1}/queue/"
    answers = [ask(door, path)]

    time.sleep(GLANCE_SECONDS)
    make_schedule()
    forget_everything()
    answers.append(ask(door, path))

    assert [answer.status for answer in answers] == [404, 200]


def test_there_is_no_picture_of_no_hall(door):
    assert ask(door, "/schedules/999999/map.svg").status == 404


def test_the_picture_of_a_hall_looks_for_no_session(door):
    schedule = make_schedule()

    answer = ask(door, f"/schedules/{schedule.pk}/map.svg", HTTP_COOKIE="sessionid=abc")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/svg+xml")
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert "Set-Cookie" not in answer.headers
