"""Who the house is, as the law wants it said, and its pages: a row a language each."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from concert_site.lib.states import one_of

# As Django writes them: ko, en, zh-hans.
LANGUAGE_SHAPE = "^[a-z]{2,3}(-[a-z0-9]+)*$"


class PageKind(models.TextChoices):
    """The pages that the foot of every page leads to, in its order."""

    HELP = "HELP", _("help")
    TERMS = "TERMS", _("terms")
    PRIVACY = "PRIVACY", _("privacy")
    REFUNDS = "REFUNDS", _("refund policy")


class HouseFacts(models.Model):
    """What Korean e-commerce law wants at the foot of a shop (전자상거래법 제10조), and what readers look for there."""

    language = models.CharField(_("language"), max_length=10, unique=True)
    name = models.CharField(_("company"), max_length=200)
    representative = models.CharField(_("representative"), max_length=200, blank=True, db_default="")
    address = models.CharField(_("address"), max_length=300, blank=True, db_default="")
    phone = models.CharField(_("telephone"), max_length=50, blank=True, db_default="")
    email = models.EmailField(_("e-mail"), blank=True, db_default="")
    registration_number = models.CharField(_("business registration number"), max_length=50, blank=True, db_default="")
    mail_order_number = models.CharField(_("mail-order registration number"), max_length=100, blank=True, db_default="")
    hosting_provider = models.CharField(_("hosting provider"), max_length=200, blank=True, db_default="")

    class Meta:
        db_table = "house_facts"
        verbose_name = _("facts of the house")
        verbose_name_plural = _("facts of the house")
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="house_facts_have_a_name"),
            models.CheckConstraint(condition=Q(language__regex=LANGUAGE_SHAPE), name="house_facts_language_is_a_code"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"


class HousePage(models.Model):
    """A page that staff write: plain text with the marks of Markdown, no HTML."""

    kind = models.CharField(_("kind"), max_length=7, choices=PageKind)
    language = models.CharField(_("language"), max_length=10)
    title = models.CharField(_("title"), max_length=200)
    body = models.TextField(_("text"))

    class Meta:
        db_table = "house_page"
        verbose_name = _("page of the house")
        verbose_name_plural = _("pages of the house")
        constraints = [
            models.CheckConstraint(condition=one_of("kind", PageKind), name="house_page_kind_known"),
            models.CheckConstraint(condition=Q(language__regex=LANGUAGE_SHAPE), name="house_page_language_is_a_code"),
            models.CheckConstraint(condition=~Q(title="") & ~Q(body=""), name="house_page_is_written"),
            models.UniqueConstraint(fields=["kind", "language"], name="house_page_once_a_language"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.language})"
