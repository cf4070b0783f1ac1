"""Accounts in the admin: its login, the users, and what other apps bring for accounts, which is taken out again.

What staff may do is given by roles; accounts of social logins and addresses follow the user.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from allauth.account import admin as _account_admin  # noqa: F401  registers EmailAddress
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.mfa import admin as _mfa_admin  # noqa: F401  registers Authenticator
from allauth.mfa.models import Authenticator
from allauth.socialaccount import admin as _social_admin  # noqa: F401  registers the three below
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions import admin as _sessions_admin  # noqa: F401  registers UserSession
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.admin.utils import NestedObjects, unquote
from django.contrib.auth import admin as auth_admin  # registers Group
from django.core.exceptions import PermissionDenied
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from concert_site.accounts import staff_login, superusers
from concert_site.accounts.addresses import set_address
from concert_site.accounts.admin_forms import NewPasswordForm, NewUserForm, UserForm
from concert_site.accounts.models import User
from concert_site.accounts.role_admin import PermissionsField, RolesField, register
from concert_site.accounts.second_factor import remove_factors
from concert_site.accounts.sessions import end_sessions
from concert_site.accounts.walk_ins import IS_WALK_IN
from concert_site.lib.admin.base import StaffAdmin
from concert_site.lib.admin.confirming import Question
from concert_site.lib.formats import thousands
from concert_site.lib.lazy_text import StrOrPromise

if TYPE_CHECKING:
    DjangosUserAdmin = auth_admin.UserAdmin[User]
else:
    DjangosUserAdmin = auth_admin.UserAdmin

# Django imports the admin modules in the order of INSTALLED_APPS, this one before those above. Imported here
# they have registered their models for certain, and won't be run a second time.
admin.site.unregister([EmailAddress, SocialAccount, SocialApp, SocialToken, Authenticator, UserSession])


def change_own_password(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """The admin's page for a member of staff's own password; of their sessions this one goes on."""
    response = type(admin.site).password_change(admin.site, request, extra_context)
    # The only redirect there is: to the page that says that it was changed.
    if request.method == "POST" and response.status_code == HTTPStatus.FOUND and request.user.pk:
        end_sessions(request.user.pk, keep=request.session.session_key)
    return response


register()

# Of the instance, since unfold makes it: the same login as everybody's, and a second factor where it is demanded.
admin.site.has_permission = staff_login.may_enter  # type: ignore[method-assign]
admin.site.login = staff_login.login  # type: ignore[method-assign]
admin.site.password_change = change_own_password  # type: ignore[method-assign, assignment]

BOXES = {"groups": RolesField, "user_permissions": PermissionsField}
# What makes somebody a colleague, and what a colleague may do.
RIGHTS = ("is_staff", "groups", "is_superuser", "user_permissions")


@admin.register(User)
class UserAdmin(StaffAdmin, DjangosUserAdmin):
    """Fans and staff.

    Whoever may change an account can take it over, by its password or its address. So only superusers touch the
    accounts of staff and say who is staff; others with the permission look after fans.
    """

    form = UserForm
    add_form = NewUserForm
    change_password_form = NewPasswordForm
    change_form_before_template = "admin/accounts/links_of_user.html"
    list_display = ("email", "name", "locale", "is_staff", "is_active", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", ("last_login", admin.DateFieldListFilter))
    search_fields = ("email", "name")
    ordering = ("-pk",)
    show_full_result_count = False
    list_disable_select_all = True
    filter_horizontal = ()
    readonly_fields = ("last_login",)
    actions = ("activate", "deactivate", "remove_second_factor")
    fieldsets = (
        (None, {"fields": ("email", "password", "name", "locale", "is_active", "last_login")}),
        (_("Staff"), {"fields": RIGHTS[:3]}),
        (_("Single permissions, beside those of the roles"), {"fields": RIGHTS[3:], "classes": ("collapse",)}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "locale", "is_staff", "groups", "password1", "password2")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """All accounts; the list leaves out those of walk-ins unless somebody looks for one: they are no fans."""
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.exclude(IS_WALK_IN) if self.is_list(request) and not request.GET.get("q") else rows

    def get_actions(self, request: HttpRequest, *args: Any) -> dict[str, Any]:  # Any: as Django has it
        """All but deleting: who has booked can't be deleted, and nobody should learn it row by row."""
        actions = super().get_actions(request, *args)
        unwanted = {"delete_selected"} if request.user.is_superuser else {"delete_selected", "remove_second_factor"}
        return {name: action for name, action in actions.items() if name not in unwanted}

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and (request.user.is_superuser or not outranks_a_fan(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Staff are never deleted: what they did would go out of the log with them."""
        return super().has_delete_permission(request, obj) and not outranks_a_fan(obj)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:  # Any: Django's
        """Roles and permissions as boxes to tick, on a phone too."""
        if db_field.name in BOXES:
            label = _("Roles") if db_field.name == "groups" else capfirst(db_field.verbose_name)
            return BOXES[db_field.name](required=False, label=label)
        return super().formfield_for_manytomany(db_field, request, **options)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Rights are given by superusers alone; a field that is shown and not offered is not read from a form."""
        fixed = tuple(super().get_readonly_fields(request, obj))
        return fixed if request.user.is_superuser else (*fixed, *RIGHTS)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's page; who has booked or has money is sent back with what to do instead."""
        user = self.get_object(request, unquote(object_id))
        if user is not None and self.has_delete_permission(request, user) and is_held(user):
            why = _("%(user)s has bookings, money or a history with us. Deactivate the account instead.")
            self.message_user(request, why % {"user": user}, messages.ERROR)
            return redirect("admin:accounts_user_change", user.pk)
        return super().delete_view(request, object_id, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:  # Any: Django's
        """Save, with the address that allauth keeps; what was issued for the account as it was is over."""
        super().save_model(request, obj, form, change)
        if change and "email" in form.changed_data:
            # Verified by whoever reads its mail, at their next booking.
            set_address(obj, is_verified=False)
            notify_old_address(request, obj, form.initial["email"])
        if change and {"email", "is_active"} & set(form.changed_data):
            keep_own = request.session.session_key if obj == request.user else None
            end_sessions(obj.pk, keep=keep_own)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Delete, and let nobody in as whoever is gone."""
        user_id = obj.pk
        super().delete_model(request, obj)
        end_sessions(user_id)

    @admin.action(description=_("Reactivate"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        title = _("Reactivate these accounts?")
        if page := self.confirm_many(request, about(queryset, title)):
            return page
        self.switch(request, queryset, is_active=True)
        return None

    @admin.action(description=_("Deactivate: they can no longer log in"), permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        warning = _("Their sessions end at once, and they can no longer log in. What they have booked stays theirs.")
        question = about(queryset, _("Deactivate these accounts?"), warning)
        if page := self.confirm_many(request, question):
            return page
        self.switch(request, queryset, is_active=False)
        return None

    @admin.action(description=_("Remove a lost second factor"), permissions=["change"])
    def remove_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """Let the selected log in by their password alone: for superusers, after they know who is asking."""
        if not request.user.is_superuser:
            raise PermissionDenied
        warning = _("Their passwords alone open these accounts then. Be sure who is asking, for each of them.")
        if page := self.confirm_many(
            request, about(queryset, _("Remove the second factor of these accounts?"), warning)
        ):
            return page
        removed = 0
        for user in queryset:
            if remove_factors(user):
                removed += 1
                self.log_change(request, user, str(_("Second factor removed.")))
        told = ngettext("%(count)d account was changed.", "%(count)d accounts were changed.", removed)
        self.message_user(request, told % {"count": removed})
        return None

    def switch(self, request: HttpRequest, queryset: QuerySet[User], *, is_active: bool) -> None:
        """Switch accounts on or off, one by one so that each stands in the log."""
        asked = [user for user in queryset if user.is_active != is_active]
        allowed = [user for user in asked if self.has_change_permission(request, user) and user != request.user]
        done = [user for user in allowed if self.is_switched(request, user, is_active=is_active)]
        changed = ngettext("%(count)d account was changed.", "%(count)d accounts were changed.", len(done))
        self.message_user(request, changed % {"count": len(done)})
        if len(allowed) < len(asked):
            why = _("Only superusers can change staff accounts, and nobody can change their own.")
            self.message_user(request, why, messages.WARNING)

    def is_switched(self, request: HttpRequest, user: User, *, is_active: bool) -> bool:
        """Switch one account, and log it; False, and said, if it is the last superuser's."""
        try:
            with transaction.atomic():
                if not is_active and superusers.is_working_superuser(user):
                    superusers.require_another(user.pk)
                user.is_active = is_active
                user.save(update_fields=["is_active"])
        except superusers.LastSuperuser as refusal:
            self.message_user(request, f"{user}: {refusal.detail}", messages.ERROR)
            return False
        end_sessions(user.pk)
        self.log_change(request, user, str(_("Reactivated.") if is_active else _("Deactivated.")))
        return True


def about(queryset: QuerySet[User], title: StrOrPromise, warning: StrOrPromise = "") -> Question:
    rows = list(queryset.values_list("is_staff", "is_active"))
    counts = [
        (str(name), _("%(active)s active, %(inactive)s deactivated") % active_counts(rows, is_staff=is_staff))
        for name, is_staff in ((_("Fans"), False), (_("Staff"), True))
        if any(row[0] == is_staff for row in rows)
    ]
    return Question(title, counts, len(rows), warning)


def active_counts(rows: list[tuple[bool, bool]], *, is_staff: bool) -> dict[str, str]:
    states = [is_active for staff, is_active in rows if staff == is_staff]
    return {"active": thousands(sum(states)), "inactive": thousands(len(states) - sum(states))}


def notify_old_address(request: HttpRequest, user: User, old: str) -> None:
    get_adapter(request).send_notification_mail(
        "account/email/email_changed", user, {"from_email": old, "to_email": user.email}, email=old
    )


def is_held(user: User) -> bool:
    """Whether other rows point at this account and keep it."""
    collector = NestedObjects(using=DEFAULT_DB_ALIAS, origin=user)
    collector.collect([user])
    return bool(collector.protected)


def outranks_a_fan(obj: Model | None) -> bool:
    return isinstance(obj, User) and (obj.is_staff or obj.is_superuser)
