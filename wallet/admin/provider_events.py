"""Messages of providers in the admin: read as they came, and done again."""

from __future__ import annotations

import json
from contextlib import suppress

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from concert_site.lib.admin.base import SearchedAdmin
from concert_site.lib.admin.columns import column, value_column
from concert_site.lib.admin.pages import OwnPages, requires
from concert_site.lib.formats import day_and_time
from concert_site.lib.tasks import enqueue_soon
from wallet.admin.steps import MAY_REPLAY, ProviderFilter, took_step
from wallet.domain import provider_events
from wallet.models import ProviderEvent


@admin.register(ProviderEvent)
class ProviderEventAdmin(SearchedAdmin):
    """What providers told us, and what came of it."""

    list_display = ("received", "provider", "kind", "reference", "state", "attempts", "error")
    list_filter = ("state", ProviderFilter, ("received_at", admin.DateFieldListFilter))
    search_help_text = _("by a whole reference, or the provider’s number")
    actions = ("replay_selected",)
    fields = ("received", "provider", "event_id", "kind", "reference", "state", "attempts", "error", "handled", "said")

    def own_pages(self) -> OwnPages:
        return [("<int:pk>/replay/", self.replay, "wallet_replay")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProviderEvent]:
        """A list needs no bodies."""
        return super().get_queryset(request).defer("body")

    def matching(self, rows: QuerySet[ProviderEvent], term: str) -> QuerySet[ProviderEvent]:
        """By the whole of it."""
        return rows.filter(Q(reference=term) | Q(event_id=term))

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY_REPLAY)

    @admin.action(description=_("Retry the selected"), permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[ProviderEvent]) -> None:
        """Each is worked on anew, as if it had just come."""
        count = sum(provider_events.replay(pk) for pk in queryset.values_list("pk", flat=True))
        enqueue_soon("wallet.handle_events")
        said = ngettext("%(count)d message is being retried.", "%(count)d messages are being retried.", count)
        messages.success(request, said % {"count": count})

    @requires(MAY_REPLAY)
    def replay(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The same for one."""

        def step() -> str:
            is_over = provider_events.replay(pk)
            enqueue_soon("wallet.handle_events")
            return (
                gettext("The message is being retried.") if is_over else gettext("The message is already in progress.")
            )

        return took_step(request, step)

    # They are numbered in this order.
    received = value_column(_("received at"), "received_at", day_and_time, ordering="pk")
    handled = value_column(_("done at"), "handled_at", day_and_time)

    @column(_("body"))
    def said(self, event: ProviderEvent) -> str:
        """The body, word for word: JSON on lines of its own, and whatever is in it is text alone."""
        text = bytes(event.body).decode(errors="replace")
        with suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        return format_html('<pre class="whitespace-pre-wrap break-words">{}</pre>', text)
