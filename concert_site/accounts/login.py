"""The form of the login's page."""

from typing import Any

from allauth.account.forms import LoginForm
from django.utils.translation import gettext_lazy as _


class Login(LoginForm):  # type: ignore[misc]  # allauth comes without types
    """allauth's own, in the words of this site: its Korean calls the box one that keeps the address."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        self.fields["remember"].label = _("Stay logged in")
