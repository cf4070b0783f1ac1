"""JSON in and out by orjson."""

from typing import Any

import orjson
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer


def plain(value: object) -> object:
    """What orjson doesn't know by itself: texts that are translated when shown."""
    if isinstance(value, Promise):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def to_json(value: object) -> bytes:
    """JSON in UTF-8; instants in RFC 3339 with Z."""
    return orjson.dumps(value, default=plain, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


class TooLarge(APIException):
    """Nobody needs so much to say what this API takes."""

    status_code = 413
    default_code = "too_large"
    default_detail = _("This request is too large.")


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        """The body; bytes are taken as JSON that is already made."""  # Any: DRF's signature
        if data is None:
            return b""
        return data if isinstance(data, bytes) else to_json(data)


class OrjsonParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """The body as Python values.

        :raises TooLarge: before more than the limit is read
        :raises ParseError: if it is not JSON
        """  # Any: DRF's signature
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"This is not JSON: {error}") from error
