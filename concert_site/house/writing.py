"""What staff write about the house."""

from collections.abc import Mapping
from typing import TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from concert_site.house import queries
from concert_site.house.models import HouseFacts, HousePage
from concert_site.lib.errors import Conflict, Invalid, require_found
from concert_site.lib.stale import Shown, require_unchanged

Row = TypeVar("Row", HouseFacts, HousePage)


# What is said of a second row in a language.
TAKEN = {
    HouseFacts: _("The house has facts in this language already."),
    HousePage: _("This page is written in this language already."),
}


def write(model: type[Row], pk: int | None = None, *, shown: Shown | None = None, **columns: object) -> Row:
    """Add the facts of the house or a page in a language, or change the row `pk`, and nothing that isn't named.

    :param shown: the columns that the change is based on
    :raises NotFound: if there is none with this id
    :raises Invalid: if the site doesn't speak the language
    :raises ChangedMeanwhile: if a column that was shown is something else by now
    :raises Conflict: if it is there in this language already
    """
    if "language" in columns and columns["language"] not in dict(settings.LANGUAGES):
        raise Invalid(_("The site does not speak this language."), attr="language")
    try:
        with transaction.atomic(durable=True):
            row = model(**columns) if pk is None else changed_row(model, pk, shown, columns)
            row.save()
    except IntegrityError as error:
        raise Conflict(TAKEN[model], attr="language") from error
    queries.clear_house_cache()
    return row


def changed_row(model: type[Row], pk: int, shown: Shown | None, columns: Mapping[str, object]) -> Row:
    """The row with its new columns, locked and not yet saved.

    :raises NotFound: if there is none
    :raises ChangedMeanwhile: if a column that was shown is something else by now
    """
    locked = model._default_manager.select_for_update(no_key=True)  # noqa: SLF001  Django's own API
    row = require_found(locked.filter(pk=pk).first())
    require_unchanged(row, shown)
    for name, value in columns.items():
        setattr(row, name, value)
    return row


def remove(row: HouseFacts | HousePage) -> None:
    """Take a page, or the facts in a language, off the site."""
    row.delete()
    queries.clear_house_cache()
