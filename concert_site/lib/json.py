"""JSON that is sent or kept: one form for every answer."""

import orjson
from django.utils.functional import Promise


def encode_lazy_text(value: object) -> object:
    """What orjson doesn't know by itself: texts that are translated when shown."""
    if isinstance(value, Promise):
        return str(value)
    # orjson says of which type.
    raise TypeError


def to_json(value: object) -> bytes:
    """JSON in UTF-8; instants in RFC 3339 with Z."""
    return orjson.dumps(value, default=encode_lazy_text, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
