"""Forms of an account's pages, allauth's own among them."""

from typing import Any, ClassVar

from allauth.account.adapter import get_adapter
from allauth.account.forms import ConfirmEmailVerificationCodeForm, LoginForm, SignupForm
from allauth.core import context
from allauth.socialaccount.forms import SignupForm as SocialSignupForm
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.address_codes import is_own_password
from concert_site.accounts.addresses import EmailTaken, is_free, receivable_address
from concert_site.accounts.models import User


class LoginPageForm(LoginForm):  # type: ignore[misc]  # allauth comes without types
    """allauth's own, in the words of this site: its Korean calls the box one that keeps the address."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        self.fields["remember"].label = _("Stay logged in")


class UnclaimedEmailMixin:
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


class SignUpPageForm(UnclaimedEmailMixin, SignupForm):  # type: ignore[misc]  # as above
    """allauth's own."""


class SocialSignUpForm(UnclaimedEmailMixin, SocialSignupForm):  # type: ignore[misc]  # as above
    """allauth's own."""


class ConfirmPasswordForm(forms.Form):
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


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    """What a fan may change of their own account; the address and the password have pages of their own."""

    locale = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    class Meta:
        model = User
        fields: ClassVar = ["name", "locale"]
        widgets: ClassVar = {"name": forms.TextInput(attrs={"autocomplete": "name"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        # Who never chose reads the page in some language all the same.
        self.initial["locale"] = self.initial.get("locale") or get_language()


class AddressForm(ConfirmPasswordForm, forms.ModelForm):  # type: ignore[type-arg]  # as above
    """Another address to log in with."""

    class Meta:
        model = User
        fields: ClassVar = ["email"]
        labels: ClassVar = {"email": _("New e-mail address")}
        widgets: ClassVar = {"email": forms.EmailInput(attrs={"autocomplete": "email"})}

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:  # Any: as above
        super().__init__(user, *args, instance=user, initial={"email": ""}, **kwargs)

    def clean_email(self) -> str:
        """The address, whether it is nobody's or is named by an account that never showed a code.

        :raises ValidationError: if it is another account's, or no mail can reach it
        """
        email = receivable_address(str(self.cleaned_data["email"]))
        if email != self.instance.email and not is_free(email):
            raise ValidationError(EmailTaken.detail)
        return email

    def validate_unique(self) -> None:
        """Nothing is saved here, and whose it is was looked at above."""


class CodeForm(ConfirmEmailVerificationCodeForm):  # type: ignore[misc]  # allauth comes without types
    """A code out of a mail."""

    def clean_code(self) -> str:
        """The code; whether the address is free is looked at when it is claimed.

        :raises ValidationError: if it is another
        """
        return str(super(ConfirmEmailVerificationCodeForm, self).clean_code())
