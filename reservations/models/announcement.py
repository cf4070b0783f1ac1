"""What all ticket holders of a date are told, and who of them was."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from concert_site.lib.languages import in_language
from concert_site.lib.states import one_of
from reservations.models.concert import ConcertSchedule

LONGEST_SUBJECT = 150
LONGEST_BODY = 5000


class AnnouncementKind(models.TextChoices):
    """Why fans are written to. Of a date that was canceled they read with their refund (payments)."""

    MOVED = "MOVED", _("moved")
    MESSAGE = "MESSAGE", _("message")


class Announcement(models.Model):
    """One mail to all who have tickets of a date. Of a date that was moved the body is the reason.

    `key` is of the click that made it, so that the same one makes it once.
    """

    concert_schedule = models.ForeignKey(
        ConcertSchedule, models.PROTECT, related_name="announcements", verbose_name=_("schedule")
    )
    kind = models.CharField(_("kind"), max_length=7, choices=AnnouncementKind)
    subject_ko = models.CharField(_("subject in Korean"), max_length=LONGEST_SUBJECT, blank=True, db_default="")
    subject_en = models.CharField(_("subject in English"), max_length=LONGEST_SUBJECT, blank=True, db_default="")
    body_ko = models.TextField(_("text in Korean"), blank=True, db_default="")
    body_en = models.TextField(_("text in English"), blank=True, db_default="")
    moved_from = models.DateTimeField(_("moved from"), null=True, blank=True)
    moved_to = models.DateTimeField(_("moved to"), null=True, blank=True)
    free_refunds_until = models.DateField(_("free refunds until"), null=True, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, verbose_name=_("by"))
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    created_at = models.DateTimeField(_("sent at"))

    class Meta:
        db_table = "announcement"
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=one_of("kind", AnnouncementKind), name="announcement_kind_known"),
            models.CheckConstraint(condition=~Q(body_ko="") | ~Q(body_en=""), name="announcement_says_something"),
            models.CheckConstraint(
                condition=Q(kind="MOVED", moved_from__isnull=False, moved_to__isnull=False)
                | ~Q(kind="MOVED") & Q(moved_from__isnull=True, moved_to__isnull=True, free_refunds_until__isnull=True),
                name="announcement_moves_only_when_moved",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.concert_schedule_id}"

    def subject_in(self, language: str) -> str:
        """The subject in this language, or the one in which there is one."""
        return in_language({"ko": self.subject_ko, "en": self.subject_en}, language) or ""

    def body_in(self, language: str) -> str:
        """The text in this language, or the one in which there is one."""
        return in_language({"ko": self.body_ko, "en": self.body_en}, language) or ""


class AnnouncementRecipient(models.Model):
    """A fan who had tickets when it was announced: owed a mail until it was sent, or they have none any more."""

    announcement = models.ForeignKey(
        Announcement, models.PROTECT, related_name="recipients", db_index=False, verbose_name=_("announcement")
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, verbose_name=_("fan"))
    mailed_at = models.DateTimeField(_("mailed at"), null=True, blank=True)
    skipped_at = models.DateTimeField(_("left out at"), null=True, blank=True)

    class Meta:
        db_table = "announcement_recipient"
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["announcement", "user"], name="announcement_once_a_fan"),
            models.CheckConstraint(
                condition=Q(mailed_at__isnull=True) | Q(skipped_at__isnull=True), name="announcement_mailed_or_left_out"
            ),
        ]
        # What is still to be sent, oldest first: next to empty.
        indexes: ClassVar = [
            models.Index(
                fields=["id"], condition=Q(mailed_at__isnull=True, skipped_at__isnull=True), name="announcement_owed"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} of announcement {self.announcement_id}"
