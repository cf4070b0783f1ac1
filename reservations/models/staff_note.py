"""What staff wrote about a booking or a fan, and what they did for them besides money."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from concert_site.lib.states import one_of

LONGEST_NOTE = 500


class NoteKind(models.TextChoices):
    NOTE = "NOTE", _("note")
    EXTENDED = "EXTENDED", _("more time to pay")
    RESENT = "RESENT", _("tickets mailed again")


class StaffNote(models.Model):
    """A note on a booking, on a fan, or on both; its kind says which step it is the reason of. It is added to alone."""

    kind = models.CharField(_("kind"), max_length=8, choices=NoteKind, default=NoteKind.NOTE)
    booking_reference = models.CharField(_("booking reference"), max_length=36, blank=True, db_default="")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("fan")
    )
    text = models.CharField(_("note"), max_length=LONGEST_NOTE)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, verbose_name=_("by")
    )
    # Of the form it was sent with: twice is once.
    key = models.UUIDField(unique=True, editable=False)
    created_at = models.DateTimeField(_("written at"), db_default=Now())

    class Meta:
        db_table = "staff_note"
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=one_of("kind", NoteKind), name="staff_note_kind_known"),
            models.CheckConstraint(condition=~Q(text=""), name="staff_note_says_something"),
            models.CheckConstraint(
                condition=~Q(booking_reference="") | Q(user__isnull=False), name="staff_note_about_something"
            ),
        ]
        indexes = [
            models.Index(fields=["booking_reference"], condition=~Q(booking_reference=""), name="staff_note_booking"),
            models.Index(fields=["user"], condition=Q(user__isnull=False), name="staff_note_fan"),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="staff_note_is_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return self.text
