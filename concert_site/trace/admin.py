"""The trace in the admin: a list for superusers, and the page of each object's history.

Django's own log of the admin stays: what was written before the trace began, and steps in words. Where the trace tells
the same with values, the log's entry isn't shown beside it.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from concert_site.lib.admin import history, stale_forms
from concert_site.lib.admin.base import ReadOnlyAdmin, StaffAdmin
from concert_site.lib.admin.columns import value_column
from concert_site.lib.formats import day_and_time
from concert_site.lib.web.converters import id_in
from concert_site.trace.models import Change
from concert_site.trace.queries import changes_of, last_of_field
from concert_site.trace.rendering import HistoryEntry, NamedRows, lines, model_of, name_of, what_of

PAGE_SIZE = 50
# How far back one page leads; who looks for more narrows the list of all changes by date.
MOST_PAGES = 200


def history_page(page_admin: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Who changed this object, when, from what to what; the latest first.

    :raises Http404: if there is neither the object nor anything known of it
    :raises PermissionDenied: for who may not look at it
    """
    obj = page_admin.get_object(request, unquote(object_id))
    if not page_admin.has_view_or_change_permission(request, obj):
        raise PermissionDenied
    pk = obj.pk if obj else id_in(object_id) or object_id
    nth = page_number(request)
    found = entries(page_admin.model, pk, upto=nth * PAGE_SIZE + 1)
    if obj is None and not found:
        raise Http404
    shown = found[(nth - 1) * PAGE_SIZE : nth * PAGE_SIZE]
    return page_admin.page(
        request,
        "admin/trace/history.html",
        title=_("History: %(object)s") % {"object": obj if obj is not None else f"#{pk}"},
        original=obj,
        lines=shown,
        newer=nth - 1,
        older=nth + 1 if len(found) > nth * PAGE_SIZE and nth < MOST_PAGES else None,
    )


def entries(model: type[Model], pk: object, *, upto: int) -> list[HistoryEntry]:
    """The latest of the trace and of Django's log together."""
    traced = list(changes_of(model, pk)[:upto]) if isinstance(pk, int) else []
    logged = log_of(model, pk)[:upto]
    told = {(change.actor_id, change.at.replace(microsecond=0)) for change in traced}
    both = lines(traced) + [line_of(entry) for entry in logged if not is_told(entry, told)]
    return sorted(both, key=lambda line: line.at, reverse=True)[:upto]


def log_of(model: type[Model], pk: object) -> QuerySet[LogEntry]:
    opts = model._meta  # noqa: SLF001  what a model says of itself
    here = {"content_type__app_label": opts.app_label, "content_type__model": opts.model_name}
    return LogEntry.objects.filter(object_id=str(pk), **here).select_related("user", "content_type").order_by("-pk")


def is_told(entry: LogEntry, told: set[tuple[int | None, datetime]]) -> bool:
    """Whether the trace tells the same, of the same second, with values: then the log says only that there was one.

    What somebody wrote in words is never left out.
    """
    is_bare = entry.change_message.startswith("[") or not entry.change_message
    moments = {(entry.user_id, entry.action_time.replace(microsecond=0) + delta) for delta in history.AROUND}
    return is_bare and not moments.isdisjoint(told)


def line_of(entry: LogEntry) -> HistoryEntry:
    said = entry.get_change_message() or entry.get_action_flag_display()
    return HistoryEntry(entry.action_time, str(entry.user), str(said), ())


def page_number(request: HttpRequest) -> int:
    """Which page was asked for; the first, if that is none."""
    asked = request.GET.get("p", "1")
    return min(max(int(asked), 1), MOST_PAGES) if asked.isdecimal() and len(asked) <= len(str(MOST_PAGES)) else 1


history.use_history_page(history_page)


def teller(row: Model, name: str, since: datetime) -> str | None:
    """Who changed a field of a row after a form of it was opened, for the form that is sent later."""
    change = last_of_field(row, name, since)
    if change is None:
        return None
    return stale_forms.told_of(str(change.actor or _("not by staff")), change.at)


stale_forms.use_teller(teller)


BARE = NamedRows(())


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    """All changes. It tells of every page, so no role has its permission; superusers have."""

    list_display = ("moment", "who", "what", "from_to")
    list_display_links = ("moment",)
    list_select_related = ("actor",)
    list_filter = ("action", ("at", admin.DateFieldListFilter))
    search_fields = ("actor__email",)
    search_help_text = _("by e-mail address of who did it")
    fields = ("moment", "who", "what", "from_to", "via", "request")

    moment = value_column(_("at"), "at", day_and_time, ordering="pk")

    @admin.display(description=_("by"))
    def who(self, change: Change) -> str:
        return lines([change])[0].by if change.actor is None else change.actor.email

    @admin.display(description=_("change"))
    def what(self, change: Change) -> str:
        return what_of(change, model_of(change.table_name))

    @admin.display(description=_("from → to"))
    def from_to(self, change: Change) -> str:
        """Each field, from what to what; what points at a row is a number, so a list asks the database nothing more."""
        model = model_of(change.table_name)
        told = {
            name_of(model, column): [BARE.text(model, column, value) or "–" for value in pair]
            for column, pair in sorted(change.changes.items())
        }
        return "; ".join(f"{name}: {before} → {after}" for name, (before, after) in told.items())
