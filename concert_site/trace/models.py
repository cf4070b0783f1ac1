"""The trace: a row for each change, or for many of a kind that one statement made."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from concert_site.lib.states import one_of


class Action(models.TextChoices):
    ADD = "ADD", _("added")
    CHANGE = "CHANGE", _("changed")
    DELETE = "DELETE", _("deleted")
    # What changed no row of these. Nothing writes it; the constraint of the table knows it.
    STEP = "STEP", _("done")


class Change(models.Model):
    """What was changed about which rows, from what to what: `{"email": ["old@…", "new@…"]}`.

    `objects_changed` are the ids of the rows of `table_name`, several if one statement did the same to them; where
    they are not listed `count` says how many. `actor` is the member of staff, none if it was a fan, a task or a hand in
    the database; `via` says by which page or command, and `request` is shared by all that one of these did. `fan_id`
    and `schedule_id` say whom and which date it is about. A value that is kept secret reads null on both sides.

    Triggers write it (concert_site.trace.triggers), so that no way around exists; rows are only ever added.
    """

    at = models.DateTimeField(_("at"), db_default=Now())
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+", verbose_name=_("by")
    )
    via = models.CharField(_("by way of"), max_length=200, blank=True, db_default="")
    request = models.UUIDField(_("request"), null=True)
    # Nothing writes it: why staff did something stands in the ledger, with a rebooking, or in the log of the admin.
    reason = models.CharField(_("reason"), max_length=500, blank=True, db_default="")
    action = models.CharField(_("action"), max_length=6, choices=Action)
    table_name = models.CharField(_("table"), max_length=63)
    objects_changed = ArrayField(models.BigIntegerField(), db_default=models.Value("{}"), verbose_name=_("rows"))
    count = models.PositiveIntegerField(_("count"), db_default=1)
    fan_id = models.BigIntegerField(_("fan"), null=True)
    schedule_id = models.BigIntegerField(_("schedule"), null=True)
    changes = models.JSONField(_("changes"))

    class Meta:
        db_table = "change"
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=one_of("action", Action), name="change_action_known"),
            models.CheckConstraint(condition=~Q(table_name=""), name="change_names_a_table"),
        ]
        indexes = [
            GinIndex(fields=["objects_changed"], name="change_of_row", fastupdate=False),
            models.Index(fields=["fan_id", "-id"], condition=Q(fan_id__isnull=False), name="change_about_fan"),
            models.Index(
                fields=["schedule_id", "-id"], condition=Q(schedule_id__isnull=False), name="change_about_schedule"
            ),
            models.Index(fields=["actor", "-id"], condition=Q(actor__isnull=False), name="change_by_actor"),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="trace_is_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.table_name} {self.count}"
