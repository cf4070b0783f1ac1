"""The operations of accounts in the API's description: allauth's own, those that are offered here.

allauth ships a description of all that it can do, for every kind of client. Here is what an app can do on this site,
with names of its own, and with the refusals that allauth's leaves out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import yaml
from allauth.headless.spec.internal import schema as allauth_schema

from concert_site.accounts.allauth_allowlist import is_allowed
from concert_site.accounts.openapi_overrides import add_operations, override_schemas
from concert_site.lib.api.openapi.shapes import Shape
from concert_site.lib.web.prefixes import ALLAUTH_APP

METHODS = ("get", "post", "put", "patch", "delete")
# What allauth's components are called among ours.
PREFIX = "Account"
SCHEMAS, ERROR = "#/components/schemas/", "AccountError"
# References to them, save for the one that is ours.
SCHEMA = re.compile(rf"({SCHEMAS})(?!{ERROR}\b)(\w+)")
# What our own operations call the access token.
ACCESS_TOKEN, SESSION_TOKEN = "accessToken", "sessionToken"
JSON = "application/json"
# Beside what allauth's description says: what any operation, and what any that brings a body may be refused with.
EVERYWHERE = {
    405: "This address takes no such request.",
    410: "The session whose token was sent is over.",
    429: "Too many requests.",
    500: "A mistake of ours.",
    503: "A service is away; the same request may work in a moment.",
}
WITH_BODIES = {
    400: "The request makes no sense; `param` names the field at fault. No JSON object at all: without a word.",
    408: "The body took too long.",
    413: "The body is too large.",
}
WORDLESS = {405}
GONE = 410
BY_PROOF = {"401", "410"}


def add_accounts(result: Shape, generator: object, request: object, public: bool) -> Shape:
    """Add allauth's operations to the document: a hook of drf-spectacular."""
    spec = spec_of_allauth()
    paths = {path: offered_at(path, item) for path, item in spec["paths"].items() if path.startswith(ALLAUTH_APP)}
    described = {
        path: {method: described_as(operation, method, path, spec) for method, operation in operations.items()}
        for path, operations in paths.items()
        if operations
    }
    schemas = dict(used_schemas(described, spec["components"]["schemas"]))
    result["paths"] |= renamed(described)
    result["components"]["schemas"] |= {f"{PREFIX}{name}": renamed(shape) for name, shape in schemas.items()}
    result["components"]["schemas"][ERROR] = error_shape()
    result["components"]["securitySchemes"][SESSION_TOKEN] = {
        "type": "apiKey",
        "in": "header",
        "name": "X-Session-Token",
        "description": "`meta.session_token` of a login, a sign-up, or a step on the way to one.",
    }
    return result


def spec_of_allauth() -> Shape:
    """allauth's description, for this site's settings and for apps alone."""
    spec: Shape = yaml.safe_load(files("allauth.headless.spec").joinpath("doc/openapi.yaml").read_bytes())
    allauth_schema.specify_user(spec)
    allauth_schema.pin_client(spec)
    allauth_schema.specify_signup_fields(spec)
    allauth_schema.specify_custom_signup_form(spec)
    override_schemas(spec["components"]["schemas"])
    add_operations(spec["paths"], ALLAUTH_APP)
    return spec


def offered_at(path: str, item: Shape) -> Shape:
    return {method: item[method] for method in METHODS if method in item and is_allowed(method, path)}


def described_as(operation: Shape, method: str, path: str, spec: Shape) -> Shape:
    """An operation, with its parts in place of references to them, and with the refusals that any has."""
    found: Shape = in_place(operation, spec)
    words = path.removeprefix(ALLAUTH_APP).replace("/", "_").replace("-", "_")
    found["operationId"] = f"{words}_{method}"
    if "security" in found:
        found["security"] = [{SESSION_TOKEN: []}, {ACCESS_TOKEN: []}, {}]
    responses = found["responses"]
    refusals = {**EVERYWHERE, **(WITH_BODIES if method != "get" else {})}
    for status, words in refusals.items():
        gone = {"$ref": "#/components/responses/SessionGone"}
        responses.setdefault(str(status), in_place(gone, spec) if status == GONE else {"description": words})
    for status in [each for each in responses if each >= "400" and each not in BY_PROOF]:
        if int(status) not in WORDLESS and "meta" not in str(responses[status]):
            responses[status] = refused(responses[status].get("description", ""), status)
    return found


def refused(words: str, status: str) -> Shape:
    """A refusal in allauth's shape. A body that isn't JSON is refused with an empty page."""
    content: Shape = {JSON: {"schema": {"allOf": [{"$ref": f"#/components/schemas/{ERROR}"}]}}}
    if status == "400":
        content["text/html"] = {"schema": {"type": "string", "maxLength": 0}}
    return {"description": words, "content": content}


def error_shape() -> Shape:
    error = {
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string", "description": "For people."},
            "param": {"type": "string", "description": "The field at fault, if it is about one."},
        },
    }
    return {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"type": "integer", "description": "The answer's own."},
            "errors": {"type": "array", "items": error},
        },
    }


def in_place(shape: Any, spec: Shape) -> Any:  # Any, here and below: OpenAPI, nested as it likes
    """A shape with parameters, bodies and responses where references to them stood; without examples.

    What may be null is said in the way of OpenAPI 3.1. Schemas stay references.
    """
    if isinstance(shape, list):
        return [in_place(each, spec) for each in shape]
    if not isinstance(shape, dict):
        return shape
    ref = shape.get("$ref", "")
    if ref and not ref.startswith(SCHEMAS):
        _, _, kind, name = ref.split("/")
        return in_place(spec["components"][kind][name], spec)
    found = {
        key: in_place(value, spec) for key, value in shape.items() if key not in ("example", "examples", "nullable")
    }
    if not shape.get("nullable"):
        return found
    return found | {"type": [found["type"], "null"]} if "type" in found else {"anyOf": [found, {"type": "null"}]}


def used_schemas(shape: Any, schemas: Shape) -> Iterator[tuple[str, Shape]]:
    """The schemas that a shape refers to, and those that they refer to."""
    wanted, done = names_in(shape), set()
    while wanted:
        name = wanted.pop()
        done.add(name)
        found = in_place(schemas[name], {"components": {"schemas": schemas}})
        yield name, found
        wanted |= names_in(found) - done


def names_in(shape: Any) -> set[str]:
    return {name for _place, name in SCHEMA.findall(json.dumps(shape))}


def renamed(shape: Any) -> Any:
    """A shape whose references to schemas of allauth bear their names among ours."""
    return json.loads(SCHEMA.sub(rf"\1{PREFIX}\2", json.dumps(shape)))
