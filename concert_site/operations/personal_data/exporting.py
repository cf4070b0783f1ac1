"""A person's own data as a file: JSON for programs, a page for people, in one archive."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import get_language, gettext, override

from concert_site.accounts.models import User
from concert_site.lib.formats import money, when
from concert_site.operations.personal_data.collecting import SECTIONS, Section, collect

# Columns that are amounts of money.
AMOUNTS = {"amount", "amount_after", "price", "refund_fee", "refunded"}

# In this order: what is a datetime is a date, too.
WRITTEN: tuple[tuple[type, Callable[[Any], object]], ...] = (  # Any: of that type
    (bool, lambda value: gettext("yes") if value else gettext("no")),
    (datetime, when),
    (date, date.isoformat),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A section as it is read."""

    title: str
    columns: list[str]
    rows: list[list[object]]


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
            facts = {"user": user, "tables": list(tables(found)), "made_at": timezone.now()}
            archive.writestr("data.html", render_to_string("account/personal_data_file.html", facts))
    return out.getvalue()


def tables(found: dict[str, list[dict[str, Any]]]) -> Iterator[Table]:  # Any: of each column's type
    for section in SECTIONS:
        if rows := found[section.name]:
            shown = [[readable(section, field, row[field]) for field in section.fields] for row in rows]
            yield Table(str(section.title), [label for _field, label in section.columns()], shown)


def readable(section: Section, field: str, value: Any) -> object:  # Any: as above
    """A value as people write it, in the language in force."""
    if value is None or value in ("", [], {}):
        return ""
    if field in AMOUNTS:
        return money(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
    for kind, write in WRITTEN:
        if isinstance(value, kind):
            return write(value)
    return choice(section, field, value)


def choice(section: Section, field: str, value: object) -> object:
    """The word for a state or kind; any other value as it is."""
    if "__" in field or field.endswith("_id"):
        return value
    choices = dict(section.rows(0).model._meta.get_field(field).flatchoices)  # noqa: SLF001  Django's way
    return choices.get(value, value)
