"""The list of payments. Refunds have pages of their own (payments.admin.refunds)."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.queries import users_matching
from concert_site.lib.admin.base import SearchedAdmin
from concert_site.lib.admin.columns import value_column
from concert_site.lib.admin.pages import OwnPages
from concert_site.lib.formats import day_and_time, money, short_day
from payments.admin import date_cancellation, refunds, schedule_refunds
from payments.domain.approved_refunds import MAY_REFUND
from payments.models import Payment, PaymentState
from reservations.models import ConcertSchedule, Reservation
from reservations.queries.bookings import of_schedule

# A house that looks for an older one finds it by the fan or the reference.
LATEST_SCHEDULES = 50
# More than the largest hall sells, and takes back, and sells again.
MOST_OF_A_SCHEDULE = 1_000_000


class ScheduleFilter(admin.SimpleListFilter):
    """By schedule: the latest of them, by name and date."""

    title = _("schedule")
    parameter_name = "schedule"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # Any: Django's signature
        """The schedules to choose from, the latest date first: one query."""
        found = ConcertSchedule.objects.order_by("-concert_at").values_list("pk", "concert__name", "concert_date")
        return [(str(pk), f"{name}, {short_day(on)}") for pk, name, on in found[:LATEST_SCHEDULES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Payment]) -> QuerySet[Payment]:
        """The payments of the one that was chosen; of one that isn't among them, none."""
        if self.value() is None:
            return queryset
        if self.value() not in {pk for pk, _name in self.lookup_choices}:
            return queryset.none()
        # Cut off, though nothing is: PostgreSQL then finds these first, and doesn't walk through all payments.
        booked = of_schedule(int(str(self.value()))).values("pk")[:MOST_OF_A_SCHEDULE]
        return queryset.filter(reservation__in=booked)


@admin.register(Payment)
class PaymentAdmin(SearchedAdmin):
    """What was paid for which seat, and what came back."""

    list_display = ("paid", "fan", "concert", "seat", "reference", "amount", "state", "kept", "changed", "refunding")
    list_select_related = ("user", "reservation__concert_seat")
    list_filter = ("state", ScheduleFilter, ("created_at", admin.DateFieldListFilter))
    search_help_text = _("by e-mail address or booking reference")
    actions = ("refund_selected",)
    fields = (
        "paid",
        "fan",
        "concert",
        "seat",
        "reference",
        "amount",
        "state",
        "kept",
        "changed",
        "confirmed_mail_at",
        "canceled_mail_at",
        "refunding",
    )

    def matching(self, rows: QuerySet[Payment], term: str) -> QuerySet[Payment]:
        """By address or reference."""
        booked = list(Reservation.objects.filter(booking_reference=term.upper()).values_list("pk", flat=True))
        return rows.filter(Q(user__in=users_matching(term)) | Q(reservation__in=booked))

    def own_pages(self) -> OwnPages:
        refund_schedule = partial(schedule_refunds.refund_schedule, self)
        retry = partial(date_cancellation.retry, self)
        return [
            ("refund/<int:reservation_id>/", partial(refunds.refund_one, self), "payments_refund_reservation"),
            ("refund-schedule/<int:schedule_id>/", refund_schedule, "payments_refund_schedule"),
            ("cancel-date/<int:schedule_id>/", partial(date_cancellation.cancel_date, self), "payments_cancel_date"),
            ("date-refunds/<int:schedule_id>/", partial(date_cancellation.progress, self), "payments_date_refunds"),
            ("date-refunds/<int:schedule_id>/retry/", retry, "payments_retry_date_refunds"),
            ("refund-selected/", partial(refunds.refund_selected, self), "payments_refund_selected"),
        ]

    def has_refund_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY_REFUND)

    @admin.action(description=_("Refund the selected"), permissions=["refund"])
    def refund_selected(self, request: HttpRequest, queryset: QuerySet[Payment]) -> HttpResponse:
        """Go to the page that asks for fee and reason."""
        ids = queryset.order_by("pk").values_list("pk", flat=True)[: refunds.MOST_SELECTED + 1]
        return redirect(f"{reverse('admin:payments_refund_selected')}?ids={','.join(map(str, ids))}")

    paid = value_column(_("paid at"), "created_at", day_and_time, ordering="pk")
    fan = value_column(_("fan"), "user.email")

    @admin.display(description=_("concert"))
    def concert(self, payment: Payment) -> str:
        """Which evening, as it was called when it was booked."""
        return f"{payment.reservation.concert_name}, {short_day(payment.reservation.concert_date)}"

    seat = value_column(_("seat"), "reservation.concert_seat")
    reference = value_column(_("reference"), "reservation.booking_reference")
    # Not to be sorted by: no index has the price, and a million payments are no list to sort.
    amount = value_column(_("amount"), "price", money)
    kept = value_column(_("refund fee"), "refund_fee", money)
    changed = value_column(_("state changed"), "updated_state_at", day_and_time)

    @admin.display(description=_("refund"))
    def refunding(self, payment: Payment) -> str:
        """The way to the refund, while there is something to refund."""
        if payment.state != PaymentState.COMPLETED:
            return ""
        page = reverse("admin:payments_refund_reservation", args=[payment.reservation_id])
        return format_html('<a class="text-link" href="{}">{}</a>', page, _("Refund"))
