"""What every test's answers are compared with: the comparison sees what it should, and what a view declares is so."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from rest_framework.views import APIView

from concert_site.lib.api.openapi.declarations import declared_by
from concert_site.lib.errors import DomainError
from concert_site.lib.json import to_json
from concert_site.lib.web.refusals import status_of_kind
from concert_site.tests import plugin
from concert_site.tests.described import faults_of

JSON = {"Content-Type": "application/json"}
RAISES = re.compile(r":raises ((?:\w+, )*\w+):")


def refusal(code: str, *, attr: str | None = None, kind: str = "client_error", **more: object) -> bytes:
    return to_json({"type": kind, "errors": [{"code": code, "detail": "No.", "attr": attr}], **more})


def test_what_is_described_is_no_fault():
    assert faults_of("POST", "/api/v1/payments/", 402, JSON, refusal("insufficient_balance")) == []
    assert faults_of("POST", "/api/v1/payments/", 409, JSON, refusal("hold_expired", attr="reservations.0")) == []
    assert faults_of("POST", "/api/v1/payments/", 429, JSON | {"Retry-After": "3"}, refusal("throttled")) == []


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (409, JSON, refusal("sale_closed", attr="reservations.0")),  # a code of other operations
        (418, JSON, refusal("insufficient_balance")),
        (402, JSON, refusal("insufficient_balance", kind="server_error")),
        (402, JSON, refusal("insufficient_balance", more=1)),
        (402, JSON, to_json({"type": "client_error", "errors": []})),
        (402, {"Content-Type": "text/html"}, b"<h1>No money"),
        (429, JSON, refusal("throttled")),
        (429, JSON | {"Retry-After": "2.5"}, refusal("throttled")),
        (201, JSON, to_json({"payments": [], "balance": "12"})),
        (201, JSON, to_json({"payments": []})),
        (204, {}, b""),
    ],
)
def test_what_is_not_described_is_a_fault(status, headers, body):
    assert len(faults_of("POST", "/api/v1/payments/", status, headers, body)) == 1


def test_an_address_that_is_not_described_may_only_refuse():
    assert faults_of("GET", "/api/v1/nothing/", 404, JSON, refusal("not_found")) == []
    assert faults_of("PUT", "/api/v1/payments/", 405, JSON, refusal("method_not_allowed")) == []
    assert len(faults_of("GET", "/api/v1/nothing/", 200, JSON, b"{}")) == 1
    assert len(faults_of("GET", "/api/v1/nothing/", 404, JSON, refusal("gone"))) == 1


@pytest.mark.django_db
def test_the_answers_that_a_test_gets_are_noted():
    Client().get("/api/v1/schedules/404404/")

    noted = {(method, path, status) for method, path, status, _, _ in plugin.answers}
    assert ("GET", "/api/v1/schedules/404404/", 404) in noted


def views_of_the_api() -> Iterator[tuple[type[APIView], str]]:
    """Each view under /api/v1/, with each method that it writes itself."""
    for patterns in get_resolver().url_patterns:
        if str(patterns.pattern) == "api/v1/":
            for view in views_in(patterns):
                yield from ((view, name) for name in ("get", "post", "delete") if name in vars(view))


def views_in(patterns: Any) -> Iterator[type[APIView]]:
    for each in patterns.url_patterns:
        if hasattr(each, "url_patterns"):
            yield from views_in(each)
        elif each.callback.cls.__module__.split(".")[0] not in ("concert_site", "drf_spectacular"):
            yield each.callback.cls


def raised_by(method: Any) -> set[tuple[int, str]]:
    """Status and code of each domain error that the functions called in a method say they raise."""
    found: set[tuple[int, str]] = set()
    for call in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(method)))):
        match call:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)):
                called = getattr(method.__globals__.get(module), name, None)
            case ast.Call(func=ast.Name(id=name)):
                called = method.__globals__.get(name)
            case _:
                continue
        for names in RAISES.findall(getattr(called, "__doc__", None) or "") if inspect.isfunction(called) else []:
            found |= statuses_of(names.split(", "), inspect.unwrap(called).__globals__)
    return found


def statuses_of(names: list[str], known: dict[str, Any]) -> set[tuple[int, str]]:
    """The refusals that names of classes stand for; what isn't of the domain is known without."""
    kinds = [kind for name in names if isinstance(kind := known.get(name), type) and issubclass(kind, DomainError)]
    # Whatever another function raises stands in that one's docstring.
    return {(status_of_kind(kind), kind.code) for kind in kinds if kind is not DomainError}


# What an address with an id, and any address, is refused with in any case.
KNOWN = {(404, "not_found"), (503, "unavailable")}


@pytest.mark.parametrize(("view", "name"), list(views_of_the_api()), ids=lambda each: getattr(each, "__name__", each))
def test_a_view_declares_what_the_functions_that_it_calls_raise(view, name):
    method = inspect.unwrap(getattr(view, name))
    declared = {(each.status, each.code) for each in declared_by(getattr(view, name)) if each.type == "client_error"}

    assert raised_by(method) - KNOWN <= declared


def test_docstrings_are_found_where_there_are_some():
    found = {refusal for view, name in views_of_the_api() for refusal in raised_by(inspect.unwrap(getattr(view, name)))}

    assert {(402, "insufficient_balance"), (409, "seat_unavailable"), (403, "queue_token_inactive")} <= found
