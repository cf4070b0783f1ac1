"""Every error has one shape, whoever made it."""

import pytest
from django.test import Client, override_settings

from concert_site.tests import broken_urls

pytestmark = pytest.mark.django_db


# Once, and not for each test: resolvers are made anew each time that a setting names others.
@pytest.fixture(scope="module", autouse=True)
def _broken_urls():
    with override_settings(ROOT_URLCONF=broken_urls.__name__):
        yield


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


def errors_of(response):
    body = response.json()
    assert set(body) == {"type", "errors"}
    assert all(set(error) == {"code", "detail", "attr"} for error in body["errors"])
    return [(error["code"], error["attr"]) for error in body["errors"]]


@pytest.mark.parametrize(
    ("how", "status", "expected"),
    [
        ("invalid", 400, [("invalid", "amount")]),
        ("payment-required", 402, [("error", None)]),
        ("not-allowed", 403, [("error", None)]),
        ("not-found", 404, [("not_found", None)]),
        ("conflict", 409, [("error", None)]),
        ("seats", 409, [("seat_unavailable", "seats.0"), ("seat_unavailable", "seats.2")]),
        ("unavailable", 503, [("unavailable", None)]),
        ("operational", 503, [("unavailable", None)]),
        ("interface", 503, [("unavailable", None)]),
        ("redis", 503, [("unavailable", None)]),
        ("data", 400, [("invalid", None)]),
        ("integrity", 409, [("error", None)]),
        ("suspicious", 400, [("parse_error", None)]),
        ("hung-up", 400, [("parse_error", None)]),
        ("denied", 403, [("permission_denied", None)]),
        ("mistake", 500, [("error", None)]),
    ],
)
def test_api_turns_families_into_answers(client, how, status, expected):
    response = client.get(f"/api/fails/{how}/")

    assert (response.status_code, errors_of(response)) == (status, expected)
    assert b"Traceback" not in response.content
    assert response.headers.get("Retry-After", "") == ("2" if status == 503 else "")


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("operational", 503, "unavailable"),
        ("interface", 503, "unavailable"),
        ("redis", 503, "unavailable"),
        ("unavailable", 503, "unavailable"),
        ("suspicious", 400, "bad_request"),
        ("denied", 403, "permission_denied"),
        ("mistake", 500, "error"),
    ],
)
def test_pages_say_the_same_to_programs_and_people(client, how, status, code):
    to_program, to_person = client.get(f"/api/page-fails/{how}/"), client.get(f"/page-fails/{how}/")

    assert (to_program.status_code, errors_of(to_program)) == (status, [(code, None)])
    assert to_person.status_code == status
    assert "text/html" in to_person["Content-Type"]
    assert b"Traceback" not in to_person.content
    for response in (to_program, to_person):
        assert response.headers.get("Retry-After", "") == ("2" if status == 503 else "")


def test_no_address_is_json_under_the_api_and_a_page_elsewhere(client):
    under_api, elsewhere = client.get("/api/nothing"), client.get("/nothing")

    assert (under_api.status_code, errors_of(under_api)) == (404, [("not_found", None)])
    assert elsewhere.status_code == 404
    assert elsewhere.content.startswith(b"<!DOCTYPE html>")


def test_wrong_host_is_a_400(client, settings):
    settings.ALLOWED_HOSTS = ["frontrow.example"]

    under_api, elsewhere = client.get("/api/takes/"), client.get("/nothing")

    assert (under_api.status_code, errors_of(under_api)) == (400, [("bad_request", None)])
    assert elsewhere.status_code == 400


@pytest.mark.parametrize(
    ("how", "status", "heading"),
    [
        ("invalid", 400, "Invalid request"),
        ("payment-required", 402, "Not enough in your wallet"),
        ("not-allowed", 403, "You don’t have access to this"),
        ("not-found", 404, "Page not found"),
        ("conflict", 409, "This isn’t possible right now"),
        ("throttled", 429, "Too many requests"),
        ("mistake", 500, "Something went wrong on our side"),
        ("unavailable", 503, "We’ll be right back"),
    ],
)
def test_a_page_says_what_is_wrong_and_where_to_go_on(client, how, status, heading):
    response = client.get(f"/page-fails/{how}/?a=1&b=2")

    page = response.content.decode()
    assert response.status_code == status
    assert f"<h1>{heading}</h1>" in page
    assert "<p>Not found.</p>" not in page
    assert 'href="/">Browse concerts</a>' in page
    # What passes by itself may be tried again as it stands.
    assert (f'href="/page-fails/{how}/?a=1&amp;b=2">Try again</a>' in page) == (status in (429, 500, 503))
    assert ("Retry-After" in response) == (status in (429, 503))
    assert '<meta name="robots" content="noindex">' in page


@pytest.mark.parametrize("path", ["//evil.example/", '/page-fails/mistake/?"><script>alert(1)</script>'])
def test_what_was_asked_for_gets_into_no_page_as_it_is(client, path):
    page = client.get(path).content.decode()

    assert "<script>alert" not in page
    assert 'href="//' not in page


def test_a_page_in_another_language_is_refused_in_it(client):
    page = client.get("/nothing", headers={"accept-language": "ko"})

    assert b'<html lang="ko">' in page.content
    assert page["Content-Language"] == "ko"


@pytest.mark.parametrize("path", ["/schedules/1/map.svg", "/accounts/google/login/callback/extra", "/page-takes/"])
def test_a_wrong_method_is_a_page_too(client, path):
    response = client.delete(path)

    assert response.status_code in (404, 405)
    assert response.content.startswith(b"<!DOCTYPE html>")
    if response.status_code == 405:
        assert "GET" in response["Allow"]
        assert b"This kind of request" in response.content


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONSENSE"])
def test_pages_take_what_links_and_forms_send_alone(client, method):
    response = client.generic(method, "/accounts/language/")

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, POST")


def test_what_allauths_api_refuses_is_no_page(client):
    response = client.delete("/_allauth/app/v1/auth/login")

    assert (response.status_code, response["Content-Type"]) == (405, "application/json")


def test_wrong_method_is_a_405(client):
    response = client.delete("/api/takes/")

    assert (response.status_code, errors_of(response)) == (405, [("method_not_allowed", None)])


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Bearer ", "Bearer a.b.c"])
def test_401_says_how_to_log_in(client, header):
    response = client.get("/api/guarded/", headers={"authorization": header} if header else {})

    assert (response.status_code, errors_of(response)) == (401, [("not_authenticated", None)])
    assert response["WWW-Authenticate"] == "Bearer"


def test_wanting_another_type_is_answered_in_json_all_the_same(client):
    response = client.get("/api/guarded/", headers={"accept": "application/xml"})

    assert response.status_code == 401
    assert response["Content-Type"] == "application/json"


def test_other_media_types_are_a_415(client):
    response = client.post("/api/takes/", b"<id>1</id>", content_type="application/xml")

    assert (response.status_code, errors_of(response)) == (415, [("unsupported_media_type", None)])


@pytest.mark.parametrize(
    "body", [b"{", b"{'id': 1}", b"\xff\xfe", b'{"id": NaN}', b'"\\ud800"', b"[" * 100_000, b'{"id": 1} x']
)
def test_what_is_not_json_is_a_400(client, body):
    response = client.post("/api/takes/", body, content_type="application/json")

    assert (response.status_code, errors_of(response)) == (400, [("parse_error", None)])


@pytest.mark.parametrize("body", [b"[]", b"[1]", b"7", b"1.5", b"null", b"true", b'"text"'])
def test_json_that_is_no_object_is_a_400(client, body):
    response = client.post("/api/takes/", body, content_type="application/json")

    assert response.status_code == 400
    assert errors_of(response)


def test_too_much_is_a_413(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    response = client.post("/api/takes/", b'{"note": "%s"}' % (b"x" * 1000), content_type="application/json")

    assert (response.status_code, errors_of(response)) == (413, [("too_large", None)])


def test_good_numbers_pass(client):
    body = {"id": 2**63 - 1, "amount": 1000}

    response = client.post("/api/takes/", body, content_type="application/json")

    assert (response.status_code, response.json()) == (200, body)


@pytest.mark.parametrize("value", [0, -1, 2**63, 2**64, 10**30, 1.0, 1.5, True, False, "1", "", None, [], [1], {}])
@pytest.mark.parametrize("field", ["id", "amount"])
def test_odd_numbers_are_refused_by_name(client, field, value):
    body = {"id": 1, "amount": 1} | {field: value}

    response = client.post("/api/takes/", body, content_type="application/json")

    assert response.status_code == 400
    assert {attr for _, attr in errors_of(response)} == {field}


def test_bounds_are_the_callers(client):
    response = client.post("/api/takes/", {"id": 1, "amount": 1001}, content_type="application/json")

    assert errors_of(response) == [("max_value", "amount")]


def test_nul_in_text_is_refused_by_name(client):
    body = {"id": 1, "amount": 1, "note": "a\0b"}

    response = client.post("/api/takes/", body, content_type="application/json")

    assert errors_of(response) == [("null_characters_not_allowed", "note")]
