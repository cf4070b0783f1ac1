"""The till in the admin: what passed the counter, a day of each clerk, and the counter's own pages."""

from __future__ import annotations

from datetime import date
from functools import partial

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSingleDateWidget

from concert_site.lib.admin.base import ReadOnlyAdmin, actor_of
from concert_site.lib.admin.columns import value_column
from concert_site.lib.admin.pages import OwnPages, requires
from concert_site.lib.formats import day_and_time, signed_money
from payments.admin import counter
from payments.domain.approved_counter import MAY_GIVE
from payments.models import TillEntry
from payments.queries import till

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

    def own_pages(self) -> OwnPages:
        return [
            ("sell/<id:schedule_id>/", partial(counter.sell, self), "payments_counter"),
            ("take/<reference:reference>/", partial(counter.take_payment, self), "payments_take_payment"),
            ("sale/<token:sale>/", partial(counter.show_sale, self), "payments_counter_sale"),
            ("sale/<token:sale>/print/", partial(counter.print_sale, self), "payments_counter_print"),
            ("sale/<token:sale>/undo/", partial(counter.undo_sale, self), "payments_counter_undo"),
            ("day/", partial(till_day, self), "payments_till"),
        ]

    booked = value_column(_("booked at"), "created_at", day_and_time, ordering="pk")
    money = value_column(_("amount"), "amount", signed_money)
    fan = value_column(_("fan"), "user.email")
    clerk = value_column(_("by"), "actor.email")


@requires(MAY_SEE_ALL, counter.MAY_SELL, MAY_GIVE)
def till_day(model_admin: ReadOnlyAdmin, request: HttpRequest) -> HttpResponse:
    """A day's till: of all clerks for who may see it, of one's own for who sells."""
    sees_all = request.user.has_perm(MAY_SEE_ALL)
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
