"""What each answer of the site tells a browser about what it may do with it."""

import asyncio

import pytest
from django.conf import settings
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from concert_site.accounts.tests.factories import make_fan, make_staff
from concert_site.front.handlers import ApiHandler, Dispatcher, SiteHandler
from concert_site.front.server import Front
from concert_site.lib.cache import clear_caches
from concert_site.lib.web.headers import CONSTANT, DATA_POLICY, security_headers
from concert_site.tests.rsgi_client import ask
from reservations.tests.factories import make_schedule, make_seats

pytestmark = pytest.mark.django_db

PAGE_POLICY = (
    "base-uri 'none'; default-src 'self'; form-action 'self'; frame-ancestors 'none'; img-src 'self' data:; "
    "object-src 'none'"
)
FILE_POLICY = (
    "base-uri 'none'; default-src 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
    "style-src 'self' 'unsafe-inline'"
)
ADMIN_POLICY = (
    "base-uri 'none'; default-src 'self'; form-action 'self'; frame-ancestors 'none'; img-src 'self' data: blob:; "
    "object-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'"
)
# Odd in every way that a browser, a proxy or a stranger may be.
SESSION = settings.SESSION_COOKIE_NAME
STRANGE = {
    "HTTP_COOKIE": f"{SESSION}=%00; csrftoken=x; django_language=ko; messages=a:b; __Host-sessionid=y; =; sessionid",
    "HTTP_ACCEPT_LANGUAGE": "ko,en;q=0.1",
}


def policy_of(answer):
    return answer["Content-Security-Policy"]


def whole_answer(answer):
    """An answer that was read to its end, where a file is closed."""
    if answer.streaming:
        b"".join(answer)
    return answer


def addresses(patterns=None, prefix="/"):
    """Every address of the site that can be written without knowing more than a number."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        part = str(each.pattern).replace("^", "").replace("\\Z", "").replace("$", "")
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, prefix + part)
        elif isinstance(each, URLPattern) and "(?P" not in part:
            yield (prefix + part).replace("<id:pk>", "1").replace("<path:object_id>", "1")


def is_whole(answer):
    """Whether all are there, and the policy allows no script that stands inside a page."""
    missing = [name for name in (*CONSTANT, "Content-Security-Policy") if name not in answer]
    scripts = policy_of(answer).partition("script-src")[2].partition(";")[0]
    return not missing and "unsafe-inline" not in scripts and "frame-ancestors 'none'" in policy_of(answer)


class TestEverywhere:
    @pytest.mark.parametrize("is_staff", [False, True], ids=["nobody", "staff"])
    def test_every_address_whatever_it_answers(self, is_staff):
        client = Client(raise_request_exception=False)
        if is_staff:
            client.force_login(make_staff(is_superuser=True))
        found = sorted({path for path in addresses() if "<" not in path})
        assert len(found) > 100

        lacking = [path for path in found if not is_whole(whole_answer(client.get(path)))]

        assert lacking == []

    @pytest.mark.parametrize(
        ("path", "options", "status", "policy"),
        [
            ("/", {}, 200, PAGE_POLICY),
            ("/nowhere/", {}, 404, PAGE_POLICY),
            ("/", {"HTTP_HOST": "evil host"}, 400, PAGE_POLICY),
            ("/api/v1/nowhere/", {}, 404, DATA_POLICY),
            ("/api/v1/concerts/", {}, 200, DATA_POLICY),
            ("/api/v1/reservations/", {}, 401, DATA_POLICY),
            ("/api/v1/schema/", {}, 200, DATA_POLICY),
            ("/api/v1/docs/", {}, 200, PAGE_POLICY),
            ("/_allauth/app/v1/config", {}, 200, DATA_POLICY),
            ("/_allauth/app/v1/auth/session", {}, 401, DATA_POLICY),
            ("/healthz", {}, 200, DATA_POLICY),
            ("/static/css/frontrow.css", {}, 200, FILE_POLICY),
            ("/static/css/none.css", {}, 404, PAGE_POLICY),
            ("/media/none.webp", {}, 404, PAGE_POLICY),
            ("/admin/", {}, 302, ADMIN_POLICY),
            ("/admin/nowhere/", {}, 302, ADMIN_POLICY),
            ("/robots.txt", {}, 200, PAGE_POLICY),
        ],
    )
    def test_the_policy_is_that_of_what_is_answered(self, path, options, status, policy, settings):
        settings.ALLOWED_HOSTS = ["testserver"]

        answer = whole_answer(Client(raise_request_exception=False).get(path, **options))

        assert answer.status_code == status
        assert is_whole(answer)
        assert policy_of(answer) == policy

    def test_headers_of_answers_by_the_short_way(self):
        request = RequestFactory().get("/api/v1/concerts/")

        answer = ApiHandler().get_response(request)

        assert is_whole(answer)
        assert policy_of(answer) == DATA_POLICY

    def test_a_304_says_of_the_page_what_the_page_said(self):
        """The browser keeps what a 304 says in place of what the whole answer said."""
        client = Client()
        (seat,) = make_seats(make_schedule(), 1)
        schedule = f"schedules/{seat.concert_schedule_id}"
        for path in ("/static/css/frontrow.css", f"/api/v1/{schedule}/seats/", f"/{schedule}/map.svg"):
            whole = whole_answer(client.get(path))
            known = {
                "HTTP_IF_NONE_MATCH": whole.get("ETag", ""),
                "HTTP_IF_MODIFIED_SINCE": whole.get("Last-Modified", ""),
            }
            kept = whole_answer(client.get(path, **{name: value for name, value in known.items() if value}))

            assert kept.status_code == 304, path
            assert policy_of(kept) == policy_of(whole)
            assert is_whole(kept)

    def test_the_headers_of_an_error_page(self, monkeypatch):
        monkeypatch.setattr("concert_site.views.robots.RULES", property())  # which no answer can be made of
        monkeypatch.setattr("concert_site.views.robots.HttpResponse", None)

        answer = Client(raise_request_exception=False).get("/robots.txt")

        assert answer.status_code == 500
        assert is_whole(answer)

    def test_https_is_remembered_where_it_was_used(self, settings):
        settings.SECURE_HSTS_SECONDS = 3600

        assert Client().get("/healthz", secure=True)["Strict-Transport-Security"] == "max-age=3600"
        assert "Strict-Transport-Security" not in Client().get("/healthz")
        assert security_headers("/x", is_secure=True)["Strict-Transport-Security"] == "max-age=3600"


@pytest.mark.django_db(transaction=True)
class TestWhatTheFrontAnswers:
    """By itself, without Django: whatever it is, the headers are those that Django would give."""

    def test_the_headers_of_an_answer_of_the_front(self):
        clear_caches()
        (seat,) = make_seats(make_schedule(), 1)
        path = f"/api/v1/schedules/{seat.concert_schedule_id}/queue/"

        async def answers():
            front = Front(Dispatcher(SiteHandler(), ApiHandler()))
            front.__rsgi_init__(asyncio.get_running_loop())
            try:
                first = await ask(front, path)
                return [
                    first,
                    await ask(front, path, if_none_match=first.headers["etag"]),
                    await ask(front, "/healthz"),
                    await ask(front, "/readyz"),
                    await ask(front, "/api/v1/x", "POST", content_length="99999999"),
                    await ask(front, "/_allauth/app/v1/auth/login", "POST", content_length="99999999"),
                ]
            finally:
                front.__rsgi_del__(asyncio.get_running_loop())

        found = asyncio.run(answers())

        assert [answer.status for answer in found] == [200, 304, 200, 200, 413, 413]
        for answer in found:
            for name, value in security_headers("/api/", is_secure=False).items():
                assert answer.headers[name.lower()] == value
            assert "set-cookie" not in answer.headers


class TestNoCookies:
    """Nothing that is the same for everybody sets a cookie, whatever cookies come along."""

    @pytest.fixture
    def schedule(self):
        (seat,) = make_seats(make_schedule(), 1)
        return seat.concert_schedule

    @pytest.mark.parametrize("strange", [{}, STRANGE], ids=["no cookies", "strange cookies"])
    def test_headers_of_what_a_cache_may_keep(self, schedule, strange):
        api = f"/api/v1/schedules/{schedule.pk}/"
        paths = [
            *(f"/schedules/{schedule.pk}/map.svg", "/robots.txt", "/favicon.ico", "/healthz", "/readyz"),
            *("/static/css/frontrow.css", "/api/v1/concerts/", f"/api/v1/concerts/{schedule.concert_id}/"),
            *(f"{api}{part}/" for part in ("queue", "seats", "availability")),
            *("/api/v1/schema/", "/api/v1/docs/", "/api/v1/tickets/key/"),
        ]

        assert [
            (path, method, answer.cookies) for path, method, answer in answers(paths, strange) if answer.cookies
        ] == []

    def test_on_a_page_for_whoever_comes_without_one(self, schedule):
        paths = ["/", f"/concerts/{schedule.concert_id}/", "/nowhere/"]

        assert [path for path, _method, answer in answers(paths, {}) if answer.cookies] == []

    def test_on_a_page_what_is_no_session_is_taken_back(self, schedule):
        paths = ["/", f"/concerts/{schedule.concert_id}/", "/nowhere/", "/_allauth/app/v1/config", "/api/v1/nowhere/"]
        for path, _method, answer in answers(paths, STRANGE):
            # Another token takes the place of one that can't be any.
            assert answer.cookies.keys() <= {SESSION, settings.CSRF_COOKIE_NAME}, path
            assert SESSION not in answer.cookies or answer.cookies[SESSION].value == ""
            assert "no-store" in answer["Cache-Control"], path

    def test_a_language_is_chosen_without_a_token_by_nobody_alone(self):
        strict = Client(enforce_csrf_checks=True)
        chosen = strict.post("/accounts/language/", {"language": "ko"})
        assert chosen.status_code == 302
        assert strict.get("/")["Content-Language"] == "ko"

        fan = make_fan()
        strict.force_login(fan)
        refused = strict.post("/accounts/language/", {"language": "ko"})
        fan.refresh_from_db()
        assert (refused.status_code, fan.locale) == (403, "")


def answers(paths, headers):
    """What each address answers to each kind of read."""
    for path in paths:
        for method in ("get", "head"):
            answer = getattr(Client(raise_request_exception=False), method)(path, **headers)
            yield path, method, whole_answer(answer)
