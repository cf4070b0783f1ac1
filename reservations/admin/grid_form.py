"""The form of a hall out of a few numbers: a row a section."""

from collections import Counter
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminColorInputWidget

from concert_site.lib.admin import fields
from concert_site.lib.errors import Invalid
from concert_site.lib.lazy_text import StrOrPromise
from reservations.halls import grids
from reservations.halls.hall import LONGEST, Category, Hall

NUMBERINGS = [
    (grids.Numbering.FROM_LEFT, _("1, 2, 3 from the left")),
    (grids.Numbering.FROM_RIGHT, _("1, 2, 3 from the right")),
    (grids.Numbering.ODD, _("1, 3, 5 from the left")),
    (grids.Numbering.ODD_FROM_RIGHT, _("1, 3, 5 from the right")),
    (grids.Numbering.EVEN, _("2, 4, 6 from the left")),
    (grids.Numbering.EVEN_FROM_RIGHT, _("2, 4, 6 from the right")),
]


class ColourField(forms.RegexField):
    """A colour of a category."""

    def __init__(self, *, label: StrOrPromise) -> None:
        super().__init__(
            r"^#[0-9a-fA-F]{6}$",
            label=label,
            initial="#2563eb",
            error_messages={"invalid": _("Write a colour as # and six digits.")},
            widget=UnfoldAdminColorInputWidget(attrs={"type": "color"}),
        )


class SectionForm(forms.Form):
    """One section; a row without a name, rows and seats counts as left out."""

    name = fields.CharField(label=_("Section"), max_length=LONGEST["section"])
    rows = fields.IntegerField(label=_("Rows"), min_value=1, max_value=grids.MOST_ROWS)
    seats_per_row = fields.IntegerField(label=_("Seats per row"), min_value=1, max_value=grids.MOST_SEATS_A_ROW)
    first_row_name = fields.CharField(
        label=_("First row"), initial="A", max_length=grids.LONGEST_ROW_NUMBER, help_text=_("A or 1")
    )
    numbering = fields.ChoiceField(label=_("Numbers"), choices=NUMBERINGS, initial=grids.Numbering.FROM_LEFT)
    category = fields.CharField(label=_("Category"), initial="R", max_length=LONGEST["category"])
    price = fields.MoneyField(label=_("Price"), min_value=0)
    color = ColourField(label=_("Colour"))

    def section(self) -> grids.GridSection:
        sent = self.cleaned_data
        return grids.GridSection(
            name=sent["name"],
            rows=sent["rows"],
            seats_per_row=sent["seats_per_row"],
            first_row_name=sent["first_row_name"],
            numbering=grids.Numbering(sent["numbering"]),
            category=Category(sent["category"], sent["color"], sent.get("price", 1)),
        )


# What Django's formset would take is bounded, so that no browser can ask for a million forms.
class HallSectionForm(SectionForm):
    """The same of a hall in the library: prices belong to dates."""

    price = None  # type: ignore[assignment]  # Django's way to leave out a field of the class above


def grid_of(form: type[SectionForm]) -> Any:  # Any: the class that Django makes
    most = grids.MOST_SECTIONS
    return forms.formset_factory(form, extra=3, max_num=most, absolute_max=most, validate_max=True)


GRID = grid_of(SectionForm)
HALL_GRID = grid_of(HallSectionForm)


def hall_from_grid(sections: Any) -> Hall | None:  # Any: GRID's class
    """The hall of valid sections; None, and the errors beside them, if there is none."""
    if not sections.is_valid():
        return None
    filled = [form for form in sections.forms if form.has_changed()]
    try:
        return grids.grid_hall([form.section() for form in filled])
    except Invalid as refusal:
        for index in refusal.items or []:
            filled[index].add_error(None, str(refusal.detail))
        if not refusal.items:
            sections.non_form_errors().append(str(refusal.detail))
        return None


def section_sums(hall: Hall) -> list[tuple[str, str, int, int]]:
    sizes = Counter((seat.section, seat.category) for seat in hall.seats)
    return [(section, category.name, category.price, count) for (section, category), count in sizes.items()]
