"""Answers that a client may already have: 304 with nothing, or 200 with a body that is made only then."""

import gzip
import re
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from rest_framework.request import Request

GZIP_TAKEN = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q\s*=\s*(?P<q>[0-9.]+)\s*)?(?=,|$)", re.IGNORECASE)


def conditional(
    request: Request | HttpRequest,
    build: Callable[[], HttpResponseBase],
    *,
    headers: dict[str, str],
    good_until: float | None = None,
) -> HttpResponseBase:
    """What `build` answers, or a 304 instead of it.

    :param headers: of the 304 as of the 200 (RFC 9110, 15.4.5); ETag must be among them
    :param good_until: on the clock of time.monotonic(); until then concert_site.front repeats a 304 by itself
    """
    known = get_conditional_response(request, etag=headers["ETag"])
    # Conditions that are for writes (If-Match, If-Unmodified-Since) would be a 412 to a read: they are not looked at.
    response: HttpResponseBase = known if known and known.status_code == HTTPStatus.NOT_MODIFIED else build()
    for name, value in headers.items():
        response[name] = value
    response.good_until = good_until  # type: ignore[attr-defined]  # an attribute of ours
    return response


def json_of(body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type="application/json")


def unpacked_for(request: Request | HttpRequest, packed: bytes, content_type: str) -> HttpResponse:
    """What was packed by gzip, as it is for a client that takes it so."""
    if takes_gzip(request):
        return HttpResponse(packed, content_type=content_type, headers={"Content-Encoding": "gzip"})
    return HttpResponse(gzip.decompress(packed), content_type=content_type)


def etag_of(body: bytes) -> str:
    return f'"{blake2b(body, digest_size=8).hexdigest()}"'


def takes_gzip(request: Request | HttpRequest) -> bool:
    """Whether the client takes a compressed body."""
    return offers_gzip(request.headers.get("Accept-Encoding", ""))


@lru_cache(maxsize=256)
def offers_gzip(accepted: str) -> bool:
    """Whether this Accept-Encoding offers gzip; `gzip;q=0` says that it doesn't."""
    offer = GZIP_TAKEN.search(accepted)
    return offer is not None and (offer["q"] is None or offer["q"].strip("0.") != "")
