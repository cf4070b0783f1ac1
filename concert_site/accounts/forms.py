"""Forms of accounts: the admin's, and what others share."""

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core import context
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from concert_site.accounts import superusers
from concert_site.accounts.address_codes import is_own_password
from concert_site.accounts.addresses import EmailTaken, is_free, receivable_address
from concert_site.accounts.models import User
from concert_site.accounts.sessions import end_sessions
from concert_site.lib.admin import fields

if TYPE_CHECKING:
    # unfold comes without types; its forms are Django's with another look.
    from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
else:
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm
    from unfold.forms import UserCreationForm as AdminUserCreationForm


class OneAddress:
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


class UnclaimedAddress:
    """A sign-up's form: an address that an account has, by its word alone or not, is had by a reset of its password.

    A sign-up shows nothing, so it may take nothing from anybody.
    """

    def validate_unique_email(self, value: str) -> str:
        """The address, unless it is an account's.

        :raises ValidationError: if it is
        """
        self.account_already_exists = False
        if User.objects.of_address(value):
            raise get_adapter().validation_error("email_taken")
        return str(get_adapter().validate_unique_email(value))


class SpacesCount:
    """A form of allauth's API in which a password is what was typed, as it is on every page: blanks are part of it."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        for name in ("password", "current_password", "new_password"):
            field = self.fields.get(name)
            if isinstance(field, forms.CharField):
                field.strip = False


class PasswordAgain(forms.Form):
    """A page's form of whoever is logged in, in which those who have a password say it again."""

    password = forms.CharField(
        label=_("Your password"), widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}), strip=False
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        self.user = user
        if not user.has_usable_password():
            del self.fields["password"]

    def clean_password(self) -> str:
        """
        :raises ValidationError: if it is not the account's
        :raises TooManyAttempts: if it was guessed too often
        """
        password = str(self.cleaned_data["password"])
        if not is_own_password(context.request, self.user, password):
            raise ValidationError(_("That’s not your password."))
        return password


class OwnPassword:
    """The same in allauth's API."""

    user: User
    fields: dict[str, forms.Field]
    cleaned_data: dict[str, Any]  # Any: each field's own type

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        self.fields["password"].required = self.user.has_usable_password()

    def clean_email(self) -> str:
        """Another address, which is nobody's.

        :raises ValidationError: if it is the account's own, another's, or none that mail can reach
        """
        email = str(super().clean_email())  # type: ignore[misc]  # of the form it is mixed into
        if not is_free(email):
            raise get_adapter().validation_error("email_taken")
        return email

    def clean_password(self) -> str:
        """
        :raises ValidationError: if it is not the account's
        :raises TooManyAttempts: if it was guessed too often
        """
        password = str(self.cleaned_data["password"] or "")
        if self.user.has_usable_password() and not is_own_password(context.request, self.user, password):
            raise get_adapter().validation_error("enter_current_password")
        return password


def language_field() -> forms.ChoiceField:
    """The languages of the site, and none: then the browser's counts."""
    choices = [("", _("Browser setting")), *settings.LANGUAGES]
    return fields.ChoiceField(label=_("Language"), required=False, choices=choices)


class RolesOfStaff:
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


class ChangedUser(RolesOfStaff, OneAddress, UserChangeForm):  # type: ignore[type-arg]  # Django's is bound to its model below
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


class NewUser(RolesOfStaff, OneAddress, AdminUserCreationForm):  # type: ignore[type-arg]  # as above
    """A new account, of staff or of a fan."""

    locale = language_field()

    class Meta:
        model = User
        fields = ("email", "name", "locale", "is_staff", "groups")


class NewPassword(AdminPasswordChangeForm):  # type: ignore[type-arg]  # as above
    """A password that staff set, after which nobody is let in by an older one."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT002  Django's signature
        """Save it, and end the account's sessions. Of staff who change their own Django makes the session anew."""
        user: User = super().save(commit)
        end_sessions(user.pk)
        return user
