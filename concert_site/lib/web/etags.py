"""Answers that a client may already have: 304 with nothing, or 200 with the body."""

import re
from hashlib import blake2b

from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags
from rest_framework.request import Request

GZIP_TAKEN = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q\s*=\s*(?P<q>[0-9.]+)\s*)?(?=,|$)", re.IGNORECASE)


def is_known(request: Request | HttpRequest, etag: str) -> bool:
    """Whether the client says that it has this version; weak tags are as good (RFC 9110, 13.1.2)."""
    return names(request.headers.get("If-None-Match", ""), etag)


def names(if_none_match: str, etag: str) -> bool:
    """Whether this If-None-Match names that version."""
    known = parse_etags(if_none_match)
    return known == ["*"] or etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in known}


def etag_of(body: bytes) -> str:
    """A version told from the content."""
    return f'"{blake2b(body, digest_size=8).hexdigest()}"'


def takes_gzip(request: Request | HttpRequest) -> bool:
    """Whether the client takes a compressed body; `gzip;q=0` says that it doesn't."""
    offer = GZIP_TAKEN.search(request.headers.get("Accept-Encoding", ""))
    return offer is not None and (offer["q"] is None or offer["q"].strip("0.") != "")


def unchanged(*, etag: str, cache_control: str) -> HttpResponse:
    """304: what the client has is still right, for as long again."""
    return HttpResponse(status=304, headers={"ETag": etag, "Cache-Control": cache_control})


def fresh(body: bytes, *, etag: str, cache_control: str) -> HttpResponse:
    """200 with JSON that is already made."""
    return HttpResponse(body, content_type="application/json", headers={"ETag": etag, "Cache-Control": cache_control})
