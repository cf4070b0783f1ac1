"""The small forms about one date."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from concert_site.lib.admin import fields
from concert_site.lib.admin.stale_forms import StaleCheckForm
from reservations.models import ConcertSchedule
from reservations.models.concert import LONGEST_MESSAGE

# The columns of the three times, and what the domain calls them.
TIMES = {"concert_at": "concert_at", "reservation_available_at": "opens_at", "deadline_at": "closes_at"}
LARGEST = 2**31 - 1


class CopyForm(StaleCheckForm, forms.Form):
    """When the copy is played; when it is sold, if not at the same distance."""

    concert_at = fields.SplitDateTimeField(label=_("Starts at"))
    reservation_available_at = fields.SplitDateTimeField(
        label=_("Sale opens at"),
        required=False,
        help_text=_("Left empty, it is as long before the concert as on the date that is copied."),
    )
    deadline_at = fields.SplitDateTimeField(
        label=_("Sale closes at"), required=False, help_text=_("Left empty, likewise.")
    )


class SaleSettingsForm(StaleCheckForm, forms.Form):
    """The waiting room while it runs."""

    def __init__(self, schedule: ConcertSchedule, sent: Any = None) -> None:  # Any: a QueryDict, as forms take it
        super().__init__(sent, initial={name: getattr(schedule, name) for name in self.base_fields})
        self.subject = schedule

    queue_max_active = fields.IntegerField(
        label=_("Fans inside at once"),
        min_value=0,
        max_value=LARGEST,
        help_text=_("A lower number sends nobody out: it holds for whoever comes next."),
    )
    tickets_per_fan = fields.IntegerField(label=_("Tickets per fan"), min_value=1, max_value=LARGEST)
    queue_message = fields.TextField(
        label=_("Message to everyone waiting"), required=False, max_length=LONGEST_MESSAGE, rows=3
    )
