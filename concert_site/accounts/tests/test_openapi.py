"""The operations of accounts in the API's description are those that can be reached, and no others."""

from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver

from concert_site.accounts.allauth_allowlist import is_allowed
from concert_site.accounts.openapi import METHODS
from concert_site.lib.web.prefixes import ALLAUTH_APP
from concert_site.views.api_docs import schema


def reachable(patterns: Any, prefix: str = "/") -> Iterator[tuple[str, str]]:
    """Each method and address below ALLAUTH_APP that a view takes, as Django's resolver knows them."""
    for each in patterns:
        address = prefix + str(each.pattern)
        if hasattr(each, "url_patterns"):
            if address.startswith(ALLAUTH_APP[: len(address)]):
                yield from reachable(each.url_patterns, address)
        elif address.startswith(ALLAUTH_APP):
            view = getattr(each.callback, "view_class", None) or each.callback.cls
            methods = [method for method in METHODS if hasattr(view, method)]
            yield from ((method, address) for method in methods if is_allowed(method, address))


def described() -> set[tuple[str, str]]:
    paths = schema()["paths"]
    return {
        (method, path) for path in paths if path.startswith(ALLAUTH_APP) for method in METHODS if method in paths[path]
    }


def test_what_is_described_of_accounts_is_what_can_be_reached():
    assert set(reachable(get_resolver().url_patterns)) == described()


def test_what_an_app_needs_of_accounts_is_there():
    assert {
        ("post", f"{ALLAUTH_APP}{name}")
        for name in ("auth/login", "auth/signup", "tokens/refresh", "auth/password/request", "auth/password/reset")
    } <= described()


def test_every_name_in_the_description_is_one_of_its_components():
    document = schema()
    names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert set(references_in(document)) <= names


def references_in(shape: Any) -> Iterator[str]:
    if isinstance(shape, list):
        for each in shape:
            yield from references_in(each)
    elif isinstance(shape, dict):
        if isinstance(shape.get("$ref"), str):
            yield shape["$ref"]
        for each in shape.values():
            yield from references_in(each)


def test_refusals_of_accounts_have_allauths_shape():
    answers = schema()["paths"][f"{ALLAUTH_APP}auth/login"]["post"]["responses"]

    for status in ("400", "409", "413", "429", "503"):
        assert answers[status]["content"]["application/json"]["schema"] == {
            "allOf": [{"$ref": "#/components/schemas/AccountError"}]
        }


def test_an_app_may_prove_itself_by_session_or_access_token():
    security = schema()["paths"][f"{ALLAUTH_APP}auth/session"]["get"]["security"]

    assert security == [{"sessionToken": []}, {"accessToken": []}, {}]
    assert schema()["components"]["securitySchemes"]["sessionToken"]["name"] == "X-Session-Token"
