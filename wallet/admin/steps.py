"""What the pages of money on its way share: who may take a step, and where it leads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.queries import users_matching
from concert_site.lib.admin.base import SearchedAdmin
from concert_site.lib.admin.columns import value_column
from concert_site.lib.errors import DomainError, Unavailable
from concert_site.lib.formats import day_and_time, money
from wallet.providers.base import ProviderError

MAY_SETTLE, MAY_REPLAY = "wallet.settle_top_up", "wallet.replay_event"


def took_step(request: HttpRequest, step: Callable[[], str]) -> HttpResponse:
    """Take a step if it was sent by a form, tell what came of it, and go back to what is stuck."""
    if request.method == "POST":
        try:
            messages.info(request, step())
        except DomainError as error:
            messages.error(request, str(error.detail))
    return redirect("admin:wallet_stuck")


@contextmanager
def asking_provider() -> Iterator[None]:
    """Somebody waits for what a provider says.

    :raises Unavailable: if it doesn't
    """
    try:
        yield
    except ProviderError as error:
        raise Unavailable(gettext("The provider isn’t responding: %(error)s") % {"error": error}) from error


def link(name: str, pk: object, text: object) -> str:
    """A link to one of the admin's pages about a row."""
    return format_html('<a class="text-link" href="{}">{}</a>', reverse(f"admin:{name}", args=[pk]), text)


def listed(links: Iterable[str]) -> SafeString:
    return format_html_join(" · ", "{}", [(each,) for each in links])


class ProviderFilter(admin.SimpleListFilter):
    """By provider: those that there are, which is quicker than asking a million rows for theirs."""

    title = _("provider")
    parameter_name = "provider"
    field = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # Any: Django's signature
        """The names to choose from."""
        return [(name, name) for name in sorted({*settings.PROVIDER_CLASSES, settings.WALLET_PROVIDER} - {""})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # Any: of several models
        """The rows of the one that was chosen."""
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class TopUpProviderFilter(ProviderFilter):
    """By the provider of a top-up."""

    field = "top_up__provider"


class MoneyAdmin(SearchedAdmin):
    """Rows of money on its way, found by the fan's address, or by a whole reference of ours or the provider's."""

    search_help_text = _("by e-mail address, or a whole reference")

    fan = value_column(_("fan"), "user.email")
    sum = value_column(_("amount"), "amount", money)
    changed = value_column(_("state changed at"), "updated_state_at", day_and_time)
    asked_next = value_column(_("asked about next at"), "next_look_at", day_and_time)

    def matching(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:  # Any: of several models
        by_fan = Q(user__in=users_matching(term))
        # What has an @ is no reference.
        return rows.filter(by_fan if "@" in term else by_fan | Q(reference=term) | Q(provider_reference=term))
