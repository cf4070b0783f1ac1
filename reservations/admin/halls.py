"""The library of halls: a plan is imported or drawn once, looked at, and used for each date."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from concert_site.lib.admin.base import actor_of
from concert_site.lib.admin.columns import column, value_column
from concert_site.lib.admin.domain_admin import AnyForm, DomainAdmin, submit_to_domain
from concert_site.lib.admin.pages import OwnPages
from concert_site.lib.errors import DomainError
from concert_site.lib.formats import thousands
from concert_site.lib.web.converters import id_in
from reservations.admin.grid_form import HALL_GRID, hall_from_grid, section_sums
from reservations.admin.plan_form import PlanForm
from reservations.admin.schedule_pages import more_rows
from reservations.domain import halls
from reservations.halls.drawing import draw, draw_hall
from reservations.halls.hall import Hall
from reservations.halls.plans import Plan
from reservations.models import HallVersion, VenueHall
from reservations.queries import halls as library
from reservations.queries import staff

PREFIX = "reservations_venuehall"
NO_PRICE = 1


def unpriced(plan: Plan) -> Hall:
    """A plan as the library keeps it: prices belong to dates."""
    return plan.hall(dict.fromkeys(plan.categories, NO_PRICE))


class HallForm(PlanForm, AnyForm):
    """A hall, with the file of its first plan."""

    class Meta:
        model = VenueHall
        fields = ("venue", "name")
        help_texts = {
            "name": gettext_lazy("Great hall, or Great hall with standing area: one name each way of seating.")
        }

    def __init__(self, *args: Any, **options: Any) -> None:  # Any: as Django has it
        super().__init__(*args, **options)
        for name in {"plan", "category"} & self.fields.keys():
            self.fields[name].required = False


class ReplaceForm(PlanForm):
    """The file of the next plan, and the version that was looked at."""

    base_version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


@admin.register(VenueHall)
class HallAdmin(DomainAdmin):
    form = HallForm
    list_display = ("name", "venue_name", "version", "seats", "dates")
    list_filter = ("venue",)
    search_fields = ("name", "venue__name")
    search_help_text = gettext_lazy("Name or venue")
    autocomplete_fields = ("venue",)
    ordering = ("venue__name", "name", "pk")
    show_full_result_count = False
    change_form_outer_before_template = "admin/reservations/hall_summary.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[VenueHall]:
        return library.halls(super().get_queryset(request))

    venue_name = value_column(gettext_lazy("venue"), "venue.name", ordering="venue__name")

    @column(gettext_lazy("version"))
    def version(self, hall: VenueHall) -> str:
        return str(staff.annotation(hall, "version") or "–")

    @column(gettext_lazy("seats"))
    def seats(self, hall: VenueHall) -> str:
        return thousands(staff.annotation(hall, "seats") or 0)

    @column(gettext_lazy("dates"))
    def dates(self, hall: VenueHall) -> int:
        return staff.annotation(hall, "dates") or 0

    # --- The form --------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:  # Any: as Django has it
        """The plan comes with a new hall; later it is replaced on a page of its own."""
        return [(None, {"fields": ("venue", "name") if obj else ("venue", "name", "plan", "category")})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # Any: as Django has it
        return ("venue",) if obj else ()

    def write(self, request: HttpRequest, form: AnyForm, obj: Model | None) -> Model:
        sent = form.cleaned_data
        if obj is not None:
            halls.rename_hall(hall_id=obj.pk, name=sent["name"])
            return obj
        read: Plan | None = getattr(form, "read", None)
        return halls.add_hall(
            venue_id=sent["venue"].pk,
            name=sent["name"],
            hall=unpriced(read) if read else None,
            source=sent["plan"].name if read else "",
            actor_id=actor_of(request),
        )

    def response_add(
        self, request: HttpRequest, obj: Any, *_rest: Any
    ) -> HttpResponseRedirect:  # Any: as Django has it
        self.message_user(request, _("Added the hall “%(name)s”.") % {"name": obj.name}, messages.SUCCESS)
        return redirect(page_of(obj.pk))

    def kept_by(self, obj: Model) -> list[str]:
        dates = staff.annotation(obj, "dates") or 0
        return [ngettext("%d date", "%d dates", dates) % dates] if dates else []

    def remove(self, obj: Model) -> None:
        halls.delete_hall(hall_id=obj.pk)

    def summary(self, request: HttpRequest, hall: Any) -> dict[str, Any]:  # Any: a row, and values of a template
        plan = library.plan_with_seats(hall.pk)
        return {
            "hall": hall,
            "plan": plan,
            "drawing": plan and draw(plan.layout, library.dots_of(plan), hall.name),
            "sections": plan and library.section_sizes((seat["section"], seat["row"]) for seat in plan.seats),
            "versions": library.versions(hall.pk),
            "may_change": self.has_change_permission(request, hall),
        }

    # --- Its plan --------------------------------------------------------------------------------

    def own_pages(self) -> OwnPages:
        return [
            ("<int:hall_id>/import/", self.import_page, f"{PREFIX}_import"),
            ("<int:hall_id>/grid/", self.grid_page, f"{PREFIX}_grid"),
            ("<int:hall_id>/versions/<int:version>/", self.version_page, f"{PREFIX}_version"),
        ]

    def hall_of(self, request: HttpRequest, hall_id: int, *, is_changed: bool) -> VenueHall:
        """The hall of a page.

        :raises PermissionDenied: if this member of staff may not
        :raises Http404: if there is none
        """
        may = self.has_change_permission(request) if is_changed else self.has_view_permission(request)
        if not may:
            raise PermissionDenied
        return get_object_or_404(self.get_queryset(request), pk=hall_id)

    def import_page(self, request: HttpRequest, hall_id: int) -> HttpResponse:
        hall = self.hall_of(request, hall_id, is_changed=True)
        base = staff.annotation(hall, "version") or 0
        form = ReplaceForm(request.POST or None, request.FILES or None, initial={"base_version": base})
        written = submit_to_domain(
            form,
            lambda: halls.replace_plan(
                hall_id=hall.pk,
                hall=unpriced(plan_in(form)),
                base_version=form.cleaned_data["base_version"],
                source=form.cleaned_data["plan"].name,
                actor_id=actor_of(request),
            ),
        )
        if written is None:
            return self.plan_page(request, "admin/reservations/import_hall.html", hall, form=form)
        return self.written(request, hall, written, plan_in(form).notices)

    def grid_page(self, request: HttpRequest, hall_id: int) -> HttpResponse:
        hall = self.hall_of(request, hall_id, is_changed=True)
        base = staff.annotation(hall, "version") or 0
        sections = HALL_GRID(request.POST or None, prefix="sections")
        drawn = None
        if "more" in request.POST:
            sections = HALL_GRID(more_rows(request), prefix="sections")
        elif request.method == "POST":
            drawn = hall_from_grid(sections)
        sent = id_in(request.POST.get("base_version", ""))
        seen = base if sent is None else sent
        if drawn and "save" in request.POST:
            try:
                written = halls.replace_plan(hall_id=hall.pk, hall=drawn, base_version=seen, actor_id=actor_of(request))
            except DomainError as refusal:
                messages.error(request, str(refusal.detail))
            else:
                return self.written(request, hall, written, [])
        context = {
            "sections": sections,
            "hall": drawn,
            "sums": drawn and section_sums(drawn),
            "without_prices": True,
            "drawing": drawn and draw_hall(drawn, hall.name),
            "base_version": seen,
            "submit": _("Save the plan"),
        }
        return self.plan_page(request, "admin/reservations/grid.html", hall, **context)

    def plan_page(self, request: HttpRequest, template: str, of: VenueHall, /, **context: object) -> HttpResponse:
        """A page that makes a plan; it says how many dates keep the one they have."""
        base = staff.annotation(of, "version")
        title = _("Replace the plan") if base else _("Give the hall a plan")
        return self.page(
            request,
            template,
            title=title,
            subtitle=f"{of.venue.name} · {of.name}",
            dates=staff.annotation(of, "dates") or 0,
            back=page_of(of.pk),
            **context,
        )

    def written(
        self, request: HttpRequest, hall: VenueHall, plan: HallVersion, notices: Any
    ) -> HttpResponseRedirect:  # Any: lines of text
        facts = {"version": plan.version, "count": thousands(plan.seat_count)}
        self.note(request, hall, _("Version %(version)d of the plan has %(count)s seats.") % facts)
        for notice in notices:
            messages.warning(request, notice)
        return redirect(page_of(hall.pk))

    def version_page(self, request: HttpRequest, hall_id: int, version: int) -> HttpResponse:
        hall = self.hall_of(request, hall_id, is_changed=False)
        plan = library.plan_with_seats(hall.pk, version)
        if plan is None:
            raise Http404
        return self.page(
            request,
            "admin/reservations/hall_version.html",
            title=_("Version %(version)d") % {"version": version},
            subtitle=f"{hall.venue.name} · {hall.name}",
            plan=plan,
            drawing=draw(plan.layout, library.dots_of(plan), hall.name),
            back=page_of(hall.pk),
        )


def plan_in(form: PlanForm) -> Plan:
    if form.read is None:
        raise ValueError("a form without a file is no valid one")
    return form.read


def page_of(hall_id: int) -> str:
    return reverse(f"admin:{PREFIX}_change", args=[hall_id])
