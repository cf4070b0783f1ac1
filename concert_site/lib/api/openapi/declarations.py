"""How a view's method says what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.http import HttpResponseBase
from rest_framework.exceptions import APIException
from rest_framework.serializers import Serializer

from concert_site.lib.api.openapi.field_codes import field_codes_of
from concert_site.lib.errors import DomainError
from concert_site.lib.web.refusals import SERVER_ERRORS, status_of_kind

CLIENT, VALIDATION, SERVER = "client_error", "validation_error", "server_error"
NAME = "refusals"
# What an error names that is about a field of which nobody knows.
ANY_FIELD = "<field>"

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


@dataclass(frozen=True, slots=True)
class DeclaredRefusal:
    """One way in which an operation is refused.

    `attr` is None where an error names no field; else it is a field, or a list whose items an error may name.
    """

    status: int
    code: str
    attr: str | None = None
    type: str = CLIENT


def refuses(
    *errors: type[DomainError | APIException], **at: Iterable[type[DomainError | APIException]]
) -> Callable[[View], View]:
    """Declare what a view's method refuses, and at which field of the request.

    `@refuses(SaleClosed, seats=[SeatUnavailable])`: a closed sale names no field, a seat that is gone is named as
    `seats.0`. What every view of its kind refuses (401 where one must log in, 404 of an address with an id, fields of
    the body, 503) is known without.
    """
    return declare([*found_in(errors, None), *(each for attr, named in at.items() for each in found_in(named, attr))])


def refuses_fields_of(
    serializer: type[Serializer[Any]],
) -> Callable[[View], View]:  # Any: what it serializes doesn't matter
    """Declare that a view's method checks its query by `serializer`; a body's is known without."""
    return declare([DeclaredRefusal(400, code, attr, VALIDATION) for attr, code in field_codes_of(serializer)])


def declare(found: list[DeclaredRefusal]) -> Callable[[View], View]:
    """Note refusals at a method, beside those that are noted there."""

    def note(method: View) -> View:
        setattr(method, NAME, [*declared_by(method), *found])
        return method

    return note


def declared_by(method: object) -> list[DeclaredRefusal]:
    return list(getattr(method, NAME, ()))


def found_in(errors: Iterable[type[DomainError | APIException]], attr: str | None) -> Iterator[DeclaredRefusal]:
    for error in errors:
        if issubclass(error, DomainError):
            status, code = status_of_kind(error), error.code
        else:
            status, code = error.status_code, error.default_code
        yield DeclaredRefusal(status, code, attr, SERVER if status >= SERVER_ERRORS else CLIENT)
