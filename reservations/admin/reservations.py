"""Reservations: looked at, and a hold given back; money is another app's."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from concert_site.accounts.queries import users_matching
from concert_site.lib.admin.base import SearchedAdmin
from concert_site.lib.admin.columns import column, value_column
from concert_site.lib.admin.confirming import Question
from concert_site.lib.admin.pages import OwnPages
from concert_site.lib.errors import NotFound
from concert_site.lib.formats import day_and_time, money, short_day, thousands
from reservations.domain import holds
from reservations.models import Reservation
from reservations.models.reservation import ReservationStatus, state_at


@admin.register(Reservation)
class ReservationAdmin(SearchedAdmin):
    list_display = ("booking_reference", "concert_name", "date", "seat", "fan", "amount", "state", "held_until")
    fields = (*list_display, "extended_at", "created_at", "updated_state_at")
    list_filter = ("status", ("concert_schedule", AutocompleteSelectFilter))
    list_filter_submit = True
    search_help_text = gettext_lazy("Booking reference, or e-mail address")
    actions = ("release_holds",)
    change_form_outer_before_template = "admin/reservations/reservation_steps.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reservation]:
        rows: QuerySet[Reservation] = super().get_queryset(request)
        now = {"state": state_at()}
        return rows.annotate(**now).select_related("concert_seat", "user")

    def matching(self, rows: QuerySet[Reservation], term: str) -> QuerySet[Reservation]:
        """By reference, or by the letters of an address."""
        return rows.filter(Q(booking_reference=term.upper()) | Q(user__in=users_matching(term)))

    def has_release_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("reservations.change_reservation")

    date = value_column(gettext_lazy("date"), "concert_date", short_day)
    seat = value_column(gettext_lazy("seat"), "concert_seat")
    fan = value_column(gettext_lazy("fan"), "user.email")
    # Not to be sorted by: no index has the price, and a million reservations are no list to sort.
    amount = value_column(gettext_lazy("price"), "price", money)

    @column(gettext_lazy("status"), label={"RESERVING": "warning", "RESERVED": "success", "CANCELED": "danger"})
    def state(self, reservation: Reservation) -> tuple[str, str]:
        """The status as it is now: a hold that is over reads canceled."""
        status = ReservationStatus(reservation.state)
        return status.value, str(status.label)

    @column(gettext_lazy("held until"))
    def held_until(self, reservation: Reservation) -> str | None:
        is_held = reservation.state == ReservationStatus.RESERVING and reservation.expired_at
        return day_and_time(is_held) if is_held else None

    # --- Giving a hold back ------------------------------------------------------------------------

    def own_pages(self) -> OwnPages:
        release = require_POST(self.release_hold)
        return [("<int:reservation_id>/release-hold/", release, "reservations_reservation_release_hold")]

    def release_hold(self, request: HttpRequest, reservation_id: int) -> HttpResponse:
        if not self.has_release_permission(request):
            raise PermissionDenied
        self.release(request, list(Reservation.objects.filter(pk=reservation_id)))
        return redirect("admin:reservations_reservation_change", reservation_id)

    @admin.action(description=gettext_lazy("Release holds"), permissions=["release"])
    def release_holds(self, request: HttpRequest, queryset: QuerySet[Reservation]) -> HttpResponse | None:
        chosen = list(queryset)
        if page := self.confirm_many(request, question_about(chosen)):
            return page
        self.release(request, chosen)
        return None

    def release(self, request: HttpRequest, reservations: list[Reservation]) -> None:
        """Give back what is held among these, and say what was not."""
        released = 0
        for reservation in reservations:
            if released_by_domain(reservation.pk):
                released += 1
                self.log_change(request, reservation, _("Released the hold."))
        if released:
            text = ngettext("%d hold released.", "%d holds released.", released) % released
            self.message_user(request, text)
        if others := len(reservations) - released:
            text = ngettext("%d was not held.", "%d were not held.", others) % others
            self.message_user(request, text, messages.WARNING)


def question_about(chosen: list[Reservation]) -> Question:
    found: dict[str, list[bool]] = {}
    for each in chosen:
        is_held = each.state == ReservationStatus.RESERVING
        found.setdefault(f"{each.concert_name}, {short_day(each.concert_date)}", []).append(is_held)
    text = _("%(held)s held, %(others)s not held")
    counts = [
        (date, text % {"held": thousands(sum(held)), "others": thousands(len(held) - sum(held))})
        for date, held in sorted(found.items())
    ]
    warning = _("The seats are for sale again at once, and the fans lose them.")
    return Question(_("Release these holds?"), counts, len(chosen), warning)


def released_by_domain(reservation_id: int) -> bool:
    try:
        return holds.release_hold(reservation_id=reservation_id)
    except NotFound:
        return False
