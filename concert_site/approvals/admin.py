"""What waits for a second person, in the admin: the list, a page to decide on, and the ceilings of the roles."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST

from concert_site.accounts.staff_roles import title_of
from concert_site.approvals import ceilings, deciding
from concert_site.approvals.models import Approval, ApprovalState, Ceiling
from concert_site.approvals.steps import all_steps, step_of
from concert_site.lib.admin import fields
from concert_site.lib.admin.base import ForSuperusers, ReadOnlyAdmin, actor_of
from concert_site.lib.admin.columns import ChoiceFilter, column, value_column
from concert_site.lib.admin.domain_admin import AnyForm, DomainAdmin
from concert_site.lib.admin.pages import OwnPages
from concert_site.lib.errors import DomainError, NotFound
from concert_site.lib.formats import day_and_time, money
from concert_site.lib.web.converters import id_in

COLOURS: dict[str, str] = {
    ApprovalState.PENDING: "warning",
    ApprovalState.CONFIRMED: "success",
    ApprovalState.DECLINED: "danger",
    ApprovalState.EXPIRED: "info",
}
# As many as a page names.
MOST_DECIDERS = 10


class DeclineForm(forms.Form):
    """Why not."""

    answer = fields.ReasonField(label=_("Why not"), help_text=_("Who asked reads it."))


class StateFilter(ChoiceFilter):
    """By state; what waits comes first."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # Any: Django's signature
        return list(ApprovalState.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Approval]) -> QuerySet[Approval]:
        asked = self.value()
        if asked is None:
            return queryset
        if asked not in ApprovalState:
            return queryset.none()
        return queryset & Approval.objects.that_read(ApprovalState(asked))


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """Steps above somebody's ceiling: what waits, and what came of the others."""

    list_display = ("what", "how_much", "why", "asked_by", "asked", "shown_state", "decided_by")
    list_display_links = ("what",)
    list_select_related = ("asked_by", "decided_by")
    list_filter = (StateFilter, ("asked_at", admin.DateFieldListFilter))
    search_fields = ("asked_by__email", "fan__email")
    search_help_text = _("by e-mail address of who asked, or of the fan")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Who asks sees what becomes of it, and so do those who decide."""
        return bool(super().has_view_permission(request, obj)) or request.user.has_perm(deciding.MAY_DECIDE)

    def own_pages(self) -> OwnPages:
        steps = {"confirm": self.confirm, "decline": self.decline, "again": self.again}
        return [(f"<int:pk>/{name}/", require_POST(step), f"approvals_{name}") for name, step in steps.items()]

    def count_waiting(self, request: HttpRequest) -> int:
        """How many wait for whoever asks: what the sidebar says."""
        return deciding.count_waiting(request.user)

    what = column(_("step"))(lambda _admin, row: title_of_kind(row.kind))
    how_much = value_column(_("amount"), "amount", money)
    why = value_column(_("reason"), "reason")
    asked = value_column(_("asked at"), "asked_at", day_and_time, ordering="pk")

    @column(_("state"), label=COLOURS)
    def shown_state(self, row: Approval) -> tuple[str, str]:
        return row.state_now, str(row.state_now.label)

    def change_view(
        self, request: HttpRequest, object_id: str, *_args: Any, **_kept: Any
    ) -> HttpResponse:  # Any: Django's
        """The page of one: what, who, why, and what can be done about it."""
        self.require_view(request)
        return self.show(request, object_id, DeclineForm())

    def show(self, request: HttpRequest, object_id: object, form: DeclineForm) -> HttpResponse:
        """The page.

        :raises NotFound: if there is no such approval
        """
        asked = deciding.found(id_in(str(object_id)) or 0)
        step, state = step_of(asked.kind), asked.state_now
        is_own = asked.asked_by_id == actor_of(request)
        may_decide = not is_own and request.user.has_perms(deciding.needed_for(asked))
        is_open = state == ApprovalState.PENDING
        deciders = list(deciding.deciders_of(asked)[: MOST_DECIDERS + 1]) if is_open else []
        there = {
            "approval": asked,
            "state": state,
            "lines": step.describe(asked),
            "is_own": is_own,
            "may_decide": is_open and may_decide,
            "may_decline": is_open and (may_decide or is_own),
            "may_try_again": may_decide and state == ApprovalState.CONFIRMED and asked.done_at is None,
            "deciders": deciders[:MOST_DECIDERS],
            "are_deciders_more": len(deciders) > MOST_DECIDERS,
            "form": form,
        }
        return self.page(request, "admin/approvals/approval.html", title=step.title, **there)

    def confirm(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.carried_out(request, pk, deciding.confirm, _("Confirmed and done."))

    def again(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Try again what was confirmed and couldn't be done."""
        return self.carried_out(request, pk, deciding.try_again, _("Done."))

    def carried_out(self, request: HttpRequest, pk: int, step: Any, told: object) -> HttpResponse:  # Any: of the domain
        """Take a step; who may not see this page at all learns nothing from it."""
        self.require_view(request)
        try:
            step(approval_id=pk, actor_id=actor_of(request))
        except NotFound:
            raise
        except DomainError as refusal:
            messages.error(request, str(refusal.detail))
        else:
            messages.success(request, str(told))
        return redirect("admin:approvals_approval_change", pk)

    def decline(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.require_view(request)
        form = DeclineForm(request.POST)
        if not form.is_valid():
            return self.show(request, pk, form)
        decline = partial(deciding.decline, answer=form.cleaned_data["answer"])
        return self.carried_out(request, pk, decline, _("Declined."))

    def require_view(self, request: HttpRequest) -> None:
        """
        :raises PermissionDenied: if these pages are none of theirs
        """
        if not self.has_view_permission(request):
            raise PermissionDenied


class CeilingForm(AnyForm):
    """How much, or nothing for no ceiling."""

    amount = fields.MoneyField(
        label=_("Ceiling"),
        min_value=0,
        required=False,
        help_text=_("What is above it waits until a second person confirms it. Empty: no ceiling. 0: always."),
    )

    class Meta:
        model = Ceiling
        fields = ("amount",)


@admin.register(Ceiling)
class CeilingAdmin(ForSuperusers, DomainAdmin):
    """What each role may do alone."""

    form = CeilingForm
    list_display = ("role", "does", "how_much")
    list_select_related = ("group",)
    ordering = ("group__name", "permission")
    fields = ("role", "does", "amount")
    readonly_fields = ("role", "does")

    role = column(_("role"))(lambda _admin, row: title_of(row.group.name))
    does = column(_("step"))(lambda _admin, row: title_of_permission(row.permission))

    @column(_("ceiling"))
    def how_much(self, row: Ceiling) -> str:
        return pgettext("ceiling", "none") if row.amount is None else money(row.amount)

    def write(self, request: HttpRequest, form: AnyForm, obj: Model | None) -> Model:
        return ceilings.set_ceiling(form.instance.pk, amount=form.cleaned_data["amount"])

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def title_of_kind(kind: str) -> str:
    try:
        return str(step_of(kind).title)
    except KeyError:
        return kind


def title_of_permission(permission: str) -> str:
    """The steps that a permission is for."""
    titles = sorted({str(step.title) for step in all_steps() if step.permission == permission})
    return ", ".join(titles) or permission
