"""Which codes the fields of a request are refused with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drf_standardized_errors.openapi_utils import get_flat_serializer_fields, get_serializer_fields_with_error_codes
from rest_framework import serializers
from rest_framework.settings import api_settings

from concert_site.lib.api.fields import StrictInteger

# Messages that a field has, and that nothing in JSON or a query can bring about.
NEVER = {StrictInteger: {"max_string_length", "overflow"}, serializers.DateField: {"datetime"}}
NOTHING = (api_settings.NON_FIELD_ERRORS_KEY, "null")


def field_codes_of(
    serializer: Any,
) -> Iterator[tuple[str | None, str]]:  # Any: an instance or a class of any serializer
    """Each field, in the form `seats.INDEX` for items of a list, with each of its codes.

    A body that is `null` is refused without naming anything: None.
    """
    for field in get_serializer_fields_with_error_codes(get_flat_serializer_fields(serializer)):
        never = {code for kind, codes in NEVER.items() if isinstance(field.field, kind) for code in codes}
        for code in sorted(field.error_codes - never):
            yield (None if (field.name, code) == NOTHING else field.name), code
