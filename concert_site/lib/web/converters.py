"""Ids, references and tokens in addresses and forms.

Use the `path` from here: importing it registers `<id:>`, `<reference:>` and `<token:>`.
"""

from uuid import UUID

from django.urls import path, register_converter

__all__ = ["LONGEST_ID", "id_in", "path"]

# A bigint has room for every number of so many digits.
LONGEST_ID = 18


def id_in(text: str) -> int | None:
    """The id, amount or count that somebody sent as `text`; None if it is none that a bigint holds."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_ID else None


class IdInPath:
    """`<id:name>`: a number that fits a bigint, whatever somebody types; what doesn't is a 404."""

    regex = f"[0-9]{{1,{LONGEST_ID}}}"

    def to_python(self, value: str) -> int:
        """The id; leading zeros make no difference."""
        return int(value)

    def to_url(self, value: int) -> str:
        """The text of an id."""
        return str(value)


class ReferenceInPath:
    """`<reference:name>`: a booking reference, however it was typed; what can't be one is a 404."""

    regex = "[0-9A-Za-z-]{1,36}"

    def to_python(self, value: str) -> str:
        """The reference; they are made of digits and capitals."""
        return value.upper()

    def to_url(self, value: str) -> str:
        """The text of a reference."""
        return value


class TokenInPath:
    """`<token:name>`: a UUID with its dashes, in capitals or not; Django's own `<uuid:>` knows no capitals."""

    regex = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

    def to_python(self, value: str) -> UUID:
        """The token."""
        return UUID(value)

    def to_url(self, value: UUID) -> str:
        """The text of a token."""
        return str(value)


register_converter(IdInPath, "id")
register_converter(TokenInPath, "token")
register_converter(ReferenceInPath, "reference")
