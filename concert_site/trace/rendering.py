"""The trace in words: names of fields and values as people read them, in their language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from concert_site.lib.formats import day_and_time, money, short_day
from concert_site.trace.models import Action, Change

# Columns of money: bigints in the currency's minor unit.
MONEY = {"price", "seat_price", "amount", "fee", "refund_fee", "provider_sum", "ledger_sum"}
# Longer texts are shown whole where somebody asks for them, and their beginning here.
LONGEST = 300
# So many ids of what was changed by the thousand are named.
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field, from what to what; both blank if its value is kept secret."""

    name: str
    before: str
    after: str
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A change as it is read."""

    at: datetime
    by: str
    what: str
    fields: Sequence[FieldChange]


def lines(changes: Sequence[Change]) -> list[HistoryEntry]:
    """The changes as people read them; what they point at is named by one query a table."""
    names = NamedRows(changes)
    return [line_of(change, names) for change in changes]


def line_of(change: Change, names: NamedRows) -> HistoryEntry:
    model = model_of(change.table_name)
    fields = [
        FieldChange(
            name_of(model, column),
            names.text(model, column, before),
            names.text(model, column, after),
            is_secret=before is None and after is None,
        )
        for column, (before, after) in sorted(change.changes.items())
    ]
    by = change.actor.email if change.actor else change.via or _("not by staff")
    return HistoryEntry(change.at, by, what_of(change, model), fields)


def what_of(change: Change, model: type[models.Model] | None) -> str:
    """What was done, and with how many."""
    kind = str(model._meta.verbose_name) if model else change.table_name  # noqa: SLF001  what a model says of itself
    done = {"what": kind, "done": Action(change.action).label}
    if change.count == 1:
        ids = change.objects_changed
        return _("%(what)s %(done)s") % done + (f" (#{ids[0]})" if ids else "")
    many = str(model._meta.verbose_name_plural) if model else change.table_name  # noqa: SLF001  as above
    said = ngettext("%(count)d %(what)s %(done)s", "%(count)d %(what)s %(done)s", change.count)
    return said % {"count": change.count, "what": many, "done": done["done"]}


def model_of(table: str) -> type[models.Model] | None:
    """The model of a table; None if it is gone."""
    return next((model for model in apps.get_models() if model._meta.db_table == table), None)  # noqa: SLF001  as above


def field_of(model: type[models.Model] | None, column: str) -> Any:  # Any: a field of any kind, or none
    """The field of a column; None if it is gone."""
    if model is None:
        return None
    try:
        return model._meta.get_field(column.removesuffix("_id"))  # noqa: SLF001  as above
    except FieldDoesNotExist:
        return next((each for each in model._meta.fields if each.column == column), None)  # noqa: SLF001  as above


def name_of(model: type[models.Model] | None, column: str) -> str:
    field = field_of(model, column)
    return str(getattr(field, "verbose_name", column) or column)


class NamedRows:
    """What foreign keys in the changes point at, by name."""

    def __init__(self, changes: Iterable[Change]) -> None:
        asked: dict[type[models.Model], set[int]] = defaultdict(set)
        for change in changes:
            model = model_of(change.table_name)
            for column, pair in change.changes.items():
                related = getattr(field_of(model, column), "related_model", None)
                if related is not None:
                    asked[related] |= {value for value in pair if isinstance(value, int)}
        self._found = {model: model._default_manager.in_bulk(list(ids)) for model, ids in asked.items()}  # noqa: SLF001  as above

    def text(self, model: type[models.Model] | None, column: str, value: Any) -> str:  # Any: of JSON
        """A value as people read it; blank for none."""
        field = field_of(model, column)
        if value is None or value == "":
            return ""
        related = getattr(field, "related_model", None)
        if related is not None:
            row = self._found.get(related, {}).get(value)
            return str(row) if row is not None else f"#{value}"
        if getattr(field, "choices", None):
            return str(dict(field.flatchoices).get(value, value))
        return plain_text(field, column, value)


def plain_text(field: Any, column: str, value: Any) -> str:  # Any: a field of any kind, a value of JSON
    """A value that points at nothing."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if column in MONEY and isinstance(value, int):
        return money(value)
    if isinstance(field, models.DateTimeField) and (at := parse_datetime(str(value))):
        return day_and_time(at)
    if isinstance(field, models.DateField) and (on := parse_date(str(value))):
        return short_day(on)
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
