"""The small forms about one date."""

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
)

from reservations.models import ConcertSchedule

# The columns of the three times, and what the domain calls them.
TIMES = {"concert_at": "concert_at", "reservation_available_at": "opens_at", "deadline_at": "closes_at"}
LARGEST = 2**31 - 1
LONGEST_MESSAGE = ConcertSchedule._meta.get_field("queue_message").max_length  # noqa: SLF001  Django's public API


class CopyForm(forms.Form):
    """When the copy is played; when it is sold, if not at the same distance."""

    concert_at = forms.SplitDateTimeField(label=_("Starts at"), widget=UnfoldAdminSplitDateTimeWidget)
    reservation_available_at = forms.SplitDateTimeField(
        label=_("Sale opens at"),
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text=_("Left empty, it is as long before the concert as on the date that is copied."),
    )
    deadline_at = forms.SplitDateTimeField(
        label=_("Sale closes at"),
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text=_("Left empty, likewise."),
    )


class SaleSettingsForm(forms.Form):
    """The waiting room while it runs.

    Each field carries what it showed (`show_hidden_initial`): what others changed meanwhile isn't set back by
    somebody who came to change something else.
    """

    queue_max_active = forms.IntegerField(
        label=_("Fans inside at once"),
        min_value=0,
        max_value=LARGEST,
        show_hidden_initial=True,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("A lower number sends nobody out: it holds for whoever comes next."),
    )
    tickets_per_fan = forms.IntegerField(
        label=_("Tickets per fan"),
        min_value=1,
        max_value=LARGEST,
        show_hidden_initial=True,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    queue_message = forms.CharField(
        label=_("Message to everyone waiting"),
        required=False,
        max_length=LONGEST_MESSAGE,
        show_hidden_initial=True,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )
