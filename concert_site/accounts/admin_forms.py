"""Forms of the admin for accounts."""

from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from concert_site.accounts import superusers
from concert_site.accounts.addresses import EmailTaken, receivable_address
from concert_site.accounts.models import User
from concert_site.accounts.sessions import end_sessions
from concert_site.lib.admin import fields

if TYPE_CHECKING:
    # unfold comes without types; its forms are Django's with another look.
    from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
else:
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm
    from unfold.forms import UserCreationForm as AdminUserCreationForm


class UniqueEmailMixin:
    """A form whose e-mail address names one account, however it is typed."""

    instance: User
    cleaned_data: dict[str, Any]  # Any: each field's own type

    def clean_email(self) -> str:
        """The address in lower case.

        :raises ValidationError: if it is another account's, or no mail can reach it
        """
        email = receivable_address(str(self.cleaned_data["email"]))
        others = User.objects.filter(email=email).exclude(pk=self.instance.pk)
        # allauth lets a fan in by any address of theirs.
        elsewhere = EmailAddress.objects.filter(email__iexact=email).exclude(user=self.instance.pk)
        if others.exists() or elsewhere.exists():
            raise ValidationError(EmailTaken.detail)
        return email


def language_field() -> forms.ChoiceField:
    """The languages of the site, and none: then the browser's counts."""
    choices = [("", _("Browser setting")), *settings.LANGUAGES]
    return fields.ChoiceField(label=_("Language"), required=False, choices=choices)


class StaffRolesMixin:
    """A form in which roles go with the box that makes somebody a colleague."""

    cleaned_data: dict[str, Any]  # Any: each field's own type

    def clean_groups(self) -> Any:  # Any: groups
        """
        :raises ValidationError: if somebody who is no member of staff would get a role
        """
        groups = self.cleaned_data["groups"]
        if groups and not self.cleaned_data.get("is_staff"):
            raise ValidationError(_("Tick “staff” as well: a role is of use to staff alone."))
        return groups


class UserForm(StaffRolesMixin, UniqueEmailMixin, UserChangeForm):  # type: ignore[type-arg]  # Django's is bound to its model below
    """A user's own facts."""

    locale = language_field()

    class Meta:
        model = User
        fields = "__all__"

    def clean(self) -> dict[str, Any]:  # Any: each field's own type
        """Judge the whole: the last superuser stays one. In a transaction, as Django's page has it."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        rights = ("is_superuser", "is_staff", "is_active")
        stays = all(cleaned.get(right, getattr(self.instance, right)) for right in rights)
        if superusers.is_working_superuser(self.instance) and not stays:
            try:
                superusers.require_another(self.instance.pk)
            except superusers.LastSuperuser as refusal:
                raise ValidationError(str(refusal.detail)) from refusal
        return cleaned


class NewUserForm(StaffRolesMixin, UniqueEmailMixin, AdminUserCreationForm):  # type: ignore[type-arg]  # as above
    """A new account, of staff or of a fan."""

    locale = language_field()

    class Meta:
        model = User
        fields = ("email", "name", "locale", "is_staff", "groups")


class NewPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]  # as above
    """A password that staff set, after which nobody is let in by an older one."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT002  Django's signature
        """Save it, and end the account's sessions. Of staff who change their own Django makes the session anew."""
        user: User = super().save(commit)
        end_sessions(user.pk)
        return user
