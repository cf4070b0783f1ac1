"""The house's own facts and pages, as staff write them."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from concert_site.house import writing
from concert_site.house.models import HouseFacts, HousePage
from concert_site.lib.admin import fields
from concert_site.lib.admin.domain_admin import AnyForm, DomainAdmin


class WrittenForm(AnyForm):
    """What is written in one language."""

    language = fields.ChoiceField(label=_("Language"), choices=lambda: settings.LANGUAGES)


class FactsForm(WrittenForm):
    """The facts of the house."""

    class Meta:
        model = HouseFacts
        fields = "__all__"
        help_texts = {
            "name": _("As it is registered. All of this stands at the foot of every page, as Korean law demands."),
            "registration_number": _("In Korea: 사업자등록번호."),
            "mail_order_number": _("In Korea: 통신판매업신고번호."),
        }


class PageForm(WrittenForm):
    """A page."""

    class Meta:
        model = HousePage
        fields = "__all__"
        widgets = {"body": UnfoldAdminTextareaWidget(attrs={"rows": 24})}
        help_texts = {
            "kind": _(
                "The foot of every page leads there as soon as it is written. "
                "The refund policy shows the tiers as they are set, with this text below."
            ),
            "body": _(
                "Markdown: an empty line between paragraphs, ## before a heading, - before a point, "
                "[text](https://…) for a link. HTML is shown as it is written."
            ),
        }


class WrittenAdmin(DomainAdmin):
    """What is shared by both: nothing hangs on these rows."""

    def write(self, request: HttpRequest, form: AnyForm, obj: Model | None) -> Model:
        """All columns of a new row; of one that is changed, those that were typed."""
        typed = form.fields if obj is None else form.changed_data
        columns = {name: form.cleaned_data[name] for name in typed}
        row: Model = writing.write(self.model, obj.pk if obj else None, shown=form.shown, **columns)
        return row

    def kept_by(self, obj: Model) -> list[str]:
        return []

    def remove(self, obj: Any) -> None:  # Any: a row of either model
        writing.remove(obj)


@admin.register(HouseFacts)
class HouseFactsAdmin(WrittenAdmin):
    form = FactsForm
    list_display = ("name", "language", "representative", "phone", "email")
    ordering = ("language",)


@admin.register(HousePage)
class HousePageAdmin(WrittenAdmin):
    form = PageForm
    list_display = ("title", "kind", "language")
    list_filter = ("kind", "language")
    ordering = ("kind", "language")
