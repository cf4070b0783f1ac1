"""The admin's forms of a user."""

from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from concert_site.accounts.models import User
from concert_site.accounts.sessions import end_sessions

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

        :raises ValidationError: if it is another account's
        """
        email = str(self.cleaned_data["email"]).strip().lower()
        others = User.objects.filter(email=email).exclude(pk=self.instance.pk)
        # allauth lets a fan in by any address of theirs.
        elsewhere = EmailAddress.objects.filter(email__iexact=email).exclude(user=self.instance.pk)
        if others.exists() or elsewhere.exists():
            raise ValidationError(_("Another account has this address."))
        return email


def language_field() -> forms.ChoiceField:
    """The languages of the site, and none: then the browser's counts."""
    choices = [("", _("as the browser says")), *settings.LANGUAGES]
    return forms.ChoiceField(label=_("Language"), required=False, choices=choices, widget=UnfoldAdminSelectWidget)


class ChangedUser(OneAddress, UserChangeForm):  # type: ignore[type-arg]  # Django's is bound to its model below
    """A user's own facts."""

    locale = language_field()

    class Meta:
        model = User
        fields = "__all__"


class NewUser(OneAddress, AdminUserCreationForm):  # type: ignore[type-arg]  # as above
    """A new account, of staff or of a fan."""

    locale = language_field()

    class Meta:
        model = User
        fields = ("email", "name", "locale", "is_staff")


class NewPassword(AdminPasswordChangeForm):  # type: ignore[type-arg]  # as above
    """A password that staff set, after which nobody is let in by an older one."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT002  Django's signature
        """Save it, and end the account's sessions. Of staff who change their own Django makes the session anew."""
        user: User = super().save(commit)
        end_sessions(user.pk)
        return user
