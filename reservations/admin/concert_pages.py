"""What is shown above the form of a concert: its dates, and the next step on its way to being sold."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from concert_site.lib.admin.base import StaffAdmin
from concert_site.lib.admin.pages import OwnPages
from concert_site.lib.web.converters import id_in
from reservations.admin import cells
from reservations.admin.price_table import price_table_page
from reservations.admin.series import add_dates_page
from reservations.domain import concerts
from reservations.models import Concert, ConcertSchedule
from reservations.models.concert import IS_AVAILABLE
from reservations.queries import staff

DATES = "admin:reservations_concertschedule"
# The seats of each are counted; the list of dates has the others.
MOST_DATES = 12


class ConcertPages(StaffAdmin):
    """The summary of a concert and its one step, for the admin of concerts."""

    change_form_outer_before_template = "admin/reservations/concert_summary.html"

    def own_pages(self) -> OwnPages:
        return [
            ("<int:concert_id>/publish/", require_POST(self.publish_one), "reservations_concert_publish"),
            ("<int:concert_id>/add-dates/", partial(add_dates_page, self), "reservations_concert_add_dates"),
            ("<int:concert_id>/prices/", partial(price_table_page, self), "reservations_concert_prices"),
        ]

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:  # Any: Django's signature
        """On to the page of the new concert, where its dates are made."""
        return redirect("admin:reservations_concert_change", obj.pk)

    def summary(self, request: HttpRequest, concert: Concert) -> dict[str, object]:
        rows = ConcertSchedule.objects.filter(concert=concert.pk).order_by("-concert_at", "-pk")
        dates = list(staff.schedules(rows)[: MOST_DATES + 1])
        is_public = Concert.objects.filter(IS_AVAILABLE, pk=concert.pk).exists()
        return {
            "concert": concert,
            "dates": [
                (each, staff.schedule_state(each), cells.seats(staff.seat_counts(each))) for each in dates[:MOST_DATES]
            ],
            "has_more": len(dates) > MOST_DATES,
            "is_public": is_public,
            "lacks_seats": any(not staff.seat_counts(each).total for each in dates),
            "add_url": reverse(f"{DATES}_add", query={"concert": concert.pk}),
            "all_url": reverse(f"{DATES}_changelist", query={"concert__id__exact": concert.pk}),
            "may_publish": not is_public and self.has_change_permission(request),
            "may_price": bool(dates) and request.user.has_perm("reservations.change_concertseat"),
            "may_add": request.user.has_perm("reservations.add_concertschedule"),
            "may_look": request.user.has_perm("reservations.view_concertschedule")
            or request.user.has_perm("reservations.change_concertschedule"),
        }

    def publish_one(self, request: HttpRequest, concert_id: int) -> HttpResponse:
        """Show a concert to the public: from its page, or from that of one of its dates, and back there."""
        concert = Concert.objects.filter(pk=concert_id).first()
        if not self.has_change_permission(request, concert):
            raise PermissionDenied
        if concert is None:
            raise Http404
        if concerts.publish(concert_ids=[concert_id]):
            self.log_change(request, concert, _("Published."))
        messages.success(request, _("“%(concert)s” is published.") % {"concert": concert})
        date = ConcertSchedule.objects.filter(concert=concert_id, pk=id_in(request.POST.get("date", "")) or 0).first()
        if date is not None:
            return redirect(f"{DATES}_change", date.pk)
        return redirect("admin:reservations_concert_change", concert_id)
