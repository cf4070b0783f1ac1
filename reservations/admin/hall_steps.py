"""What staff may do to seats that they chose in the hall: for whom it is, which seats it touches, what it asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from concert_site.lib.admin import fields
from concert_site.lib.admin.base import actor_of
from reservations.admin.seats import SeatCategoryForm
from reservations.domain import named_holds, seats
from reservations.domain.named_holds import NamedHoldOrder
from reservations.halls.hall import Category
from reservations.models import ConcertSchedule, NamedHold
from reservations.models.named_hold import LONGEST
from reservations.queries.hall_states import ChosenCounts

CHANGE, KEEP = "reservations.change_concertseat", "reservations.manage_blocks"


class NamedHoldForm(forms.Form):
    """For whom seats are kept."""

    name = fields.CharField(
        label=gettext_lazy("Name"),
        max_length=LONGEST["name"],
        help_text=gettext_lazy("What it is called: Press, Promoter, Sound desk."),
    )
    owner = fields.CharField(
        label=gettext_lazy("Owner"),
        max_length=LONGEST["owner"],
        help_text=gettext_lazy("Who asked for it, and how to reach them."),
    )
    reason = fields.ReasonField(help_text="")
    ends_at = fields.SplitDateTimeField(
        label=gettext_lazy("Ends at"),
        required=False,
        help_text=gettext_lazy("Then the seats go on sale by themselves. Left empty: once you release them."),
    )


@dataclass(frozen=True, slots=True)
class SeatStep:
    """Something that is done to chosen seats: what it is called, who may, which of them it touches, and how.

    `run` gets the admin's form and the ids, and answers what was changed.
    """

    title: Any  # Any: lazy texts
    permission: str
    touches: Callable[[ChosenCounts], int]
    run: Callable[..., seats.ChangedSeats]
    form: type[forms.Form] = forms.Form
    says: Any = ""  # Any: as above


def run_category(
    request: HttpRequest, schedule: ConcertSchedule, ids: Sequence[int], form: forms.Form
) -> seats.ChangedSeats:
    sent = form.cleaned_data
    category = Category(sent["category"], sent["color"], sent["price"])
    return seats.change_category(schedule_id=schedule.pk, seat_ids=ids, category=category)


def run_named_hold(
    request: HttpRequest, schedule: ConcertSchedule, ids: Sequence[int], form: forms.Form
) -> seats.ChangedSeats:
    order = NamedHoldOrder(**{name: form.cleaned_data[name] for name in ("name", "owner", "reason", "ends_at")})
    return named_holds.create(schedule_id=schedule.pk, seat_ids=ids, order=order, actor_id=actor_of(request)).seats


def run_release(
    request: HttpRequest, schedule: ConcertSchedule, ids: Sequence[int], form: forms.Form
) -> seats.ChangedSeats:
    holds = NamedHold.objects.filter(concert_schedule=schedule, seats__concert_seat__in=ids, seats__outcome=None)
    released = sum(
        named_holds.release(named_hold_id=each, seat_ids=ids) for each in set(holds.values_list("pk", flat=True))
    )
    return seats.ChangedSeats(released, len(ids) - released)


def plain(step: Callable[..., seats.ChangedSeats], **kept: bool) -> Callable[..., seats.ChangedSeats]:
    """A step of the domain that needs nothing but the seats."""
    return lambda _request, _schedule, ids, _form: step(seat_ids=ids, **kept)


STEPS = {
    "off-sale": SeatStep(gettext_lazy("Take off sale"), CHANGE, lambda found: found.left, plain(seats.take_off_sale)),
    "on-sale": SeatStep(
        gettext_lazy("Put back on sale"),
        CHANGE,
        lambda found: found.off_sale,
        plain(seats.put_on_sale),
        says=gettext_lazy("Seats of a named hold stay: release them there."),
    ),
    "category": SeatStep(
        gettext_lazy("Category and price"),
        CHANGE,
        lambda found: found.left + found.off,
        run_category,
        SeatCategoryForm,
        gettext_lazy("Held and sold seats keep their price."),
    ),
    "accessible": SeatStep(
        gettext_lazy("Wheelchair place"), CHANGE, lambda found: found.total, plain(seats.mark, accessible=True)
    ),
    "not-accessible": SeatStep(
        gettext_lazy("No wheelchair place"),
        CHANGE,
        lambda found: found.total,
        plain(seats.mark, accessible=False),
    ),
    "companion": SeatStep(
        gettext_lazy("Companion’s seat"), CHANGE, lambda found: found.total, plain(seats.mark, companion=True)
    ),
    "not-companion": SeatStep(
        gettext_lazy("No companion’s seat"),
        CHANGE,
        lambda found: found.total,
        plain(seats.mark, companion=False),
    ),
    "keep": SeatStep(
        gettext_lazy("Named hold"),
        KEEP,
        lambda found: found.left + found.off_sale,
        run_named_hold,
        NamedHoldForm,
        gettext_lazy("The seats are off sale for fans, and kept for somebody by name."),
    ),
    "release": SeatStep(gettext_lazy("Release from named hold"), KEEP, lambda found: found.kept, run_release),
}
