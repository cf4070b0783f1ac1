"""How an operation is described: as drf-spectacular does, and with everything that it refuses."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from concert_site.lib.api import idempotency
from concert_site.lib.api.fields import Body, Ids
from concert_site.lib.api.openapi.declarations import (
    ANY_FIELD,
    NAME,
    SERVER,
    VALIDATION,
    DeclaredRefusal,
    declared_by,
    found_in,
)
from concert_site.lib.api.openapi.field_codes import field_codes_of
from concert_site.lib.api.openapi.shapes import response_of
from concert_site.lib.api.pagination import SIZE

READS = {"GET", "HEAD"}
NO_NUL = r"^[^\u0000]*$"
WITH_BODIES = {"POST", "PUT", "PATCH"}
# Of every operation: a request that is no HTTP or asks for a Host that isn't ours, another method at its address, a
# mistake of ours, a service that is away.
ALWAYS = [
    DeclaredRefusal(400, "bad_request"),
    DeclaredRefusal(400, "malformed_request"),
    DeclaredRefusal(405, "method_not_allowed"),
    DeclaredRefusal(500, "error", type=SERVER),
    DeclaredRefusal(503, "unavailable", type=SERVER),
]
# Of each that may bring a body, wanted or not.
OF_WRITES = [DeclaredRefusal(408, "request_timeout"), DeclaredRefusal(413, "too_large")]
# Of each that looks at it, if only to find that there is nothing in it.
OF_JSON = [
    DeclaredRefusal(400, "parse_error"),
    DeclaredRefusal(400, "unknown_field", ANY_FIELD, VALIDATION),
    DeclaredRefusal(400, "duplicate_field", ANY_FIELD, VALIDATION),
    DeclaredRefusal(400, "invalid", api_settings.NON_FIELD_ERRORS_KEY, VALIDATION),
    DeclaredRefusal(400, "null", None, VALIDATION),
]


class AccessTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # not annotated
    """`Authorization: Bearer <access token>`."""

    target_class = "concert_site.lib.api.authentication.AccessToken"
    match_subclasses = True
    name = "accessToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "`meta.access_token` of `POST /_allauth/app/v1/auth/login`.",
        }


class RefusalSchema(AutoSchema):
    """One operation, with the refusals that its view declares (lib.openapi.refuses) and those that follow."""

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:  # Any: OpenAPI
        responses: dict[str, Any] = super()._get_response_bodies(direction=direction)
        if direction == "response":
            for status, refused in sorted(by_status(self.refusals()).items()):
                responses.setdefault(str(status), response_of(status, refused, self.named, self.get_operation_id()))
        return responses

    def _map_basic_serializer(self, serializer: Any, direction: Literal["request", "response"]) -> dict[str, Any]:
        """The shape of an object; of a body that refuses fields that it doesn't know, also this. Any: OpenAPI."""
        shape: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        return {**shape, "additionalProperties": False, **serializer.SHAPE} if isinstance(serializer, Body) else shape

    def _map_serializer_field(self, field: Any, *args: Any, **options: Any) -> dict[str, Any]:
        """The shape of a field; of ids, that each is there once; of text, that no NUL is in it.

        Any: OpenAPI, and drf-spectacular's own.
        """
        shape: dict[str, Any] = super()._map_serializer_field(field, *args, **options)  # type: ignore[no-untyped-call]
        if type(field) is serializers.CharField and "request" in args:
            return shape | {"pattern": NO_NUL}
        return shape | ({"uniqueItems": True} if isinstance(field, Ids) else {})

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:  # Any: as above
        """What bounds a field. Where blank text is allowed the pattern lets it pass: it needs no shape of its own.

        Beside the other one that would even be wrong, for blank text would fit two of which one must fit.
        """
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        text, *_blank = schema.get("oneOf", [{}])
        if text.get("pattern") == NO_NUL:
            del schema["oneOf"]
            schema |= text

    def refusals(self) -> Iterator[DeclaredRefusal]:
        yield from ALWAYS
        yield from declared_by(getattr(self.view, self.method.lower()))
        yield from self._of_callers()
        yield from self._of_keys()
        if "{" in self.path or self._is_list_view():
            yield DeclaredRefusal(404, "not_found")
        if self._is_list_view():
            yield DeclaredRefusal(400, "invalid", SIZE, VALIDATION)
        if self.method not in READS:
            yield from OF_WRITES
            yield from OF_JSON
        if self.method in WITH_BODIES:
            yield from self._of_bodies()

    def _of_callers(self) -> Iterator[DeclaredRefusal]:
        """What depends on who calls, and how often."""
        for permission in self.view.get_permissions():
            yield from found_in(getattr(permission, NAME, ()), None)
        if any(isinstance(each, IsAuthenticated) for each in self.view.get_permissions()):
            yield DeclaredRefusal(401, "not_authenticated")
            if self.method not in READS:
                # Who comes with a session in place of a token, and without the page's CSRF token.
                yield DeclaredRefusal(403, "permission_denied")
        if is_throttled(self.view):
            yield DeclaredRefusal(429, "throttled")

    def _of_bodies(self) -> Iterator[DeclaredRefusal]:
        body = self.get_request_serializer()
        if isinstance(body, serializers.Field) or (inspect.isclass(body) and issubclass(body, serializers.Field)):
            yield DeclaredRefusal(415, "unsupported_media_type")
            yield from (DeclaredRefusal(400, code, attr, VALIDATION) for attr, code in field_codes_of(body))

    def _of_keys(self) -> Iterator[DeclaredRefusal]:
        for parameter in self._get_parameters():
            if parameter["name"] == idempotency.HEADER:
                yield DeclaredRefusal(400, "invalid", idempotency.HEADER, VALIDATION)
                if parameter.get("required"):
                    yield DeclaredRefusal(400, "required", idempotency.HEADER, VALIDATION)

    def named(self, name: str, shape: dict[str, Any]) -> dict[str, Any]:  # Any: OpenAPI
        component = ResolvedComponent(  # type: ignore[no-untyped-call]  # drf-spectacular doesn't say
            name=name, type=ResolvedComponent.SCHEMA, schema=shape, object=name
        )
        self.registry.register_on_missing(component)
        ref: dict[str, Any] = component.ref
        return ref


def is_throttled(view: APIView) -> bool:
    """Whether a view counts its callers: unless it says otherwise, also where THROTTLE is off for the moment."""
    if view.get_throttles():
        return True
    return not any("throttle_classes" in vars(kind) for kind in type(view).__mro__ if kind is not APIView)


def by_status(refusals: Iterator[DeclaredRefusal]) -> dict[int, list[DeclaredRefusal]]:
    found: dict[int, list[DeclaredRefusal]] = {}
    for each in refusals:
        if each not in found.setdefault(each.status, []):
            found[each.status].append(each)
    return found
