"""Seats: looked at one by one, changed many at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from concert_site.lib.admin import fields
from concert_site.lib.admin.base import SearchedAdmin
from concert_site.lib.admin.columns import ChoiceFilter, column, value_column
from concert_site.lib.admin.confirming import Question
from concert_site.lib.admin.domain_admin import submit_to_domain
from concert_site.lib.formats import money, thousands
from concert_site.lib.lazy_text import StrOrPromise
from concert_site.lib.web.converters import id_in
from reservations.admin.grid_form import ColourField
from reservations.domain import seats
from reservations.halls.hall import LONGEST, Category
from reservations.models import ConcertSchedule, ConcertSeat, SeatStatus
from reservations.models.seat import IS_FREE
from reservations.queries import staff

# The parameter by which the list shows the seats of one date.
OF_SCHEDULE = "concert_schedule__id__exact"
# How many seats an entry of the log names.
NAMED = 5
LONGEST_NUMBER = 9
# Takes `seat_ids`.
Step = Callable[..., seats.ChangedSeats]


class SeatCategoryForm(forms.Form):
    """What the selected seats are to be sold as."""

    category = fields.CharField(label=gettext_lazy("Category"), max_length=LONGEST["category"])
    price = fields.MoneyField(label=gettext_lazy("Price"), min_value=0)
    color = ColourField(label=gettext_lazy("Colour, if the category is new"))


class ScheduleColumnFilter(ChoiceFilter):
    """A filter whose choices are those of the date that is shown: over all dates they would be endless."""

    column: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # Any: as Django has it
        """What this column says in the seats of the date; nothing while all dates are shown."""
        schedule = id_in(request.GET.get(OF_SCHEDULE, ""))
        if schedule is None:
            return []
        found = ConcertSeat.objects.filter(concert_schedule_id=schedule).order_by(self.column)
        return [(each, each or "–") for each in found.values_list(self.column, flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ConcertSeat]) -> QuerySet[ConcertSeat]:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class SectionFilter(ScheduleColumnFilter):
    title = gettext_lazy("section")
    parameter_name = column = "section"


class CategoryFilter(ScheduleColumnFilter):
    title = gettext_lazy("category")
    parameter_name = column = "category"


def seat_action(
    name: StrOrPromise, title: StrOrPromise, said: StrOrPromise, step: Step
) -> Callable[..., HttpResponse | None]:
    """An action on the selected seats: it says how many of which date in which state, and does it once confirmed."""

    @admin.action(description=name, permissions=["change_seats"])
    def action(self: SeatAdmin, request: HttpRequest, queryset: QuerySet[ConcertSeat]) -> HttpResponse | None:
        if page := self.confirm_many(request, question_about(queryset, title)):
            return page
        self.change(request, queryset, str(said), step)
        return None

    return action


@admin.register(ConcertSeat)
class SeatAdmin(SearchedAdmin):
    list_display = ("seat_name", "date", "category", "price", "state", "holder", "is_accessible")
    list_filter = (
        ("concert_schedule", AutocompleteSelectFilter),
        SectionFilter,
        CategoryFilter,
        "status",
        "accessible",
    )
    list_filter_submit = True
    fields = (
        *("seat_name", "date", "category", "price", "state", "holder", "expired_at", "reserved_at"),
        *("is_accessible", "seat_guid"),
    )
    search_help_text = gettext_lazy("Section, row, number: Balcony A 12")
    ordering = ("pk",)
    list_per_page = 100
    # Whole sections are taken off sale at once; the seats of a date are counted by an index.
    paginator = admin.ModelAdmin.paginator
    list_disable_select_all = False
    actions = ("take_off_sale", "put_on_sale", "change_category", "mark_accessible", "mark_not_accessible")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConcertSeat]:
        rows: QuerySet[ConcertSeat] = super().get_queryset(request)
        related = rows.select_related("concert_schedule__concert", "user")
        return related.defer("concert_schedule__layout", "concert_schedule__draw_seed").annotate(is_free=IS_FREE)

    def get_list_display(self, request: HttpRequest) -> Any:  # Any: names and functions, as Django has it
        """The columns; one date need not be named in each row."""
        return [name for name in self.list_display if name != "date" or OF_SCHEDULE not in request.GET]

    def get_sortable_by(self, request: HttpRequest) -> Any:  # Any: as Django has it
        """Seats of one date by any column; those of all dates are too many to sort."""
        return self.get_list_display(request) if OF_SCHEDULE in request.GET else ("seat_name",)

    def matching(self, rows: QuerySet[ConcertSeat], term: str) -> QuerySet[ConcertSeat]:
        """Each word is a part of the section, or the row, or the number."""
        for word in term.split():
            fits = Q(section__icontains=word) | Q(row__iexact=word) | Q(seat_label__iexact=word)
            if word.isdecimal() and len(word) <= LONGEST_NUMBER:
                fits |= Q(seat_number=int(word))
            rows = rows.filter(fits)
        return rows

    def has_change_seats_permission(self, request: HttpRequest) -> bool:
        """Who may change many seats; a single one is nobody's to write into."""
        return request.user.has_perm("reservations.change_concertseat")

    @column(gettext_lazy("seat"), ordering="pk")
    def seat_name(self, seat: ConcertSeat) -> str:
        return str(seat)

    date = value_column(gettext_lazy("date"), "concert_schedule")
    price = value_column(gettext_lazy("price"), "seat_price", money, ordering="seat_price")

    @column(
        gettext_lazy("status"),
        ordering="status",
        label={"AVAILABLE": "success", "TEMPORARY": "warning", "RESERVED": "info"},
    )
    def state(self, seat: ConcertSeat) -> tuple[str, str]:
        """The status; a hold that is over reads as it counts, available."""
        status = SeatStatus.AVAILABLE if staff.annotation(seat, "is_free") else SeatStatus(seat.status)
        return status.value, str(status.label)

    holder = value_column(gettext_lazy("holder"), "user.email")

    @column(gettext_lazy("accessible"), is_boolean=True, ordering="accessible")
    def is_accessible(self, seat: ConcertSeat) -> bool:
        return seat.accessible

    # --- What is done to many seats ----------------------------------------------------------------

    take_off_sale = seat_action(
        gettext_lazy("Take off sale"),
        gettext_lazy("Take these seats off sale?"),
        gettext_lazy("Taken off sale"),
        seats.take_off_sale,
    )
    put_on_sale = seat_action(
        gettext_lazy("Put back on sale"),
        gettext_lazy("Put these seats back on sale?"),
        gettext_lazy("Put back on sale"),
        seats.put_on_sale,
    )
    mark_accessible = seat_action(
        gettext_lazy("Mark as accessible"),
        gettext_lazy("Mark these seats as accessible?"),
        gettext_lazy("Marked as accessible"),
        partial(seats.mark, accessible=True),
    )
    mark_not_accessible = seat_action(
        gettext_lazy("Mark as not accessible"),
        gettext_lazy("Mark these seats as not accessible?"),
        gettext_lazy("Marked as not accessible"),
        partial(seats.mark, accessible=False),
    )

    @admin.action(description=gettext_lazy("Change category and price…"), permissions=["change_seats"])
    def change_category(self, request: HttpRequest, queryset: QuerySet[ConcertSeat]) -> HttpResponse | None:
        """Ask for category and price, then give them to the selected seats of one date.

        The page in between sends the same action with the same selection to the same address.
        """
        schedule_ids = list(queryset.order_by().values_list("concert_schedule_id", flat=True).distinct()[:2])
        if len(schedule_ids) != 1:
            messages.error(request, _("Choose seats of one date."))
            return None
        form = SeatCategoryForm(request.POST if "seat_category" in request.POST else None)
        if form.is_valid():
            sent = form.cleaned_data
            category = Category(sent["category"], sent["color"], sent["price"])
            step = partial(seats.change_category, schedule_id=schedule_ids[0], category=category)
            said = _("Priced %(category)s, %(price)s") % {"category": category.name, "price": money(category.price)}
            if submit_to_domain(form, lambda: self.change(request, queryset, said, step)):
                return None
        return self.page(
            request,
            "admin/reservations/seat_category.html",
            title=_("Change category and price"),
            form=form,
            number=queryset.count(),
            sent=[
                (name, value)
                for name in ("action", "select_across", admin.helpers.ACTION_CHECKBOX_NAME)
                for value in request.POST.getlist(name)
            ],
        )

    def change(self, request: HttpRequest, queryset: QuerySet[ConcertSeat], said: str, step: Step) -> bool:
        """Do it to all that were selected, say what came of it, and write it into the log of their dates."""
        chosen = list(queryset.order_by("pk").values_list("pk", "concert_schedule_id", "section", "row", "seat_label"))
        done = step(seat_ids=[seat[0] for seat in chosen])
        if done.changed:
            self.message_user(request, _("%(said)s: %(count)s.") % {"said": said, "count": thousands(done.changed)})
            self.log_on_dates(request, said, chosen)
        if done.skipped:
            text = _("%(count)s skipped: held, sold, or so already.") % {"count": thousands(done.skipped)}
            self.message_user(request, text, messages.WARNING)
        return True

    def log_on_dates(self, request: HttpRequest, said: str, chosen: Sequence[tuple[Any, ...]]) -> None:
        """An entry a date that names some of the seats; one a seat would bury the log."""
        by_date: dict[int, list[str]] = {}
        for _pk, schedule_id, *place in chosen:
            by_date.setdefault(schedule_id, []).append(" ".join(place))
        dates = ConcertSchedule.objects.select_related("concert").defer("layout", "draw_seed").filter(pk__in=by_date)
        for schedule in dates:
            names = by_date[schedule.pk]
            more = _(" and %d more") % (len(names) - NAMED) if len(names) > NAMED else ""
            self.log_change(request, schedule, f"{said}: {', '.join(names[:NAMED])}{more}")


def question_about(queryset: QuerySet[ConcertSeat], title: StrOrPromise) -> Question:
    by_date = counts_by_date(queryset)
    dates = ConcertSchedule.objects.select_related("concert__venue").defer("layout", "draw_seed").in_bulk(by_date)
    lines = [(staff.date_name(dates[pk]), counts_in_words(counts)) for pk, counts in by_date.items()]
    total = sum(sum(counts.values()) for counts in by_date.values())
    is_wide = len(by_date) > 1
    number = ngettext("%(count)s seat", "%(count)s seats", total) % {"count": thousands(total)}
    text = _("%(seats)s of %(dates)s dates. To change one date alone, filter the list by it first.")
    warning = text % {"seats": number, "dates": thousands(len(by_date))} if is_wide else ""
    return Question(title, [*lines, (_("Together"), number)], total, warning, is_wide)


def counts_by_date(queryset: QuerySet[ConcertSeat]) -> dict[int, dict[str, int]]:
    """The number of seats by date and by status; of a hold that is over the seat counts as available."""
    status = Case(When(IS_FREE, then=Value(SeatStatus.AVAILABLE)), default=F("status"))
    rows = queryset.order_by("concert_schedule_id").values_list("concert_schedule_id").annotate(now=status)
    found: dict[int, dict[str, int]] = {}
    for schedule_id, now, count in rows.annotate(count=Count("pk")).values_list("concert_schedule_id", "now", "count"):
        found.setdefault(schedule_id, {})[now] = count
    return found


def counts_in_words(counts: dict[str, int]) -> str:
    labels = dict(SeatStatus.choices)
    return ", ".join(f"{labels[status]} {thousands(counts[status])}" for status in labels if counts.get(status))
