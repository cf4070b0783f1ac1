"""The site's edges: probes, the start page, and services that are away."""

import socket
import time

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from concert_site.accounts.tests.factories import api_of, make_fan
from concert_site.lib.database.sql_install import install
from concert_site.operations import health
from concert_site.tests.away import postgres_away, redis_away
from concert_site.tests.mutants import run
from concert_site.tests.operations import operations

KEY = {"idempotency-key": "k"}
# The key of the tickets comes with the settings.
NEEDS_NO_ROW = "/api/v1/tickets/key/"
# No worker runs here.
READY = {
    "status": "ok",
    "database": "ok",
    "migrations": "ok",
    "redis": "ok",
    "ticks": "late",
    "last_tick_seconds": None,
    "beat": "ok",
    "worker": "ok",
}

UNKNOWN = {"beat": "unknown", "worker": "unknown"}


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


@pytest.fixture(autouse=True)
def nothing_found():
    """A process that has looked at nothing yet."""
    health._done.clear()
    health.part_monitor._missing_since.clear()


def test_alive_touches_nothing(client, settings):
    """Without the mark django_db a look at the database would fail this test."""
    settings.ALLOWED_HOSTS = ["frontrow.example"]
    settings.SECURE_SSL_REDIRECT = True

    with redis_away():
        response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
def test_ready_when_everything_is_there(client, settings):
    settings.ALLOWED_HOSTS = ["frontrow.example"]

    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (200, READY)


@pytest.mark.django_db(transaction=True)
def test_not_ready_without_postgres(client):
    with postgres_away():
        response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == READY | {"status": "away", "database": "away", "migrations": "away"}
    assert response["Retry-After"] == "1"


@pytest.mark.django_db(transaction=True)
def test_ready_and_degraded_without_redis(client):
    with redis_away():
        response = client.get("/readyz")

    assert (response.status_code, response.json()) == (200, READY | {"status": "degraded", "redis": "away", **UNKNOWN})


@pytest.mark.django_db(transaction=True)
def test_not_ready_before_every_migration(client):
    row = MigrationRecorder.Migration.objects.filter(app="wallet").latest("pk")
    row.delete()
    try:
        response = client.get("/readyz")
    finally:
        row.save()

    assert (response.status_code, response.json()) == (503, READY | {"status": "away", "migrations": "missing"})
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_not_ready_with_functions_of_other_files(client):
    run("comment on function pay_reservations is 'Frontrow installed this from payments/domain/pay.sql 12ab 34cd'")
    try:
        response = client.get("/readyz")
    finally:
        install(connection)

    assert (response.status_code, response.json()) == (503, READY | {"status": "away", "migrations": "missing"})
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_ready_with_a_function_that_was_mended_in_the_database(client):
    run("create or replace function lobby_key(p_schedule bigint) returns bigint language sql as 'select 1'")
    try:
        response = client.get("/readyz")
    finally:
        install(connection)

    assert response.status_code == 200


@pytest.mark.django_db(transaction=True)
def test_ready_answers_though_postgres_says_nothing(client, tmp_path):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{tmp_path}/.s.PGSQL.5432")
        silent.listen(8)
        begun = time.monotonic()
        with postgres_away(str(tmp_path)):
            answers = [client.get("/readyz").json() for _ in range(2)]

    assert time.monotonic() - begun < 2 * 10
    assert {answer["database"] for answer in answers} == {"away"}
    assert {answer["redis"] for answer in answers} == {"ok"}


@pytest.mark.django_db
def test_start_page_shows_the_concerts(client):
    response = client.get("/")

    assert (response.status_code, b"<h1>Concerts</h1>" in response.content) == (200, True)


def test_crawlers_are_told_what_is_for_them(client):
    response = client.get("/robots.txt")

    assert response["Content-Type"] == "text/plain"
    assert b"Disallow: /accounts/\n" in response.content
    assert b"Disallow: /concerts" not in response.content


def test_an_icon_is_found_where_browsers_look(client):
    assert client.get("/favicon.ico")["Location"].startswith("/static/img/favicon.")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_cookie", [False, True])
@pytest.mark.parametrize("path", ["/", "/concerts/1/", "/wallet/", "/bookings/", "/accounts/login/", "/nothing"])
def test_without_any_service_a_page_says_when_to_come_back(client, path, has_cookie):
    if has_cookie:
        client.cookies["sessionid"] = "a" * 32

    with postgres_away(), redis_away():
        response = client.get(path)

    # What needs neither session nor table goes on.
    if has_cookie or path in ("/", "/concerts/1/"):
        assert response.status_code == 503
        assert int(response["Retry-After"]) >= 1
        assert "<h1>We’ll be right back</h1>" in response.content.decode()
        assert f'href="{path}">Try again'.encode() in response.content
    assert response.status_code in (200, 302, 404, 503)
    assert b"Traceback" not in response.content


@pytest.mark.django_db(transaction=True)
def test_every_read_is_503_without_postgres():
    api = api_of(make_fan())
    with postgres_away():
        answers = {path: api.get(path) for method, path, _ in operations() if method == "get" and path != NEEDS_NO_ROW}

    assert len(answers) > 5
    for path, response in answers.items():
        assert (path, response.status_code) == (path, 503)
        assert response.json()["errors"][0]["code"] == "unavailable"
        assert int(response["Retry-After"]) >= 1


@pytest.mark.django_db(transaction=True)
def test_every_write_is_503_or_a_refusal_without_postgres():
    """A body that makes no sense may be refused before the database is needed."""
    api = api_of(make_fan())
    bodies = {
        "/api/v1/reservations/": {"schedule": 1, "seats": [1]},
        "/api/v1/payments/": {"reservations": [1]},
        "/api/v1/wallet/charges/": {"amount": 1},
        "/api/v1/wallet/withdrawals/": {"amount": 1},
    }
    headers = {"x-queue-token": "6f1c1f0e-5d53-4a2c-8f43-0a4a3a5a7a11", "idempotency-key": "k"}
    with postgres_away():
        answers = {
            path: getattr(api, method)(path, bodies.get(path, {}), format="json", headers=headers)
            for method, path, _ in operations()
            if method != "get"
        }

    for path, response in answers.items():
        assert (path, response.status_code) == (path, 503)
        assert response.json()["errors"][0]["code"] == "unavailable"
        assert int(response["Retry-After"]) >= 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/admin/"),
        ("post", "/admin/login/"),
        ("post", "/_allauth/app/v1/auth/login"),
        ("post", "/_allauth/app/v1/auth/signup"),
        ("get", "/_allauth/app/v1/auth/session"),
    ],
)
def test_pages_and_logins_are_503_without_postgres(client, method, path):
    client.cookies["sessionid"] = "a" * 32
    body = {"email": "fan@example.com", "username": "fan@example.com", "password": "correct horse battery"}
    options = {"data": body} if path.startswith("/admin") else {"data": body, "content_type": "application/json"}
    headers = {"x-session-token": "a" * 32} if "session" in path else {}

    with postgres_away():
        response = getattr(client, method)(path, **(options if method == "post" else {}), headers=headers)

    assert response.status_code == 503, response.content
    assert int(response["Retry-After"]) >= 1
    assert b"Traceback" not in response.content


@pytest.mark.django_db
def test_every_read_goes_on_without_redis():
    api = api_of(make_fan())
    with redis_away():
        statuses = {path: api.get(path).status_code for method, path, _ in operations() if method == "get"}

    # There is nothing in this database: lists are empty, things are not found.
    assert set(statuses.values()) <= {200, 404}, statuses


@pytest.mark.django_db
@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'"text"', b"true", b"{", b'{"a": '])
def test_every_write_refuses_what_is_no_object(body):
    api = api_of(make_fan())
    answers = {
        path: api.generic(method.upper(), path, body, content_type="application/json", headers=KEY)
        for method, path, takes_body in operations()
        if takes_body
    }

    assert len(answers) >= 2
    for path, response in answers.items():
        assert (path, response.status_code) == (path, 400)
        assert response.json()["errors"]


@pytest.mark.django_db
def test_every_write_refuses_other_media_types():
    api = api_of(make_fan())
    for method, path, takes_body in operations():
        if takes_body:
            response = api.generic(method.upper(), path, b"a=1", content_type="text/plain", headers=KEY)
            assert (path, response.status_code) == (path, 415)


@pytest.mark.django_db
def test_who_has_no_token_is_asked_for_one():
    for method, path, _ in operations(is_public=False):
        response = getattr(api_of(), method)(path, {}, format="json")
        assert (path, response.status_code) == (path, 401)
        assert response["WWW-Authenticate"] == "Bearer"


def test_only_a_read_is_sent_on_to_the_address_with_a_slash(client):
    assert client.get("/api/v1/concerts").status_code == 301
    assert client.post("/api/v1/payments").status_code == 404
