"""The form that takes a seating plan, for one date and for the library of halls."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget

from concert_site.lib.admin import fields
from reservations.halls.hall import LONGEST
from reservations.halls.plans import MOST_BYTES, Plan, PlanRefused, read_plan, too_large

# How many problems are read at once; whoever mends a file unfolds the rest.
SHOWN = 20


class PlanForm(forms.Form):
    """A file with a seating plan; `read` is the plan of a valid one."""

    read: Plan | None = None
    content = b""
    # Everything that is wrong with the plan in the file.
    found: Sequence[str] = ()
    plan = forms.FileField(
        label=_("Seating plan"),
        help_text=_("A JSON file in the format of pretix, which editors of seating plans save; also packed by ZIP."),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".json,.zip,.gz,application/json"}),
    )
    category = fields.CharField(
        label=_("Category of seats without one"),
        required=False,
        max_length=LONGEST["category"],
        help_text=_("Only if the plan leaves seats without a category."),
    )

    def clean(self) -> dict[str, Any] | None:  # Any: Django's signature
        """Read the plan, once the fields by themselves are fine; everything that is wrong with it is said at it."""
        cleaned = super().clean()
        if "plan" not in self.errors and "category" not in self.errors and self.cleaned_data["plan"]:
            self.read_file(self.cleaned_data["plan"])
        return cleaned

    def read_file(self, upload: Any) -> None:  # Any: Django's uploaded file
        if upload.size > MOST_BYTES:
            self.add_error("plan", too_large(upload.size))
            return
        self.content = upload.read()
        try:
            self.read = read_plan(self.content, category=self.cleaned_data["category"])
        except PlanRefused as refusal:
            self.found = refusal.problems
            self.add_error("plan", _("This file can't be imported."))

    def problems(self) -> tuple[list[str], list[str]]:
        found = list(self.found or map(str, self.errors.get("plan", [])))
        return found[:SHOWN], found[SHOWN:]
