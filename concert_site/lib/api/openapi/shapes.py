"""Refusals in the words of OpenAPI 3.1: small named components, so that a generated client has a type for each."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from concert_site.lib.api.openapi.declarations import VALIDATION, DeclaredRefusal

# Any, here and below: OpenAPI, nested as it likes.
Shape = dict[str, Any]
Named = Callable[[str, Shape], Shape]

HEADERS: dict[int, Shape] = {
    401: {"WWW-Authenticate": {"description": "`Bearer`.", "required": True, "schema": {"type": "string"}}},
    429: {
        "Retry-After": {
            "description": "Seconds to wait.",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        }
    },
}
HEADERS[503] = HEADERS[429]
# The code of a mistake of ours says nothing; its name should.
PLAIN = {"error": "ServerError"}
INDEX = "INDEX"


def response_of(status: int, refused: list[DeclaredRefusal], named: Named, operation: str) -> Shape:
    words = ", ".join(f"`{code}`" for code in codes_of(refused))
    schema = schema_of(status, refused, named, operation)
    response: Shape = {"description": words, "content": {"application/json": {"schema": schema}}}
    return response | ({"headers": HEADERS[status]} if status in HEADERS else {})


def schema_of(status: int, refused: list[DeclaredRefusal], named: Named, operation: str) -> Shape:
    """The shape of a refusal; of two where fields of the request are refused, and other things as well."""
    fields = [each for each in refused if each.type == VALIDATION]
    others = [each for each in refused if each.type != VALIDATION]
    shapes = []
    if fields:
        shapes.append(body_of(f"{camel(operation)}Validation", fields, named))
    if others:
        shapes.append(body_of(name_of(status, others, operation), others, named))
    return shapes[0] if len(shapes) == 1 else {"oneOf": shapes}


def name_of(status: int, refused: list[DeclaredRefusal], operation: str) -> str:
    """What a shape is called: by its code where that is all of it, else by operation and status."""
    codes = codes_of(refused)
    if len(codes) == 1 and all(each.attr is None for each in refused):
        return PLAIN.get(codes[0]) or camel(codes[0])
    return f"{camel(operation)}{camel(HTTPStatus(status).phrase)}"


def body_of(name: str, refused: list[DeclaredRefusal], named: Named) -> Shape:
    code = named(f"{name}Code", {"type": "string", "enum": codes_of(refused)})
    error = named(
        f"{name}Item",
        {
            "type": "object",
            "required": ["code", "detail", "attr"],
            "properties": {
                "code": code,
                "detail": {"type": "string", "description": "For people, in the language of `Accept-Language`."},
                "attr": attr_of(refused),
            },
        },
    )
    kind = named(f"{camel(refused[0].type)}Type", {"type": "string", "enum": [refused[0].type]})
    return named(
        f"{name}Refusal",
        {
            "type": "object",
            "required": ["type", "errors"],
            "properties": {"type": kind, "errors": {"type": "array", "minItems": 1, "items": error}},
        },
    )


def attr_of(refused: list[DeclaredRefusal]) -> Shape:
    """What `attr` may say: text, and null where an error is about no field."""
    attrs = sorted({each.attr for each in refused if each.attr})
    kind = ["string", "null"] if any(each.attr is None for each in refused) else "string"
    if not attrs:
        return {"type": kind, "description": "Null: it is about no field."}
    shown = ", ".join(f"`{attr.replace(INDEX, '<index>')}`" for attr in attrs)
    return {"type": kind, "description": f"The field at fault, or an item of it, as `<field>.<index>`: {shown}."}


def codes_of(refused: list[DeclaredRefusal]) -> list[str]:
    return sorted({each.code for each in refused})


def camel(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^0-9A-Za-z]+", text))
