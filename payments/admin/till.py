"""The till in the admin: what passed the counter, a day of each clerk, and the counter's own pages."""

from __future__ import annotations

from datetime import date
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSingleDateWidget

from concert_site.approvals.errors import ApprovalRequired
from concert_site.approvals.redirects import to_approval
from concert_site.lib.admin.base import ReadOnlyAdmin, actor_of
from concert_site.lib.admin.columns import value_column
from concert_site.lib.formats import day_and_time, signed_money
from concert_site.lib.web.converters import path
from payments.admin import counter
from payments.models import TillEntry
from payments.queries import till

if TYPE_CHECKING:
    from collections.abc import Callable

MAY_SEE_ALL = "payments.view_tillentry"


class DayForm(forms.Form):
    """Which day."""

    day = forms.DateField(label=_("Day"), widget=UnfoldAdminSingleDateWidget(attrs={"type": "date"}))


@admin.register(TillEntry)
class TillEntryAdmin(ReadOnlyAdmin):
    """What passed the counter, newest first."""

    list_display = ("booked", "kind", "method", "money", "seats", "fan", "booking_reference", "clerk")
    list_select_related = ("user", "actor")
    list_filter = ("kind", "method", ("created_at", admin.DateFieldListFilter))
    search_fields = ("booking_reference",)
    search_help_text = _("by booking reference")
    ordering = ("-pk",)
    fields = (
        "booked",
        "kind",
        "method",
        "money",
        "seats",
        "fan",
        "booking_reference",
        "terminal_reference",
        "mail_to",
        "note",
        "clerk",
    )

    def get_urls(self) -> list[URLPattern]:
        return [
            path("sell/<id:schedule_id>/", self.own(counter.sell), name="payments_counter"),
            path("take/<reference:reference>/", self.own(counter.take_payment), name="payments_take_payment"),
            path("sale/<token:sale>/", self.own(counter.show_sale), name="payments_counter_sale"),
            path("sale/<token:sale>/print/", self.own(counter.print_sale), name="payments_counter_print"),
            path("sale/<token:sale>/undo/", self.own(counter.undo_sale), name="payments_counter_undo"),
            path("day/", self.own(till_day), name="payments_till"),
            *super().get_urls(),
        ]

    def own(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """A view of ours for who may see the admin; what is above their ceiling leads to where it waits."""

        def guarded(request: HttpRequest, **kept: Any) -> HttpResponse:  # Any: what the address names
            try:
                return view(self, request, **kept)
            except ApprovalRequired as waits:
                return to_approval(request, waits)

        return self.admin_site.admin_view(update_wrapper(guarded, view))

    booked = value_column(_("booked at"), "created_at", day_and_time, ordering="pk")
    money = value_column(_("amount"), "amount", signed_money)
    fan = value_column(_("fan"), "user.email")
    clerk = value_column(_("by"), "actor.email")


def till_day(model_admin: ReadOnlyAdmin, request: HttpRequest) -> HttpResponse:
    """A day's till: of all clerks for who may see it, of one's own for who sells."""
    sees_all = request.user.has_perm(MAY_SEE_ALL)
    if not sees_all:
        counter.require_any(request, counter.MAY_SELL, counter.MAY_GIVE)
    form = DayForm(request.GET if "day" in request.GET else None, initial={"day": timezone.localdate()})
    day: date = form.cleaned_data["day"] if form.is_valid() else timezone.localdate()
    actor = None if sees_all else actor_of(request)
    context = {
        "form": form,
        "day": day,
        "tills": till.till_of(day, actor),
        "entries": till.entries_of(day, actor),
        "most": till.MOST_ENTRIES,
    }
    return model_admin.page(request, "admin/payments/till_day.html", title=_("Till"), **context)
