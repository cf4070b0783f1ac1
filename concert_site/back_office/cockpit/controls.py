"""The controls of a sale as forms send them: what is to be done, and how it stood when somebody decided to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from concert_site.lib.errors import DomainError, NotFound
from concert_site.lib.formats import clock, day_and_time, thousands
from concert_site.lib.stale import ChangedMeanwhile
from reservations.admin.schedule_forms import LARGEST
from reservations.domain import sale_settings, schedules
from reservations.domain.sale_settings import SettingChange
from reservations.models import ConcertSchedule
from reservations.models.concert import LONGEST_MESSAGE

# Lines of the log on the page of a sale.
MOST_LOGGED = 5
MINUTES = (
    ("15", gettext_lazy("for 15 minutes")),
    ("5", gettext_lazy("for 5 minutes")),
    ("30", gettext_lazy("for half an hour")),
    ("60", gettext_lazy("for an hour")),
    ("180", gettext_lazy("for three hours")),
    ("", gettext_lazy("until somebody takes it away")),
)


class CapForm(forms.Form):
    """How many fans may be inside at once."""

    most_inside = forms.IntegerField(label=gettext_lazy("Fans inside at once"), min_value=0, max_value=LARGEST)
    seen = forms.IntegerField(min_value=0, max_value=LARGEST)


class SaleMessageForm(forms.Form):
    """What everyone waiting reads, and until when; nothing takes it away."""

    message = forms.CharField(
        label=gettext_lazy("Message to everyone waiting"), required=False, max_length=LONGEST_MESSAGE
    )
    minutes = forms.TypedChoiceField(
        label=gettext_lazy("Shown"), choices=MINUTES, required=False, coerce=int, empty_value=None
    )
    seen = forms.CharField(required=False, max_length=LONGEST_MESSAGE)
    take_away = forms.BooleanField(required=False)


class PlainForm(forms.Form):
    """A control that says all by its name: pressed twice, or by two, it does the same once."""


@dataclass(frozen=True, slots=True)
class AppliedControl:
    """What a control did, in words; nothing was written where it stood so already."""

    said: str
    is_done: bool = True


def apply(request: HttpRequest, schedule: ConcertSchedule, control: str) -> AppliedControl:
    """Apply a control of a sale, and write into the log who did it, from what to what.

    :raises NotFound: if there is no such control
    :raises DomainError: what the domain refuses, or a form with nonsense in it
    """
    if control not in CONTROLS:
        raise NotFound
    form_class, step = CONTROLS[control]
    form = form_class(request.POST)
    if not form.is_valid():
        raise DomainError(" ".join(message for messages in form.errors.values() for message in messages))
    try:
        applied: AppliedControl = step(schedule, form.cleaned_data)
    except ChangedMeanwhile as refusal:
        raise DomainError(changed_text(schedule, refusal)) from refusal
    if applied.is_done:
        admin.site.get_model_admin(ConcertSchedule).log_change(request, schedule, applied.said)
    return applied


Sent = dict[str, Any]  # Any: cleaned data


def pause(schedule: ConcertSchedule, sent: Sent) -> AppliedControl:
    made = sale_settings.change_sale_settings(schedule_id=schedule.pk, queue_paused=True)
    if not made:
        return AppliedControl(_("It is paused already."), is_done=False)
    return AppliedControl(_("Paused: nobody is let in.") + settings_text(made))


def resume(schedule: ConcertSchedule, sent: Sent) -> AppliedControl:
    made = sale_settings.change_sale_settings(schedule_id=schedule.pk, queue_paused=False)
    if not made:
        return AppliedControl(_("It isn’t paused."), is_done=False)
    return AppliedControl(_("Resumed: fans are let in again.") + settings_text(made))


def change_cap(schedule: ConcertSchedule, sent: Sent) -> AppliedControl:
    made = sale_settings.change_sale_settings(
        schedule_id=schedule.pk, shown={"queue_max_active": sent["seen"]}, queue_max_active=sent["most_inside"]
    )
    return AppliedControl(_("Changed how many may be inside.") + settings_text(made), bool(made))


def change_message(schedule: ConcertSchedule, sent: Sent) -> AppliedControl:
    message = "" if sent["take_away"] else sent["message"]
    made = sale_settings.set_message(
        schedule_id=schedule.pk, message=message, minutes=sent["minutes"], shown=sent["seen"]
    )
    said = _("Everyone waiting reads the message.") if message else _("Took the message away.")
    return AppliedControl(said + settings_text(made), bool(made))


def close(schedule: ConcertSchedule, sent: Sent) -> AppliedControl:
    before = schedule.deadline_at
    schedules.close_sale(schedule_id=schedule.pk)
    zone = schedule.concert.time_zone
    text = _("Closed the sale now; it would have closed %(when)s.")
    return AppliedControl(text % {"when": day_and_time(before, zone)})


CONTROLS: dict[str, Any] = {  # Any: a form's class and the step that takes what it sent
    "pause": (PlainForm, pause),
    "resume": (PlainForm, resume),
    "cap": (CapForm, change_cap),
    "message": (SaleMessageForm, change_message),
    "close": (PlainForm, close),
}


def settings_text(made: Sequence[SettingChange]) -> str:
    """From what to what, for people and for the log."""
    said = "; ".join(
        _("%(name)s: %(before)s → %(after)s")
        % {"name": name_of(each.name), "before": value_of(each.before), "after": value_of(each.after)}
        for each in made
    )
    return f" {said}." if said else ""


def name_of(column: str) -> str:
    field = ConcertSchedule._meta.get_field(column)  # noqa: SLF001  Django's public API
    return str(field.verbose_name)  # type: ignore[union-attr]  # columns of ours have one


def value_of(value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return thousands(value)
    if hasattr(value, "tzinfo"):
        return clock(value)  # type: ignore[arg-type]  # an instant
    return f"“{value}”" if value else _("none")


def changed_text(schedule: ConcertSchedule, refusal: ChangedMeanwhile) -> str:
    """Why nothing was done: how it stands, and who was the last to change anything there."""
    present = ConcertSchedule.objects.values(*refusal.fields).get(pk=schedule.pk)
    found = "; ".join(f"{name_of(name)}: {value_of(value)}" for name, value in present.items())
    text = _("Nothing was changed: it is no longer as you saw it. It is now: %(found)s.")
    return f"{text % {'found': found}} {last_change_of(schedule)}".strip()


def last_change_of(schedule: ConcertSchedule) -> str:
    entries = log_of(schedule.pk)[:1]
    if not entries:
        return ""
    facts = {"who": entries[0].user.email, "when": clock(entries[0].action_time, schedule.concert.time_zone)}
    return _("Last changed by %(who)s, %(when)s.") % facts


def log_of(schedule_id: int) -> list[LogEntry]:
    """What staff did last with a date: two queries at most."""
    kind = ContentType.objects.get_for_model(ConcertSchedule)
    entries = LogEntry.objects.filter(content_type=kind, object_id=str(schedule_id)).select_related("user")
    return list(entries.order_by("-action_time")[:MOST_LOGGED])
