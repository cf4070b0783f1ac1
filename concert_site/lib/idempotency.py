"""Requests that come twice: a client that got no answer asks again and changes nothing twice."""

import hashlib
from collections.abc import Mapping

import orjson
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import Conflict


class IdempotencyKeyReused(Conflict):
    """The key came before, with another request."""

    code = "idempotency_key_reused"
    detail = _("This Idempotency-Key was used for another request. Send a new one.")


def request_hash(body: Mapping[str, object]) -> str:
    """The SHA-256, in hex, of a body's canonical JSON: the order of its fields makes no difference."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
