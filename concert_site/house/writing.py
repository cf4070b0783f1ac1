"""What staff write about the house."""

from typing import TypedDict, Unpack

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from concert_site.house import queries
from concert_site.house.models import HouseFacts, HousePage
from concert_site.lib.errors import Conflict, Invalid


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


def write_facts(*, facts_id: int | None = None, **columns: Unpack[Facts]) -> HouseFacts:
    """Add the facts of the house in a language, or write those with this id anew.

    :raises Invalid: if the site doesn't speak the language
    :raises Conflict: if they are there in it already
    """
    require_language(columns.get("language"))
    row = HouseFacts(pk=facts_id, **columns)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Conflict(_("The house has facts in this language already."), attr="language") from error
    queries.forget()
    return row


def write_page(*, page_id: int | None = None, **columns: Unpack[Text]) -> HousePage:
    """Add a page in a language, or write the one with this id anew.

    :raises Invalid: if the site doesn't speak the language
    :raises Conflict: if it is there in it already
    """
    require_language(columns.get("language"))
    row = HousePage(pk=page_id, **columns)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Conflict(_("This page is written in this language already."), attr="language") from error
    queries.forget()
    return row


def remove(row: HouseFacts | HousePage) -> None:
    """Take a page, or the facts in a language, off the site."""
    row.delete()
    queries.forget()


def require_language(language: str | None) -> None:
    """
    :raises Invalid: if the site doesn't speak it
    """
    if language is not None and language not in dict(settings.LANGUAGES):
        raise Invalid(_("The site does not speak this language."), attr="language")
