"""Requests that come twice: a client that got no answer asks again and changes nothing twice."""

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import orjson
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict

LONGEST_KEY = 255
# Of a SHA-256 in hex.
HASH_LENGTH = 64


class IdempotencyKeyReused(Conflict):
    """The key came before, with another request."""

    code = "idempotency_key_reused"
    detail = _("This Idempotency-Key was used for another request. Send a new one.")


def request_hash(body: Mapping[str, object]) -> str:
    """The SHA-256, in hex, of a body's canonical JSON: the order of its fields makes no difference."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


class Keyed(Protocol):
    """A row that a request with a key has made."""

    request_hash: Any  # Any: a column, null or not


Row = TypeVar("Row", bound=Keyed)


def made_before(row: Row | None, asked: str) -> Row | None:
    """What a key has made already, where it was this request's.

    :raises IdempotencyKeyReused: if it was another's
    """
    if row is not None and row.request_hash != asked:
        raise IdempotencyKeyReused
    return row
