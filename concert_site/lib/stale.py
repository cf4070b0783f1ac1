"""What a write was based on, compared with the row as it is once it is locked.

A form carries the values that it showed. Whoever writes hands them down, and the domain compares them behind the row's
lock: of two clerks who save at once, the second is told what the first one made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from django.db.models import Model
from django.db.models.fields.files import FieldFile
from django.utils.translation import gettext_lazy as _

from concert_site.lib.errors import PageConflict

# Fields, and their values as `comparable` has them.
Shown = Mapping[str, object]


class ChangedMeanwhile(PageConflict):
    """Somebody else wrote the row after it was read; `fields` are those that differ."""

    code = "changed_meanwhile"
    detail = _("Somebody else changed this meanwhile.")

    def __init__(self, fields: Iterable[str]) -> None:
        super().__init__()
        self.fields = sorted(fields)


def comparable(value: Any) -> object:  # Any: a column's value of any type
    """A value of a row or a form, as JSON has it, so that what was read and what was sent back can be compared.

    Instants are good to the second, which is what forms show; empty is None, and lines end in one way.
    """
    match value:
        case "":
            made: object = None
        case datetime():
            made = value.astimezone(UTC).replace(microsecond=0).isoformat()
        case date() | time():
            made = value.isoformat()
        case Model():
            made = value.pk
        case FieldFile():
            made = value.name or None
        case str():
            made = "\n".join(value.splitlines()).strip() or None
        case Iterable():
            made = sorted((comparable(each) for each in value), key=str)
        case None | bool() | int():
            made = value
        case _:
            made = str(value)
    return made


def differing(shown: Shown, present: Shown) -> set[str]:
    """The fields that are something else than was shown."""
    return {name for name, value in shown.items() if name in present and present[name] != value}


def require_unchanged(row: Model, shown: Shown | None) -> None:
    """Behind the row's lock: refuse a write that is based on what the row was before.

    :param shown: what the writer saw; None for one that was based on nothing, such as a command's
    :raises ChangedMeanwhile: if a column is something else now
    """
    if shown is None:
        return
    columns = {field.name: field for field in row._meta.concrete_fields}  # noqa: SLF001  Django's public API
    present = {name: comparable(columns[name].value_from_object(row)) for name in shown if name in columns}
    if changed := differing(shown, present):
        raise ChangedMeanwhile(changed)
