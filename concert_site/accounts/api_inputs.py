"""What operations of allauth's API take, where ours asks for something else."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core import context
from allauth.headless.account.inputs import AddEmailInput
from allauth.headless.internal.restkit.inputs import CharField
from django import forms

from concert_site.accounts.address_codes import is_own_password
from concert_site.accounts.addresses import is_free


class RawPasswordMixin:
    """A form of allauth's API in which a password is what was typed, as it is on every page: blanks are part of it."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        for name in ("password", "current_password", "new_password"):
            field = self.fields.get(name)
            if isinstance(field, forms.CharField):
                field.strip = False


class ChangeAddressInput(RawPasswordMixin, AddEmailInput):  # type: ignore[misc]  # allauth comes without types
    """Another address, and the password of who has one."""

    password = CharField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        self.fields["password"].required = self.user.has_usable_password()

    def clean_email(self) -> str:
        """Another address, which is nobody's.

        :raises ValidationError: if it is the account's own, another's, or none that mail can reach
        """
        email = str(super().clean_email())
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
