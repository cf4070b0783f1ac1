"""What a provider's book and ours say of a day."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from concert_site.lib.reasons import LONGEST_REASON


class SettlementDay(models.Model):
    """A day's book of a provider beside the ledger, as they were compared last.

    Sums are what came in less what went back, in minor units. `differences` are lines that are on one side alone, or
    differ: `{"reference", "provider_reference", "provider", "ledger", "currency", "about"}`. Once staff know why,
    they say so, and it is no more a matter of alarm until the differences change.
    """

    provider = models.CharField(_("provider"), max_length=100)
    day = models.DateField(_("day"))
    provider_sum = models.BigIntegerField(_("the provider’s sum"))
    ledger_sum = models.BigIntegerField(_("the ledger’s sum"))
    provider_lines = models.PositiveIntegerField(_("the provider’s lines"))
    ledger_lines = models.PositiveIntegerField(_("the ledger’s lines"))
    differences = models.JSONField(_("differences"), default=list)
    difference_count = models.PositiveIntegerField(_("how many lines differ"), default=0, db_default=0)
    checked_at = models.DateTimeField(_("compared at"))
    note = models.CharField(_("explanation"), max_length=LONGEST_REASON, blank=True, db_default="")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("by"),
    )

    class Meta:
        db_table = "settlement_day"
        verbose_name = _("settlement of a day")
        verbose_name_plural = _("settlements")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["provider", "day"], name="settlement_day_once"),
            models.CheckConstraint(
                condition=Q(note="", actor__isnull=True) | (~Q(note="") & Q(actor__isnull=False)),
                name="settlement_day_explained_by_somebody",
            ),
        ]
        indexes = [
            models.Index(
                fields=["day"], condition=Q(difference_count__gt=0, note=""), name="settlement_day_unexplained"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day}, {self.provider}: {self.provider_sum} / {self.ledger_sum}"

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to look at."""
        return not self.difference_count or bool(self.note)
