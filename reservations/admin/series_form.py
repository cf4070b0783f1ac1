"""The form of a series: on which days, when each is sold, in which hall."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _
from unfold.widgets import INPUT_CLASSES, UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from concert_site.lib.admin import fields
from concert_site.lib.admin.base import add_domain_error
from concert_site.lib.errors import Invalid
from concert_site.lib.formats import in_major, thousands
from reservations.admin.schedule_forms import LARGEST
from reservations.domain import series
from reservations.domain.schedules import Limits
from reservations.domain.series import Opening, Series
from reservations.models import HallVersion
from reservations.models.concert import queue_max_active_default, tickets_per_fan_default

# A week, as minutes.
LONGEST_BEFORE = 7 * 24 * 60
LONGEST_DAYS_BEFORE = 730


def native(kind: str) -> dict[str, str]:
    """The attributes of a browser's own field for a day or a time: a wheel on phones, and no script."""
    return {"type": kind, "class": " ".join(INPUT_CLASSES)}


class SeriesForm(forms.Form):
    """Days, opening, deadline, hall and limits; times are those of the venue's clocks."""

    weekdays = forms.TypedMultipleChoiceField(
        label=_("Weekdays"),
        choices=list(WEEKDAYS.items()),
        coerce=int,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    times = forms.CharField(
        label=_("Starting times"),
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "15:00, 19:30"}),
        help_text=_("One time, or several with commas between."),
    )
    first_day = forms.DateField(
        label=_("First day"), required=False, widget=forms.DateInput(attrs=native("date"), format="%Y-%m-%d")
    )
    last_day = forms.DateField(
        label=_("Last day"), required=False, widget=forms.DateInput(attrs=native("date"), format="%Y-%m-%d")
    )
    typed = fields.TextField(
        label=_("Single dates"),
        required=False,
        max_length=20_000,
        rows=3,
        placeholder="2026-12-24 19:30",
        help_text=_("A date a line: 2026-12-24 19:30. Instead of the weekdays, or besides."),
    )
    opens_at = forms.DateTimeField(
        label=_("Sale opens for all at"),
        required=False,
        widget=forms.DateTimeInput(attrs=native("datetime-local"), format="%Y-%m-%dT%H:%M"),
    )
    opens_days_before = fields.IntegerField(
        label=_("Or so many days before each"), required=False, min_value=0, max_value=LONGEST_DAYS_BEFORE
    )
    opens_hour = forms.TimeField(
        label=_("At this hour"), required=False, widget=forms.TimeInput(attrs=native("time"), format="%H:%M")
    )
    closes_before = fields.IntegerField(
        label=_("Sale closes so many minutes before each start"), initial=0, min_value=0, max_value=LONGEST_BEFORE
    )
    plan = fields.ChoiceField(label=_("Hall"), required=False)
    queue_max_active = fields.IntegerField(
        label=_("Fans inside at once"), initial=queue_max_active_default, min_value=0, max_value=LARGEST
    )
    tickets_per_fan = fields.IntegerField(
        label=_("Tickets per fan"), initial=tickets_per_fan_default, min_value=1, max_value=LARGEST
    )
    # What was looked at: the digest of it.
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, plans: Sequence[HallVersion], *args: Any, **options: Any) -> None:  # Any: as Django has it
        super().__init__(*args, **options)
        self.plans = {str(plan.pk): plan for plan in plans}
        named = plan_choices(plans)
        field = self.fields["plan"]
        field.choices = [*named, ("", _("None yet: add the seats later"))]  # type: ignore[attr-defined]  # of a ChoiceField
        field.initial = named[0][0] if len(named) == 1 else ""

    def clean(self) -> dict[str, Any] | None:  # Any: Django's signature
        """Put the days together and judge the opening."""
        cleaned = super().clean()
        if not self.errors:
            try:
                self.starts = self.all_starts()
                self.opening = self.opening_of()
            except Invalid as refusal:
                add_domain_error(self, refusal)
        return cleaned

    def all_starts(self) -> list[datetime]:
        """The days of the rule, and those that were typed.

        :raises Invalid: naming the field that lacks something
        """
        sent = self.cleaned_data
        rule = {name: sent[name] for name in ("weekdays", "times", "first_day", "last_day")}
        starts = series.typed_starts(sent["typed"])
        if not starts or any(rule.values()):
            for name, value in rule.items():
                if not value:
                    raise Invalid(_("Fill this in, or write single dates below."), attr=name)
            clocks = series.clocks_from(sent["times"])
            starts += series.weekly_starts(sent["weekdays"], clocks, sent["first_day"], sent["last_day"])
        return starts

    def opening_of(self) -> Opening:
        """The rule by which sales open.

        :raises Invalid: if there are two rules, or none
        """
        sent = self.cleaned_data
        is_each = sent["opens_days_before"] is not None or sent["opens_hour"] is not None
        if sent["opens_at"] and is_each:
            raise Invalid(_("Either one opening for all, or days before each."), attr="opens_at")
        if sent["opens_at"]:
            return Opening(at=sent["opens_at"])
        for name in ("opens_days_before", "opens_hour"):
            if sent[name] is None:
                missing = _("Say when sales open: at one moment for all, or days before each at an hour.")
                raise Invalid(missing, attr=name if is_each else "opens_at")
        return Opening(days_before=sent["opens_days_before"], hour=sent["opens_hour"])

    def series(self) -> Series:
        return Series(self.starts, self.opening, self.cleaned_data["closes_before"])

    def limits(self) -> Limits:
        sent = self.cleaned_data
        return {"queue_max_active": sent["queue_max_active"], "tickets_per_fan": sent["tickets_per_fan"]}

    def plan_chosen(self) -> HallVersion | None:
        """The plan that was chosen, also of a form that isn't valid; None for none."""
        return self.plans.get(str(self.data.get("plan", ""))) if self.is_bound else None

    def digest(self) -> str:
        """What a valid form would make, in a few letters: who presses the button has looked at just this."""
        parts = (sorted(self.starts), self.opening, self.cleaned_data["closes_before"], self.cleaned_data["plan"])
        return sha256(repr((*parts, self.limits())).encode()).hexdigest()[:32]


class HallPricesForm(forms.Form):
    """A price for each category of a plan of the library."""

    def __init__(
        self, plan: HallVersion, *args: Any, known: dict[str, int], **options: Any
    ) -> None:  # Any: as Django has it
        super().__init__(*args, **options)
        self.plan = plan
        for nth, category in enumerate(plan.categories):
            name = category["name"]
            label = f"{name} ({thousands(category['seats'])})"
            self.fields[f"price_{nth}"] = fields.MoneyField(label=label, min_value=in_major(1), initial=known.get(name))

    def prices(self) -> dict[str, int]:
        return {each["name"]: self.cleaned_data[f"price_{nth}"] for nth, each in enumerate(self.plan.categories)}


def plan_choices(plans: Sequence[HallVersion]) -> list[tuple[int, str]]:
    return [(plan.pk, f"{plan.hall.venue.name} · {plan.hall.name} ({thousands(plan.seat_count)})") for plan in plans]
