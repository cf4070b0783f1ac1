"""Where concerts are played, and whose clocks count there."""

from django.conf import settings
from django.db import models
from django.db.models import Case, Func, Q, Value, When
from django.utils.translation import gettext_lazy as _

from concert_site.lib.database.search_keys import search_key

# A name of the IANA's list, such as Asia/Seoul, and no abbreviation: EST stands still while New York moves.
ZONE_SHAPE = r"^(UTC|[A-Z][A-Za-z_]*(/[A-Za-z0-9_+-]+)+)$"


def house_zone() -> str:
    """The zone of the house: a venue's, until it has one of its own."""
    return str(settings.TIME_ZONE)


class ZoneIsKnown(Func):
    """Whether a column names a zone: asked for one that it doesn't know, PostgreSQL refuses."""

    template = "timezone(%(expressions)s, timestamp 'epoch') IS NOT NULL"
    output_field = models.BooleanField()


class Venue(models.Model):
    """A hall with its address, and the time zone in which everything about its concerts is said."""

    name = models.CharField(_("name"), max_length=200)
    address = models.CharField(_("address"), max_length=300, blank=True, db_default="")
    map_url = models.URLField(_("link to a map"), max_length=500, blank=True, db_default="")
    time_zone = models.CharField(_("time zone"), max_length=64, default=house_zone)
    search_key = models.GeneratedField(
        expression=search_key("name", "address", named=1),
        output_field=models.TextField(),
        db_persist=True,
        editable=False,
    )

    class Meta:
        db_table = "venue"
        verbose_name = _("venue")
        verbose_name_plural = _("venues")
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="venue_has_a_name"),
            models.CheckConstraint(
                condition=Q(map_url="") | Q(map_url__regex="^https?://"), name="venue_map_url_is_an_address"
            ),
            models.CheckConstraint(
                # The shape comes first: PostgreSQL itself would take EST, and a rule of its own making like "A+3".
                condition=Q(
                    Case(
                        When(time_zone__regex=ZONE_SHAPE, then=ZoneIsKnown("time_zone")),
                        default=Value(value=False),
                        output_field=models.BooleanField(),
                    )
                ),
                name="venue_time_zone_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name
