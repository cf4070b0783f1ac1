"""Pages of the admin that are ours: their frame, and what the domain refuses.

The look is unfold's, which comes without types; to the type checker its ModelAdmin is Django's.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import connection
from django.db.models import CharField, DateTimeField, JSONField, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils.translation import gettext_lazy as _
from unfold.paginator import InfinitePaginator

from concert_site.lib.admin import history
from concert_site.lib.admin.confirming import Question
from concert_site.lib.admin.once import make_once
from concert_site.lib.admin.pages import OwnPages
from concert_site.lib.admin.stale_forms import NoticesChanges
from concert_site.lib.database.replica import from_replica
from concert_site.lib.errors import DomainError, PageConflict
from concert_site.lib.web.converters import id_in, path

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[Any]  # Any: each admin has a model of its own
else:
    from unfold.admin import ModelAdmin as Base

# What the lists' own filters ask. Others let anybody with a list feel for values letter by letter, or end it with
# a 500: a year of eight digits, half a regular expression.
LOOKUPS = {"exact", "in", "isnull", "gt", "gte", "lt", "lte"}
OTHER_LOOKUPS = {*DateTimeField().get_lookups(), *CharField().get_lookups(), *JSONField().get_lookups()} - LOOKUPS


class SafeLookupsAdmin(Base):
    """An admin whose lists answer no other questions than those of filters."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Whether a list may be narrowed like this, by what somebody wrote into its address."""
        return OTHER_LOOKUPS.isdisjoint(lookup.split("__")[1:]) and super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request: HttpRequest, *args: Any, **kept: Any) -> HttpResponse:  # Any: Django's
        """The list, from the replica if there is one; what is done to its rows is the primary's."""
        page = partial(super().changelist_view, request, *args, **kept)
        return from_replica(request, page, lists=True)


class SafeFormsAdmin(SafeLookupsAdmin):
    """An admin whose forms notice what changed since they were opened, and write nothing where nothing was typed.

    Django's own page of a row writes in a transaction that it opens before it reads the row: there the row is locked
    when it is read, so that what the form compares is what it writes over.
    """

    # Those that hand their forms to the domain are compared there, behind its lock.
    locks_row = True

    def get_form(self, request: HttpRequest, obj: Model | None = None, *args: Any, **kept: Any) -> Any:  # Any: Django's
        form: Any = super().get_form(request, obj, *args, **kept)
        return form if issubclass(form, NoticesChanges) else type(form)(form.__name__, (NoticesChanges, form), {})

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Django's; what is new is made once."""
        page = partial(super().changeform_view, request, object_id, form_url, extra_context)
        return make_once(request, page) if object_id is None else page()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:  # Any: as above
        obj = super().get_object(request, object_id, from_field)
        if obj is None or not self.locks_row or request.method != "POST" or not connection.in_atomic_block:
            return obj
        self.model._base_manager.select_for_update(no_key=True).filter(pk=obj.pk).first()  # noqa: SLF001  Django's
        return super().get_object(request, object_id, from_field)

    def save_form(self, request: HttpRequest, form: Any, change: Any) -> Any:  # Any: Django's signature
        """Note whether anything was typed; Django asks here once a form is valid."""
        request.is_untouched = change and not form.has_changed()  # type: ignore[attr-defined]  # a note of ours
        return super().save_form(request, form, change)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:  # Any: as above
        if not is_untouched(request):
            super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:  # Any: as above
        if not is_untouched(request):
            super().save_related(request, form, formsets, change)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:  # Any: as above
        """Django's, unless there is nothing to be said."""
        return None if is_untouched(request) else super().log_change(request, obj, message)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:  # Any: as above
        if is_untouched(request):
            return self.response_unchanged(request, obj)
        return super().response_change(request, obj)

    def response_unchanged(self, request: HttpRequest, obj: Any) -> HttpResponse:  # Any: as above
        """Say that nothing was typed, and go where saving would have gone."""
        self.message_user(request, _("Nothing was changed, so nothing was saved."))
        if "_continue" in request.POST:
            return HttpResponseRedirect(request.path)
        return self.response_post_save_change(request, obj)


def is_untouched(request: HttpRequest) -> bool:
    """Whether a form was sent in which nothing was typed."""
    return bool(getattr(request, "is_untouched", False))


class StaffAdmin(SafeFormsAdmin):
    """An admin in the house's look, with pages of its own beside Django's."""

    list_per_page = 50

    def own_pages(self) -> OwnPages:
        return ()

    def get_urls(self) -> list[URLPattern | Any]:  # Any: Django's resolvers
        """Our own pages before Django's, which would take any of their addresses for an id."""
        own = [path(address, self.admin_site.admin_view(view), name=name) for address, view, name in self.own_pages()]
        return [*own, *super().get_urls()]

    def page(self, request: HttpRequest, template: str, *, title: object, **context: object) -> HttpResponse:
        frame = self.admin_site.each_context(request) | {"opts": self.opts, "title": title}
        return TemplateResponse(request, template, frame | context)

    def note(self, request: HttpRequest, obj: Any, said: str) -> None:  # Any: Django's signature
        """Write into the log what was done and by whom, and say it."""
        self.log_change(request, obj, said)
        messages.success(request, said)

    def history_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,  # Any: as Django has it
    ) -> HttpResponse:
        """Who changed it, when, from what to what."""
        page = history.page_of(self, request, object_id)
        return page if page is not None else super().history_view(request, object_id, extra_context)

    def confirm_many(self, request: HttpRequest, question: Question) -> HttpResponse | None:
        """The page that says what is about to be done to how many of what; None once that was confirmed."""
        if question.is_confirmed_by(request):
            return None
        return self.page(request, "admin/confirm_many.html", title=question.title, **question.context(request))

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *where: Any) -> HttpResponse | None:
        """Django's, unless what was selected can't be rows: Django would end with a 500."""
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if all(id_in(each) is not None for each in selected):
            return super().response_action(request, queryset, *where)
        self.message_user(request, _("Select items from the list."), messages.WARNING)
        return None


class ReadOnlyAdmin(StaffAdmin):
    """An admin of what the domain alone writes: rows are looked at, never added, changed or deleted here."""

    # Nobody needs the exact number of a million rows, and counting them takes longer than showing a page.
    show_full_result_count = False
    paginator = InfinitePaginator
    # An action works on what is on the page, so that no click can mean a million rows.
    list_disable_select_all = True
    locks_row = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ForSuperusers(Base):
    """An admin that no role opens."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser


def actor_of(request: HttpRequest) -> int:
    """Who is at work; the admin lets nobody in who isn't logged in."""
    return int(request.user.pk or 0)


def add_domain_error(form: forms.BaseForm, error: DomainError) -> None:
    """Show a refusal of the domain at the field that it is about, or above the form.

    :raises PageConflict: again, since no form can show it
    """
    if isinstance(error, PageConflict):
        raise error
    form.add_error(error.attr if error.attr in form.fields else None, str(error.detail))
