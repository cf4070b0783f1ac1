"""What staff write about the house."""

from collections.abc import Mapping
from typing import TypedDict, TypeVar, Unpack

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from concert_site.house import queries
from concert_site.house.models import HouseFacts, HousePage
from concert_site.lib.errors import Conflict, Invalid, require_found
from concert_site.lib.lazy_text import StrOrPromise
from concert_site.lib.stale import Shown, require_unchanged

Row = TypeVar("Row", HouseFacts, HousePage)


class Facts(TypedDict, total=False):
    """Columns of HouseFacts."""

    language: str
    name: str
    representative: str
    address: str
    phone: str
    email: str
    registration_number: str
    mail_order_number: str
    hosting_provider: str


class Text(TypedDict, total=False):
    """Columns of HousePage."""

    kind: str
    language: str
    title: str
    body: str


def write_facts(*, facts_id: int | None = None, shown: Shown | None = None, **columns: Unpack[Facts]) -> HouseFacts:
    """Add the facts of the house in a language, or change those with this id, and nothing that isn't named.

    :param shown: the columns that the change is based on
    :raises NotFound: if there are none with this id
    :raises Invalid: if the site doesn't speak the language
    :raises ChangedMeanwhile: if a column that was shown is something else by now
    :raises Conflict: if they are there in it already
    """
    return write(HouseFacts, facts_id, shown, columns, taken=_("The house has facts in this language already."))


def write_page(*, page_id: int | None = None, shown: Shown | None = None, **columns: Unpack[Text]) -> HousePage:
    """Add a page in a language, or change the one with this id, and nothing that isn't named.

    :raises NotFound, Invalid, ChangedMeanwhile, Conflict: as `write_facts` does
    """
    return write(HousePage, page_id, shown, columns, taken=_("This page is written in this language already."))


def write(
    model: type[Row], pk: int | None, shown: Shown | None, columns: Mapping[str, object], *, taken: StrOrPromise
) -> Row:
    """Add or change a row of either table; see `write_facts`."""
    require_language(columns.get("language"))
    try:
        with transaction.atomic(durable=True):
            row = model(**columns) if pk is None else changed_row(model, pk, shown, columns)
            row.save()
    except IntegrityError as error:
        raise Conflict(taken, attr="language") from error
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


def require_language(language: object) -> None:
    """
    :raises Invalid: if the site doesn't speak it
    """
    if language is not None and language not in dict(settings.LANGUAGES):
        raise Invalid(_("The site does not speak this language."), attr="language")
