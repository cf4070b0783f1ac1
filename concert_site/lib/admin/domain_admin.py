"""Admin pages whose forms are handed to the domain."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import AdminErrorList
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from unfold.forms import AdminForm

from concert_site.lib.admin.base import StaffAdmin, add_domain_error
from concert_site.lib.admin.once import make_once
from concert_site.lib.admin.stale_forms import StaleCheckForm
from concert_site.lib.errors import DomainError
from concert_site.lib.stale import ChangedMeanwhile

T = TypeVar("T")

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]  # Any: each admin's own model
else:
    ModelForm = forms.ModelForm


class AnyForm(StaleCheckForm, ModelForm):
    """A form of a row. Its `changed_data` is what was typed, and `shown` what the domain compares with the row."""


class DomainAdmin(StaffAdmin):
    """Pages to add, change and delete, whose writes are the domain's.

    Django wraps the POST of these pages in a transaction and writes in `save_model` and `delete_model`. Our use
    cases are transactions of their own (durable), so they would refuse to run there; and what they refuse is to
    come back beside its field, for which `save_model` is too late. So what is read is Django's own page, and what
    is sent is taken here: the same permissions, the same form, the same page where there is an error, but no
    transaction around it, and `write` and `remove` in place of Django's.
    """

    # Django's action deletes row by row in its own transaction.
    actions: Any = ()  # Any: names and functions, as Django has it
    locks_row = False

    def write(self, request: HttpRequest, form: AnyForm, obj: Model | None) -> Model:
        """Hand a valid form to the domain; return what was made of `obj` (None: something new).

        :raises DomainError: shown at the field that its `attr` names
        """
        raise NotImplementedError

    def remove(self, obj: Model) -> None:
        """Have the domain delete a row.

        :raises DomainError: if something hangs on it
        """
        raise NotImplementedError

    def kept_by(self, obj: Model) -> list[str]:
        """What still hangs on a row and keeps it from being deleted, in a line each; empty if nothing does."""
        raise NotImplementedError

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:  # Any: rows, or a queryset of them
        """What Django's question shows; Django itself would list every row below, and a hall has thousands."""
        names = [str(obj) for obj in objs]
        kept = [line for obj in objs for line in self.kept_by(obj)]
        return names, {str(self.opts.verbose_name_plural): len(names)}, set(), kept

    def get_actions(self, request: HttpRequest, *args: Any) -> dict[str, Any]:  # Any: as Django has it
        actions: dict[str, Any] = super().get_actions(request, *args)
        actions.pop("delete_selected", None)
        return actions

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,  # Any: as Django has it
    ) -> HttpResponse:
        if request.method != "POST":
            return super().changeform_view(request, object_id, form_url, extra_context)
        if object_id is None:
            return make_once(request, lambda: self.submitted(request, None))
        obj = self.get_object(request, unquote(object_id))
        return self.submitted(request, obj) if obj else self.gone(request, object_id)

    def submitted(self, request: HttpRequest, obj: Model | None) -> HttpResponse:
        may = self.has_add_permission(request) if obj is None else self.has_change_permission(request, obj)
        if not may:
            raise PermissionDenied
        form = self.sent_form(request, obj)
        if obj is not None and form.is_valid() and not form.has_changed():
            return self.response_unchanged(request, obj)
        try:
            written = submit_to_domain(form, lambda: self.write(request, form, obj))
        except ChangedMeanwhile as refusal:
            return self.overtaken(request, obj, refusal)
        if written is None:
            return self.page_with_errors(request, form, obj)
        message = self.construct_change_message(request, form, [], add=obj is None)  # type: ignore[arg-type]  # it asks what changed, which every form knows
        if obj is None:
            self.log_addition(request, written, message)
            return self.response_add(request, written)
        self.log_change(request, written, message)
        return self.response_change(request, written)

    def sent_form(self, request: HttpRequest, obj: Model | None) -> AnyForm:
        """The form of a row as it is now, with what was sent."""
        fields = flatten_fieldsets(self.get_fieldsets(request, obj))
        form_class = self.get_form(request, obj, change=obj is not None, fields=fields)
        form: AnyForm = form_class(request.POST, request.FILES, instance=obj)
        return form

    def overtaken(self, request: HttpRequest, obj: Model | None, refusal: ChangedMeanwhile) -> HttpResponse:
        """Somebody wrote between our reading and our writing: the page of the row as it is now says what."""
        fresh = self.get_object(request, str(obj.pk)) if obj else None
        if fresh is None:
            return self.gone(request, str(obj and obj.pk))
        form = self.sent_form(request, fresh)
        if form.is_valid():
            # The row is by now as the form knows it: no field has anything to say.
            form.add_error(None, str(refusal.detail))
        return self.page_with_errors(request, form, fresh)

    def summary(self, request: HttpRequest, obj: Any) -> dict[str, Any] | None:  # Any: values of a template
        """What the page of a row shows above its form, as `summary`; None if nothing."""
        return None

    def render_change_form(  # noqa: PLR0917  Django's signature
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,  # noqa: FBT002  as above
        change: bool = False,  # noqa: FBT002  as above
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Django's page, with the summary of its row at its top."""
        if obj is not None:
            context |= {"summary": self.summary(request, obj), "subtitle": str(obj)}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def page_with_errors(self, request: HttpRequest, form: AnyForm, obj: Model | None) -> HttpResponse:
        """Django's page around a form that was sent and not taken."""
        readonly = self.get_readonly_fields(request, obj)
        page = AdminForm(form, list(self.get_fieldsets(request, obj)), {}, readonly, model_admin=self)
        context = {
            **self.admin_site.each_context(request),
            "title": self.opts.verbose_name,
            "adminform": page,
            "object_id": obj and obj.pk,
            "original": obj,
            "is_popup": False,
            "to_field": None,
            "media": self.media + page.media,
            "inline_admin_formsets": [],
            "errors": AdminErrorList(form, []),
            "preserved_filters": self.get_preserved_filters(request),
        }
        return self.render_change_form(request, context, add=obj is None, change=obj is not None, obj=obj)

    def delete_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,  # Any: as Django has it
    ) -> HttpResponse:
        """Django's question whether one is sure; the answer is the domain's."""
        if request.method != "POST":
            return super().delete_view(request, object_id, extra_context)
        obj = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, obj):
            raise PermissionDenied
        if obj is None:
            return self.gone(request, object_id)
        name, pk = str(obj), obj.pk
        try:
            self.remove(obj)
        except DomainError as refusal:
            messages.error(request, str(refusal.detail))
            return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", pk)
        obj.pk = pk
        self.log_deletions(request, [obj])  # type: ignore[arg-type]  # it walks them, no more
        return self.response_delete(request, name, pk)

    def gone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        name = self.opts.verbose_name
        messages.warning(request, _("This %(name)s no longer exists.") % {"name": name})
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


def submit_to_domain(form: forms.BaseForm, step: Callable[[], T]) -> T | None:
    """Do it if the form is valid; None, and an error of the form, if it isn't or the domain refuses.

    :raises PageConflict: as `add_domain_error` does
    """
    if not form.is_valid():
        return None
    try:
        return step()
    except DomainError as refusal:
        add_domain_error(form, refusal)
        return None
