"""Waiting tokens: looked at alone. A line of a million is shown without being counted."""

from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from concert_site.accounts.queries import users_matching
from concert_site.lib.admin.base import SearchedAdmin
from concert_site.lib.admin.columns import column, value_column
from concert_site.lib.formats import day_and_time
from concert_site.lib.web.converters import id_in
from queueing.models import STATE, TokenStatus, WaitingToken


@admin.register(WaitingToken)
class WaitingTokenAdmin(SearchedAdmin):
    list_display = ("fan", "date", "place", "state", "expired_reason", "joined", "admitted", "expires")
    fields = ("token", *list_display, "entered_at")
    list_filter = (("concert_schedule", AutocompleteSelectFilter), "status", "expired_reason")
    list_filter_submit = True
    search_help_text = _("E-mail address, token, or number")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WaitingToken]:
        rows: QuerySet[WaitingToken] = super().get_queryset(request)
        related = rows.annotate(state=STATE).select_related("user", "concert_schedule__concert")
        return related.defer("concert_schedule__layout", "concert_schedule__draw_seed")

    def matching(self, rows: QuerySet[WaitingToken], term: str) -> QuerySet[WaitingToken]:
        """By token, by number, or by the letters of an address."""
        if (token := token_in(term)) is not None:
            return rows.filter(token=token)
        if (number := id_in(term)) is not None:
            return rows.filter(number=number)
        return rows.filter(user__in=users_matching(term))

    fan = value_column(_("fan"), "user.email")
    date = value_column(_("schedule"), "concert_schedule")

    @column(_("number"), ordering="number")
    def place(self, token: WaitingToken) -> str | None:
        """The number; who waits without one stands in the lobby. Whoever left before the draw never had any."""
        if token.number is not None:
            return str(token.number)
        return str(_("not drawn yet")) if token.status == TokenStatus.WAITING else None

    @column(_("status"), label={"WAITING": "warning", "ACTIVE": "success"})
    def state(self, token: WaitingToken) -> tuple[str, str]:
        """The status as it is now: a time that is over reads expired."""
        status = TokenStatus(token.state)  # type: ignore[attr-defined]  # an annotation of get_queryset
        return status.value, str(status.label)

    joined = value_column(_("joined at"), "created_at", day_and_time)
    admitted = value_column(_("admitted at"), "updated_active_at", day_and_time)
    expires = value_column(_("expires at"), "expired_at", day_and_time)


def token_in(word: str) -> UUID | None:
    try:
        return UUID(word)
    except ValueError:
        return None
