"""The forms by which a date is moved or canceled, and its ticket holders are written to."""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from concert_site.lib.admin import fields
from reservations.domain.date_changes import MOST_FREE_DAYS, ChangeReason, Move
from reservations.models.announcement import LONGEST_BODY, LONGEST_SUBJECT
from reservations.models.concert import LONGEST_CHANGE_REASON

# What a step's own buttons and Django's form send beside the fields.
NOT_SENT_AGAIN = {"csrfmiddlewaretoken", "confirmed", "edit"}


class DateStepForm(forms.Form):
    """A step that is shown once more before it is done. `key` is of the page, so that two clicks are one step."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def sent(self) -> Iterator[tuple[str, str]]:
        """What was sent, to be sent again: names and values."""
        for name in self.data:
            if name not in NOT_SENT_AGAIN:
                yield name, self.data[name]


class ChangeReasonForm(DateStepForm):
    """Why, as fans read it."""

    reason_ko = fields.CharField(
        label=_("Reason in Korean"),
        required=False,
        max_length=LONGEST_CHANGE_REASON,
        help_text=_("Fans read it on every page about this date, and in their mail."),
    )
    reason_en = fields.CharField(
        label=_("Reason in English"),
        required=False,
        max_length=LONGEST_CHANGE_REASON,
        help_text=_("One of the two is enough; whoever reads the other language sees this one."),
    )

    def reason(self) -> ChangeReason:
        return ChangeReason(ko=self.cleaned_data["reason_ko"], en=self.cleaned_data["reason_en"])


def free_days_default() -> int:
    return int(settings.FREE_REFUND_DAYS)


class MoveForm(ChangeReasonForm):
    """When it is played instead. `seen` is when it was to be played as this form showed it."""

    seen = forms.CharField(widget=forms.HiddenInput)
    concert_at = fields.SplitDateTimeField(label=_("New time"))
    free_days = fields.IntegerField(
        label=_("Days of free refunds"),
        min_value=0,
        max_value=MOST_FREE_DAYS,
        initial=free_days_default,
        help_text=_("For so many days whoever has booked cancels without a fee. 0 for a small correction of the hour."),
    )
    reservation_available_at = fields.SplitDateTimeField(
        label=_("Sale opens at"), required=False, help_text=_("Left empty, it stays as announced.")
    )
    deadline_at = fields.SplitDateTimeField(
        label=_("Sale closes at"),
        required=False,
        help_text=_("Left empty, it is as long before the concert as now; a sale that is over stays over."),
    )
    field_order = ["concert_at", "reason_ko", "reason_en", "free_days", "reservation_available_at", "deadline_at"]

    def clean_seen(self) -> datetime:
        """The moment in it.

        :raises ValidationError: if it is none
        """
        try:
            moment = datetime.fromisoformat(self.cleaned_data["seen"])
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise forms.ValidationError(_("Please open this page again."))
        return moment

    def move(self) -> Move:
        sent: dict[str, Any] = self.cleaned_data  # Any: each field of its own type
        return Move(
            concert_at=sent["concert_at"],
            seen=sent["seen"],
            reason=self.reason(),
            free_days=sent["free_days"],
            opens_at=sent["reservation_available_at"],
            closes_at=sent["deadline_at"],
        )


class AnnouncementForm(DateStepForm):
    """What every ticket holder reads: in Korean, in English, or each in their own."""

    subject_ko = fields.CharField(label=_("Subject in Korean"), required=False, max_length=LONGEST_SUBJECT)
    body_ko = fields.TextField(label=_("Text in Korean"), required=False, max_length=LONGEST_BODY, rows=6)
    subject_en = fields.CharField(label=_("Subject in English"), required=False, max_length=LONGEST_SUBJECT)
    body_en = fields.TextField(
        label=_("Text in English"),
        required=False,
        max_length=LONGEST_BODY,
        rows=6,
        help_text=_("Fans read their own language; whoever has no text in it reads the other one."),
    )

    def texts(self) -> Any:  # Any: a TypedDict out of a form
        return {name: self.cleaned_data[name] for name in ("subject_ko", "subject_en", "body_ko", "body_en")}
