"""A person's own data as a file: JSON for programs, a page for people, in one archive."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import get_language, gettext, override

from concert_site.accounts.models import User
from concert_site.lib.formats import money, when
from concert_site.operations.personal_data.collecting import SECTIONS, Section, collect

# What fits beside each other on a desk's screen.
MOST_COLUMNS = 7

# In this order: what is a datetime is a date, too.
WRITTEN: tuple[tuple[type, Callable[[Any], object]], ...] = (  # Any: of that type
    (bool, lambda value: gettext("yes") if value else gettext("no")),
    (datetime, when),
    (date, date.isoformat),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A section as it is read."""

    name: str
    title: str
    columns: list[str]
    # Each value with its column's label, which stands beside it where there is no room for a head.
    rows: list[list[tuple[str, object]]]

    @property
    def is_wide(self) -> bool:
        """Whether its columns don't fit beside each other on any screen."""
        return len(self.columns) > MOST_COLUMNS


def export(user_id: int) -> bytes:
    """A zip of data.json and data.html, the latter in the account's language.

    :raises User.DoesNotExist: if there is no such account
    """
    user = User.objects.get(pk=user_id)
    found = collect(user_id)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        said = {"format": 1, "made_at": timezone.now(), **found}
        archive.writestr("data.json", json.dumps(said, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1))
        with override(user.locale or get_language()):
            without = [section.title for section in SECTIONS if not found[section.name]]
            facts = {"user": user, "tables": list(tables(found)), "without": without, "made_at": timezone.now()}
            archive.writestr("data.html", render_to_string("account/personal_data_file.html", facts))
    return out.getvalue()


def tables(found: dict[str, list[dict[str, Any]]]) -> Iterator[Table]:  # Any: of each column's type
    for section in SECTIONS:
        if rows := found[section.name]:
            # A column without any value is for programs alone.
            columns = [
                (field, label) for field, label in section.columns() if any(has_value(row[field]) for row in rows)
            ]
            shown = [[(label, readable(section, field, row[field])) for field, label in columns] for row in rows]
            yield Table(section.name, str(section.title), [label for _field, label in columns], shown)


def has_value(value: object) -> bool:
    return value is not None and value not in ("", [], {})


def readable(section: Section, field: str, value: Any) -> object:  # Any: as above
    """A value as people write it, in the language in force."""
    if not has_value(value):
        return ""
    if field in BY_NAME:
        return BY_NAME[field](value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
    for kind, write in WRITTEN:
        if isinstance(value, kind):
            return write(value)
    return choice(section, field, value)


def written_changes(changes: dict[str, object]) -> str:
    return ", ".join(f"{name}: {written_change(change)}" for name, change in changes.items())


def written_change(change: object) -> str:
    """What something was, and what it became; of an addition what it is."""
    each = change if isinstance(change, list) else [change]
    return " → ".join("–" if one in (None, "") else str(one) for one in each)


def choice(section: Section, field: str, value: object) -> object:
    """The word for a state or kind; any other value as it is."""
    if "__" in field or field.endswith("_id"):
        return value
    column: Any = section.model._meta.get_field(field)  # noqa: SLF001  Django's way; Any: one of this table's own
    return dict(column.flatchoices).get(value, value)


def name_of_table(table: str) -> str:
    """What people call a table of the database."""
    found = (model._meta.verbose_name for model in apps.get_models() if model._meta.db_table == table)  # noqa: SLF001  Django's way
    return str(next(found, table))


# Columns that say by their name how their values are written.
BY_NAME: dict[str, Callable[[Any], object]] = {  # Any: of that column's type
    **dict.fromkeys(("amount", "amount_after", "price", "refund_fee", "refunded"), money),
    "changes": written_changes,
    "locale": lambda code: dict(settings.LANGUAGES).get(code, code),
    "table_name": name_of_table,
}
