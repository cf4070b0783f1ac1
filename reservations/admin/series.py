"""Add dates: a series with one opening rule, looked at before it is made, each date with its seats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from concert_site.lib.admin.base import StaffAdmin
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.admin.pages import ROUND_SECONDS, requires
from concert_site.lib.formats import money
from concert_site.lib.web.converters import id_in
from concert_site.lib.zones import zone_of
from reservations.admin.schedule_view import ADDING_SEATS, may
from reservations.admin.series_form import HallPricesForm, SeriesForm
from reservations.admin.venue_clocks import clocks_text, on_clocks
from reservations.domain import series
from reservations.domain.series import PlannedDate, SeatsOfSeries
from reservations.models import Concert
from reservations.queries import halls as library

if TYPE_CHECKING:
    from django.http import QueryDict

MADE_BEFORE = "made_before"


@requires("reservations.add_concertschedule")
def add_dates_page(admin: StaffAdmin, request: HttpRequest, concert_id: int) -> HttpResponse:
    """Fill in the rule, look at the dates, price the hall, make them; each POST with `make` is a round."""
    concert = get_object_or_404(Concert.objects.select_related("venue"), pk=concert_id)
    plans = library.choosable(concert) if may(request, ADDING_SEATS) else []
    form = SeriesForm(plans, request.POST or None)
    plan = form.plan_chosen()
    # A concert without a venue is played where the hall is.
    zone = concert.time_zone or (plan.hall.venue.time_zone if plan else None)
    return on_clocks(zone_of(zone), lambda: series_page(admin, request, concert, form, zone))


def series_page(
    admin: StaffAdmin, request: HttpRequest, concert: Concert, form: SeriesForm, zone: str | None
) -> HttpResponse:
    """The page on the clocks of the venue."""
    dates = planned(form, concert, zone)
    prices = prices_form(form, concert, request.POST)
    if dates is not None and "make" in request.POST:
        if form.cleaned_data["seen"] != form.digest():
            messages.warning(request, _("Look at these dates first: something was changed since they were shown."))
        elif prices is None or prices.is_valid():
            answer = make(admin, request, concert, form, prices)
            if answer is not None:
                return answer
    return admin.page(
        request,
        "admin/reservations/add_dates.html",
        title=_("Add dates"),
        subtitle=concert.name,
        concert=concert,
        form=form,
        clocks=clocks_text(),
        dates=dates,
        to_make=sum(not each.fault for each in dates or ()),
        prices=prices,
        plan=form.plan_chosen(),
        seen=form.digest() if dates is not None else "",
        may_add_halls=request.user.has_perm("reservations.add_venuehall"),
        back=page_of(concert.pk),
    )


def planned(form: SeriesForm, concert: Concert, zone: str | None) -> Sequence[PlannedDate] | None:
    """The dates of a valid form; None, and the error at its field, if there are none."""
    return submit_to_domain(form, lambda: series.planned(form.series(), concert_id=concert.pk, zone=zone))


def prices_form(form: SeriesForm, concert: Concert, sent: QueryDict) -> HallPricesForm | None:
    """The prices of the hall that was chosen, with those of before until others were typed; None without a hall."""
    plan = form.plan_chosen()
    if plan is None:
        return None
    # Those of another hall, which was chosen before, are no prices of this one.
    is_sent = sent.get("priced") == str(plan.pk)
    return HallPricesForm(plan, sent if is_sent else None, known=library.last_prices(concert.pk, plan))


def make(
    admin: StaffAdmin, request: HttpRequest, concert: Concert, form: SeriesForm, prices: HallPricesForm | None
) -> HttpResponse | None:
    """A round; None, and an error of the form, if the domain refuses."""
    seats = SeatsOfSeries(prices.plan, prices.prices()) if prices else None
    done = submit_to_domain(
        form,
        lambda: series.make_round(
            form.series(), concert_id=concert.pk, seats=seats, limits=form.limits(), seconds=ROUND_SECONDS
        ),
    )
    if done is None:
        return None
    for date in done.made:
        admin.log_addition(request, date, _("Made in a series."))
    made = (id_in(request.POST.get(MADE_BEFORE, "")) or 0) + len(done.made)
    if done.left:
        return progress_page(admin, request, concert, made, done.left)
    report(admin, request, concert, made, seats)
    return redirect(page_of(concert.pk))


def progress_page(admin: StaffAdmin, request: HttpRequest, concert: Concert, made: int, left: int) -> HttpResponse:
    """A round is over and the next one follows, by the script or by the button: the same form once more."""
    kept = [(name, each) for name in request.POST for each in request.POST.getlist(name)]
    sent = [(name, each) for name, each in kept if name not in {MADE_BEFORE, "csrfmiddlewaretoken"}]
    return admin.page(
        request,
        "admin/reservations/dates_progress.html",
        title=_("Adding dates"),
        subtitle=concert.name,
        made=made,
        left=left,
        sent=[*sent, (MADE_BEFORE, made)],
        back=page_of(concert.pk),
    )


def report(admin: StaffAdmin, request: HttpRequest, concert: Concert, made: int, seats: SeatsOfSeries | None) -> None:
    if not made:
        messages.info(request, _("All of these dates are there already. Nothing was made twice."))
        return
    said = ngettext("Added %(count)d date", "Added %(count)d dates", made) % {"count": made}
    if seats is not None:
        priced = ", ".join(f"{name} {money(price)}" for name, price in seats.prices.items())
        said = _("%(added)s in %(hall)s: %(prices)s") % {"added": said, "hall": seats.plan.hall.name, "prices": priced}
    admin.log_change(request, concert, said)
    messages.success(request, f"{said}.")


def page_of(concert_id: int) -> str:
    return reverse("admin:reservations_concert_change", args=[concert_id])
