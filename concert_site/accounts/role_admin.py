"""Roles in the admin: what each may do, who holds it, and a house's own beside the four that come with the site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin  # noqa: F401  registers Group
from django.contrib.auth.models import Group, Permission
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from concert_site.accounts import staff_roles
from concert_site.lib.admin.base import ForSuperusers, StaffAdmin
from concert_site.lib.admin.columns import column

APPS_WITH_RIGHTS = (
    *("accounts", "approvals", "django_celery_beat", "house", "payments", "queueing", "reservations", "wallet"),
)


if TYPE_CHECKING:
    RowsField = forms.ModelMultipleChoiceField[Any]  # Any: rows of each field's own model
else:
    RowsField = forms.ModelMultipleChoiceField


class RolesField(RowsField):
    """Roles as boxes to tick, each with what it may do; the site's own first, in their order."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def __init__(self, **options: Any) -> None:  # Any: Django's options of every type
        super().__init__(queryset=Group.objects.order_by("name"), **options)

    def label_from_instance(self, group: Model) -> str:
        """Its title, and a sentence."""
        return format_html("<strong>{}</strong> {}", self.title_from_instance(group), staff_roles.may_of(str(group)))

    def title_from_instance(self, group: Model) -> str:
        """What it is called within a sentence."""
        return staff_roles.title_of(str(group))


class PermissionsField(RowsField):
    """Permissions as boxes to tick, on a phone too: those of the house's own tables and of what it runs."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def __init__(self, **options: Any) -> None:  # Any: as above
        offered = Permission.objects.filter(content_type__app_label__in=APPS_WITH_RIGHTS)
        super().__init__(queryset=offered.select_related("content_type"), **options)


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's is bound to its model below
    """A house's own role."""

    permissions = PermissionsField(label=_("Permissions"), required=False)

    class Meta:
        model = Group
        fields = ("name", "permissions")


class RoleAdmin(ForSuperusers, StaffAdmin):
    """The four of the site are as its table has them, and are looked at; a house adds its own."""

    form = RoleForm
    list_display = ("title", "may", "holders")
    list_display_links = ("title",)
    ordering = ("name",)
    readonly_fields = ("title", "may")

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:  # Any: Django's nested tuples
        """Those of the site say what they are for; their permissions one by one are for who wants to know."""
        if obj is None or str(obj) not in staff_roles.names():
            return super().get_fieldsets(request, obj)
        listed = {"fields": ("permissions",), "classes": ("collapse",)}
        return ((None, {"fields": ("title", "may")}), (_("Permissions"), listed))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        found: QuerySet[Group] = super().get_queryset(request).annotate(holders=Count("user"))
        return found

    title = column(_("role"), ordering="name")(lambda _admin, group: staff_roles.title_of(group.name))
    may = column(_("what it may do"))(lambda _admin, group: staff_roles.may_of(group.name))

    @column(_("colleagues"))
    def holders(self, group: Any) -> str:  # Any: a group with a count
        return str(group.holders)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A house's own."""
        return self.has_view_permission(request) and (obj is None or str(obj) not in staff_roles.names())

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A house's own; none by the list, whose action knows no difference."""
        return obj is not None and self.has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)


def register() -> None:
    """In place of Django's page of groups."""
    if admin.site.is_registered(Group):
        admin.site.unregister(Group)
    admin.site.register(Group, RoleAdmin)
