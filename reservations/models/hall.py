"""Halls as a library: a plan is imported once, and used for each date."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from reservations.models.venue import Venue


class VenueHall(models.Model):
    """A hall of a venue, or one way of seating it. Its plan may be replaced: dates keep the version they have."""

    venue = models.ForeignKey(Venue, models.PROTECT, related_name="halls", verbose_name=_("venue"))
    name = models.CharField(_("name"), max_length=100)

    class Meta:
        db_table = "venue_hall"
        verbose_name = _("hall")
        verbose_name_plural = _("halls")
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="venue_hall_has_a_name"),
            models.UniqueConstraint(fields=["venue", "name"], name="venue_hall_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class HallVersion(models.Model):
    """A version of a hall's plan, written once: the map, and the seats as one value.

    `seats` is a list of objects with the columns of a seat but its price, in the order in which every answer lists
    them; prices belong to a date. docs/decisions has why it isn't a row a seat.
    """

    hall = models.ForeignKey(VenueHall, models.PROTECT, related_name="plans", verbose_name=_("hall"))
    version = models.PositiveIntegerField(_("version"))
    layout = models.JSONField(_("layout"))
    seats = models.JSONField(_("seats"))
    # How many seats each category has, in the order of the layout.
    categories = models.JSONField(_("categories"))
    seat_count = models.PositiveIntegerField(_("number of seats"))
    # What it was made of: the name of a file, or blank for a grid and for the seats of a date.
    source = models.CharField(_("file"), max_length=200, blank=True, db_default="")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("made by")
    )
    created_at = models.DateTimeField(_("made at"), db_default=Now())

    class Meta:
        db_table = "hall_version"
        verbose_name = _("plan of a hall")
        verbose_name_plural = _("plans of halls")
        constraints = [
            models.CheckConstraint(condition=Q(version__gt=0), name="hall_version_version_positive"),
            models.CheckConstraint(condition=Q(seat_count__gt=0), name="hall_version_has_seats"),
            models.UniqueConstraint(fields=["hall", "version"], name="hall_version_version_once"),
        ]
        # Dates were made of it.
        triggers: ClassVar = [pgtrigger.Protect(name="hall_version_stays", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.hall} ({self.version})"
