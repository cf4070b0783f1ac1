"""Concerts: what the programme says about them, and whether the public sees it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminImageFieldWidget

from concert_site.lib.admin import fields
from concert_site.lib.admin.columns import column
from concert_site.lib.admin.confirming import Question
from concert_site.lib.admin.domain_admin import AnyForm, DomainAdmin
from concert_site.lib.errors import DomainError
from concert_site.lib.formats import day_and_time
from concert_site.lib.lazy_text import StrOrPromise
from reservations.admin import cells
from reservations.admin.concert_pages import ConcertPages
from reservations.domain import concerts, posters
from reservations.models import Concert, ConcertSchedule, ConcertStatus
from reservations.models.concert import LONGEST_MINUTES, OLDEST_AGE
from reservations.queries import staff

FACTS = ("venue", "genre", "running_minutes", "age_rating", "cast", "notices")
SOLD_BY = ("organiser", "contact", "seller")
COLUMNS = ("name", "host", "description", "status", *FACTS, *SOLD_BY)


class ConcertForm(AnyForm):
    """A concert as the programme has it; an uploaded picture becomes a poster before anything is written."""

    made: posters.Poster | None = None
    running_minutes = fields.IntegerField(
        label=_("Running time in minutes"),
        required=False,
        min_value=1,
        max_value=LONGEST_MINUTES,
        help_text=_("Intervals included."),
    )
    age_rating = fields.IntegerField(
        label=_("Age rating"),
        required=False,
        min_value=0,
        max_value=OLDEST_AGE,
        help_text=_("From which age on somebody may come, in years; 0 is everybody. Empty says nothing about it."),
    )

    class Meta:
        model = Concert
        fields = (*COLUMNS, "poster")
        widgets = {"poster": UnfoldAdminImageFieldWidget(attrs={"accept": "image/*"})}
        help_texts = {
            "status": _("The public sees an available concert, and fans can buy. Begin with unavailable."),
            "venue": _("Its time zone is the one that all times of this concert are said in."),
            "cast": _("A name or an ensemble a line."),
            "notices": _("What to know before buying and coming, a paragraph a line."),
            "contact": _("A telephone number or an address that answers questions about the concert."),
            "seller": _("Only if somebody else than the house sells: company, head, address, numbers, a fact a line."),
            "poster": _("PNG, JPEG or WebP; upright pictures of 3:4 look best."),
        }

    def clean_poster(self) -> Any:  # Any: a file, the name of the present one, or False to take it down
        """What was uploaded; `made` is the poster made of it.

        :raises ValidationError: if it is no picture that we can use
        """
        upload = self.cleaned_data["poster"]
        if isinstance(upload, UploadedFile):
            try:
                self.made = posters.clean_poster(upload)
            except DomainError as refusal:
                raise ValidationError(str(refusal.detail)) from refusal
        return upload


@admin.register(Concert)
class ConcertAdmin(ConcertPages, DomainAdmin):
    form = ConcertForm
    list_display = ("title", "public", "next_date", "number_of_dates", "seats")
    list_filter = ("status", "genre")
    search_fields = ("name", "host", "venue__name")
    search_help_text = _("Name, host or venue")
    ordering = ("-pk",)
    list_per_page = 25
    show_full_result_count = False
    actions = ("publish", "unpublish")
    autocomplete_fields = ("venue",)
    fieldsets = (
        (None, {"fields": ("name", "host", "description", "status", "poster")}),
        (_("What fans ask"), {"fields": FACTS}),
        (_("Who stands for it"), {"fields": SOLD_BY}),
    )

    class Media:
        css = {"all": ("css/staff.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Concert]:
        """Concerts with the counts of their dates; pages of one concert do without."""
        rows: QuerySet[Concert] = super().get_queryset(request).select_related("venue")
        return staff.concerts(rows) if self.is_list(request) else rows

    @column(_("concert"), ordering="name", is_heading=True)
    def title(self, concert: Concert) -> list[Any]:  # Any: unfold's parts of a heading
        picture = {"path": concert.poster_small_url, "squared": True, "width": 36, "height": 48}
        return [concert.name, concert.host, None, picture]

    @column(_("status"), ordering="status", label={"AVAILABLE": "success", "UNAVAILABLE": "warning"})
    def public(self, concert: Concert) -> tuple[str, str]:
        return concert.status, concert.get_status_display()

    @column(_("next date"), ordering="next_at")
    def next_date(self, concert: Concert) -> str | None:
        next_at = staff.annotation(concert, "next_at")
        return next_at and day_and_time(next_at, concert.time_zone)

    @column(_("dates"), ordering="dates")
    def number_of_dates(self, concert: Concert) -> int:
        """On how many dates it is played, past ones too."""
        return staff.annotation(concert, "dates") or 0

    @column(_("seats of coming dates"))
    def seats(self, concert: Concert) -> str:
        """What has become of the seats that are still to be sold."""
        return cells.seats(staff.seat_counts(concert)) if staff.annotation(concert, "next_at") else "–"

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:  # Any: as Django has it
        """A new concert is shown once staff say so."""
        return {"status": ConcertStatus.UNAVAILABLE} | super().get_changeform_initial_data(request)

    def write(self, request: HttpRequest, form: AnyForm, obj: Model | None) -> Model:
        if obj is None:
            obj = concerts.add_concert(**{name: form.cleaned_data[name] for name in COLUMNS})
        else:
            changed = {name: form.cleaned_data[name] for name in COLUMNS if name in form.changed_data}
            concerts.change_concert(concert_id=obj.pk, shown=form.shown, **changed)
        made: posters.Poster | None = getattr(form, "made", None)
        if made:
            posters.set_poster(concert_id=obj.pk, poster=made, shown=form.shown)
        elif form.cleaned_data["poster"] is False:
            posters.remove_poster(concert_id=obj.pk, shown=form.shown)
        return obj

    def kept_by(self, obj: Model) -> list[str]:
        dates = ConcertSchedule.objects.filter(concert=obj.pk).count()
        return [ngettext("%d date", "%d dates", dates) % dates] if dates else []

    def remove(self, obj: Model) -> None:
        concerts.delete_concert(concert_id=obj.pk)

    @admin.action(description=_("Publish"), permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Concert]) -> HttpResponse | None:
        hidden = list(queryset.filter(status=ConcertStatus.UNAVAILABLE))
        if page := self.confirm_many(request, question_about(hidden, _("Publish these concerts?"))):
            return page
        moved = concerts.publish(concert_ids=[concert.pk for concert in hidden])
        for concert in hidden:
            self.log_change(request, concert, _("Published."))
        self.message_user(request, ngettext("%d concert published.", "%d concerts published.", moved) % moved)
        return None

    @admin.action(description=_("Unpublish"), permissions=["change"])
    def unpublish(self, request: HttpRequest, queryset: QuerySet[Concert]) -> HttpResponse | None:
        public = list(queryset.filter(status=ConcertStatus.AVAILABLE))
        if page := self.confirm_many(request, question_about(public, _("Unpublish these concerts?"))):
            return page
        moved = concerts.unpublish(concert_ids=[concert.pk for concert in public])
        for concert in public:
            self.log_change(request, concert, _("Unpublished."))
        text = ngettext(
            "%d concert unpublished: nobody can buy, waiting lines end, holds can still be paid.",
            "%d concerts unpublished: nobody can buy, waiting lines end, holds can still be paid.",
            moved,
        )
        self.message_user(request, text % moved, messages.WARNING)
        return None


def question_about(rows: list[Concert], title: StrOrPromise) -> Question:
    counted = staff.concerts(Concert.objects.filter(pk__in=[concert.pk for concert in rows]).order_by("pk"))
    counts = [(str(concert), cells.seats(staff.seat_counts(concert))) for concert in counted]
    return Question(title, counts, len(rows))
