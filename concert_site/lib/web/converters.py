"""Ids, references and tokens in addresses and forms.

Use the `path` from here: importing it registers `<id:>`, `<reference:>`, `<token:>` and `<version:>`.
"""

from django.urls import path, register_converter
from django.urls.converters import IntConverter, StringConverter, UUIDConverter

__all__ = ["LONGEST_ID", "id_in", "path"]

# A bigint has room for every number of so many digits.
LONGEST_ID = 18


def id_in(text: str) -> int | None:
    """The id, amount or count that somebody sent as `text`; None if it is none that a bigint holds."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_ID else None


class IdInPath(IntConverter):
    """`<id:name>`: a number that fits a bigint, whatever somebody types; what doesn't is a 404."""

    regex = f"[0-9]{{1,{LONGEST_ID}}}"


class ReferenceInPath(StringConverter):
    """`<reference:name>`: a booking reference, however it was typed; what can't be one is a 404."""

    regex = "[0-9A-Za-z-]{1,36}"

    def to_python(self, value: str) -> str:
        """The reference; they are made of digits and capitals."""
        return value.upper()


class TokenInPath(UUIDConverter):
    """`<token:name>`: a UUID with its dashes, in capitals or not; Django's own `<uuid:>` knows no capitals."""

    regex = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


class VersionInPath(StringConverter):
    """`<version:name>`: the version of an answer, as it names itself."""

    regex = "[0-9a-f]{16}"


register_converter(IdInPath, "id")
register_converter(TokenInPath, "token")
register_converter(ReferenceInPath, "reference")
register_converter(VersionInPath, "version")
