"""Ids in addresses. Use the `path` from here: importing it registers `<id:...>`."""

from django.urls import path, register_converter

__all__ = ["path"]


class IdInPath:
    """`<id:name>`: a number that fits a bigint, whatever somebody types; what doesn't is a 404."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        """The id; leading zeros make no difference."""
        return int(value)

    def to_url(self, value: int) -> str:
        """The text of an id."""
        return str(value)


register_converter(IdInPath, "id")
