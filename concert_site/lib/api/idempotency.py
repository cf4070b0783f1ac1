"""The header Idempotency-Key (concert_site.lib.idempotency says what it is for)."""

from typing import Literal, overload

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

from concert_site.lib.idempotency import LONGEST_KEY
from concert_site.lib.lazy_text import StrOrPromise

HEADER = "Idempotency-Key"
# How WSGI hands it over; asking for it so spares a dictionary of all headers.
META_NAME = "HTTP_IDEMPOTENCY_KEY"
SHAPE = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY}


@overload
def key_of(request: Request | HttpRequest, *, required: Literal[True]) -> str: ...


@overload
def key_of(request: Request | HttpRequest, *, required: Literal[False]) -> str | None: ...


def key_of(request: Request | HttpRequest, *, required: bool) -> str | None:
    """The request's key; None if it has none and needs none.

    :raises ValidationError: if it is demanded and absent, or isn't 1 to 255 printable characters
    """
    key: str | None = request.META.get(META_NAME)
    if key is None:
        if required:
            raise refusal(_("Send the header Idempotency-Key: any text of your own, new for each request."), "required")
        return None
    if not key.strip() or len(key) > LONGEST_KEY or not key.isprintable():
        raise refusal(_("An Idempotency-Key is 1 to 255 printable characters."), "invalid")
    return key


def key_parameter(description: str, *, required: bool = False) -> OpenApiParameter:
    """The header as the API's description has it."""
    return OpenApiParameter(HEADER, SHAPE, OpenApiParameter.HEADER, required=required, description=description)


def refusal(detail: StrOrPromise, code: str) -> ValidationError:
    """A 400 that names the header, as others name a field."""
    return ValidationError({HEADER: [ErrorDetail(str(detail), code)]})
