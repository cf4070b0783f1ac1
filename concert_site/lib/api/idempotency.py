"""Idempotency keys: a client that got no answer asks again and changes nothing twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, overload

import orjson
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

from concert_site.lib.errors import Conflict

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

HEADER = "Idempotency-Key"
# How WSGI hands it over; asking for it so spares a dictionary of all headers.
META_NAME = "HTTP_IDEMPOTENCY_KEY"
LONGEST = 255
SHAPE = {"type": "string", "minLength": 1, "maxLength": LONGEST}


class IdempotencyKeyReused(Conflict):
    """The key came before, with another request."""

    code = "idempotency_key_reused"
    detail = _("This Idempotency-Key was used for another request. Send a new one.")


def request_hash(body: Mapping[str, object]) -> str:
    """The SHA-256, in hex, of a body's canonical JSON: the order of its fields makes no difference."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


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
    if not key.strip() or len(key) > LONGEST or not key.isprintable():
        raise refusal(_("An Idempotency-Key is 1 to 255 printable characters."), "invalid")
    return key


def refusal(detail: StrPromise, code: str) -> ValidationError:
    """A 400 that names the header, as others name a field."""
    return ValidationError({HEADER: [ErrorDetail(str(detail), code)]})
