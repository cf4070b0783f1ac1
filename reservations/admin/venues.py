"""Venues: where concerts are played, and whose clocks count there."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminURLInputWidget

from concert_site.lib.admin.columns import column
from concert_site.lib.admin.domain_admin import AnyForm, DomainAdmin
from reservations.domain import venues
from reservations.models import Venue
from reservations.models.venue import house_zone
from reservations.queries import staff

COLUMNS = tuple(venues.VenueColumns.__annotations__)


class VenueForm(AnyForm):
    """A venue, its zone out of the list of all."""

    map_url = forms.URLField(
        label=_("Link to a map"),
        required=False,
        max_length=500,
        assume_scheme="https",
        widget=UnfoldAdminURLInputWidget,
        help_text=_("Where a map or the way there opens, beginning with https://."),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=lambda: [(name, name) for name in venues.zone_names()],
        # A field of ours doesn't know the model's default: the first of the list would be some zone in Africa.
        initial=house_zone,
        widget=UnfoldAdminSelect2Widget,
        help_text=_("All times of concerts here are said and typed in it, and refunds count its days."),
    )

    class Meta:
        model = Venue
        fields = COLUMNS
        help_texts = {"address": _("As fans look for it: street and number, city.")}


@admin.register(Venue)
class VenueAdmin(DomainAdmin):
    form = VenueForm
    list_display = ("name", "address", "time_zone", "number_of_concerts")
    search_fields = ("name", "address")
    search_help_text = _("Name or address")
    ordering = ("name", "pk")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Venue]:
        rows: QuerySet[Venue] = super().get_queryset(request)
        return rows.annotate(number_of_concerts=Count("concerts"))

    @column(_("concerts"))
    def number_of_concerts(self, venue: Venue) -> int:
        return staff.annotation(venue, "number_of_concerts") or 0

    def write(self, request: HttpRequest, form: AnyForm, obj: Model | None) -> Model:
        if obj is None:
            return venues.add_venue(**{name: form.cleaned_data[name] for name in COLUMNS})
        changed: Any = {name: form.cleaned_data[name] for name in COLUMNS if name in form.changed_data}
        venues.change_venue(venue_id=obj.pk, shown=form.shown, **changed)
        return obj

    def kept_by(self, obj: Model) -> list[str]:
        concerts = staff.annotation(obj, "number_of_concerts") or 0
        return [ngettext("%d concert", "%d concerts", concerts) % concerts] if concerts else []

    def remove(self, obj: Model) -> None:
        venues.delete_venue(venue_id=obj.pk)
