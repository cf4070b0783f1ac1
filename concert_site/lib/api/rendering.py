"""JSON in and out by orjson."""

import json
from typing import Any

import orjson
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, ErrorDetail, ParseError, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from concert_site.lib.json import to_json

DUPLICATE_FIELD = _("This field is named twice.")


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
        :raises ValidationError: if an object names a field twice
        """  # Any: DRF's signature
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge
        try:
            content = orjson.loads(body)
            # orjson takes the last of two fields of one name in silence, others the first: what was meant?
            if not has_plain_names(content, body):
                json.loads(body, object_pairs_hook=reject_duplicate_fields, parse_int=str)
        except (orjson.JSONDecodeError, ValueError, RecursionError) as error:
            raise ParseError(f"This is not JSON: {error}") from error
        return content


def has_plain_names(content: object, body: bytes) -> bool:
    """Whether the body is an object with as many names as it has pairs of quotes: none is there twice, nor any text."""
    return type(content) is dict and body.count(b'"') == 2 * len(content)


def reject_duplicate_fields(pairs: list[tuple[str, object]]) -> None:
    """Look at the fields of a JSON object; nothing is made of them.

    :raises ValidationError: naming one that is there twice
    """
    seen = set()
    for name, _value in pairs:
        if name in seen:
            raise ValidationError({name: [ErrorDetail(str(DUPLICATE_FIELD), "duplicate_field")]})
        seen.add(name)
