"""Whether an answer of the API is one that its description has: operation, status, media type, headers and body.

Stricter than the description in one thing: clients are told to ignore fields that they don't know, but here a field
that isn't described is a mistake.
"""

import gzip
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import orjson

from concert_site.accounts.openapi import PREFIX
from concert_site.views.api_docs import schema

# Beside the operations: the description itself, and the page that shows it.
PAGES = {"/api/v1/schema/", "/api/v1/docs/"}
ACCOUNTS = "/_allauth/"
SENT_ON = 301
# What any address may be answered that is none of ours, or with another method than its own.
ELSEWHERE = (
    "bad_request",
    "not_found",
    "method_not_allowed",
    "too_large",
    "throttled",
    "not_authenticated",
    "unavailable",
)


def faults_of(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes | None) -> list[str]:
    """What an answer has that the description doesn't; `body` is None where it can't be looked at."""
    if method == "OPTIONS" or path in PAGES or is_sent_on(path, status, headers):
        return []
    template = template_of(path)
    operation = schema()["paths"].get(template, {}).get("get" if method == "HEAD" else method.lower())
    where = f"{method} {path}: {status}"
    if operation is None and path.startswith(ACCOUNTS):
        # Whatever allauth can do and this site doesn't offer.
        return [] if status >= 400 else [f"{where} is not described: {shown(body)}"]
    if operation is None:
        return [f"{where}: {fault}" for fault in faults_elsewhere(status, body if method != "HEAD" else None)]
    if str(status) not in operation["responses"]:
        return [f"{where} is not described: {shown(body)}"]
    response = operation["responses"][str(status)]
    body = None if method == "HEAD" else body
    faults = [*faults_of_headers(response, headers), *faults_of_body(response, headers, body)]
    return [f"{where}: {fault}" for fault in faults]


def is_sent_on(path: str, status: int, headers: Mapping[str, str]) -> bool:
    """Whether the answer leads to the same address, with a slash at its end or over HTTPS."""
    return status == SENT_ON and urlsplit(headers["Location"]).path.rstrip("/") == path.rstrip("/")


def faults_elsewhere(status: int, body: bytes | None) -> Iterator[str]:
    """What is wrong with a refusal of an address, or a method, that isn't described."""
    if status < 400:
        yield f"is not described: {shown(body)}"
    elif body is not None:
        error = orjson.loads(body)["errors"][0]
        if error["code"] not in ELSEWHERE and status != 500:
            yield f"is not described: {shown(body)}"


def faults_of_headers(response: dict[str, Any], headers: Mapping[str, str]) -> Iterator[str]:
    """The headers that the description promises, and that aren't there or aren't right."""
    for name, header in response.get("headers", {}).items():
        if name not in headers:
            if header.get("required"):
                yield f"has no {name}"
        elif header["schema"]["type"] == "integer" and not headers[name].isdecimal():
            yield f"{name} is {headers[name]!r}"


def faults_of_body(response: dict[str, Any], headers: Mapping[str, str], body: bytes | None) -> Iterator[str]:
    """What is wrong with a body."""
    content = response.get("content")
    if body is None:
        return
    if content is None:
        if body:
            yield f"has a body: {shown(body)}"
        return
    media_type = headers.get("Content-Type", "").partition(";")[0]
    if media_type not in content:
        yield f"is {media_type!r}, not one of {sorted(content)}"
    elif media_type == "application/json":
        value = orjson.loads(gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body)
        for error in validator(orjson.dumps(content[media_type]["schema"])).iter_errors(value):
            yield f"{error.message} at {'.'.join(map(str, error.instance_path))}: {shown(body)}"


def shown(body: bytes | None) -> str:
    """The beginning of a body."""
    return "(a body that can't be looked at)" if body is None else body[:400].decode("utf-8", "replace")


@cache
def template_of(path: str) -> str:
    """The path of the description that an address belongs to; empty if none."""
    for template in schema()["paths"]:
        pattern = re.escape(template).replace(r"\{id\}", r"[0-9]{1,18}").replace(r"\{token\}", r"[0-9a-fA-F-]{36}")
        if re.fullmatch(pattern, path):
            return template
    return ""


@cache
def validator(described: bytes) -> jsonschema_rs.Draft202012Validator:
    """What judges a body by its schema, compiled once."""
    whole = {**orjson.loads(described), "components": strict_components()}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


@cache
def strict_components() -> dict[str, Any]:
    """The components, each object closed."""
    components: dict[str, Any] = orjson.loads(orjson.dumps(schema()["components"]))
    for name, component in components["schemas"].items():
        # allauth's are put together of parts, each of which would refuse the others' fields.
        if not name.startswith(PREFIX):
            close(component)
    return {"schemas": components["schemas"]}


def close(component: Any) -> None:
    """Refuse fields that aren't described, in this object and those within it."""
    if isinstance(component, list):
        for each in component:
            close(each)
    elif isinstance(component, dict):
        if "properties" in component:
            component.setdefault("additionalProperties", False)
        for each in component.values():
            close(each)
