"""The forms of the pages that log in and sign up."""

from typing import Any

from allauth.account.forms import LoginForm, SignupForm
from allauth.socialaccount.forms import SignupForm as SocialSignupForm
from django.utils.translation import gettext_lazy as _

from concert_site.accounts.forms import UnclaimedEmailMixin


class LoginPageForm(LoginForm):  # type: ignore[misc]  # allauth comes without types
    """allauth's own, in the words of this site: its Korean calls the box one that keeps the address."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        self.fields["remember"].label = _("Stay logged in")


class SignUpPageForm(UnclaimedEmailMixin, SignupForm):  # type: ignore[misc]  # as above
    """allauth's own."""


class SocialSignUpForm(UnclaimedEmailMixin, SocialSignupForm):  # type: ignore[misc]  # as above
    """allauth's own."""
