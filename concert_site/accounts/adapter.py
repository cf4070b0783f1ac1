"""Where allauth's sign-up is bent to this site."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError, transaction
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, JsonResponse

from concert_site.accounts.models import User

LONGEST_ADDRESS = 254


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth comes without types
    """allauth's own, but for addresses that are too long, and for two who sign up with one at once."""

    def clean_email(self, email: str) -> str:
        """Refuse what doesn't fit: allauth would cut it off, and make an account of another address.

        :raises ValidationError: if the address is longer than the column
        """
        MaxLengthValidator(LONGEST_ADDRESS)(email)
        return str(super().clean_email(email))

    def save_user(self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True) -> User:  # noqa: FBT002  allauth's signature
        """Save a new user.

        allauth looks whether the address is free and then saves. Of two at once both may find it free; the
        database refuses the second, who hears the same as whoever comes later.
        :raises ImmediateHttpResponse: if the address was taken meanwhile
        """
        try:
            with transaction.atomic():
                saved: User = super().save_user(request, user, form, commit)
        except IntegrityError as error:
            raise ImmediateHttpResponse(refusal(self.validation_error("email_taken"))) from error
        return saved


def refusal(error: ValidationError) -> HttpResponse:
    """An error of the field `email` in the shape of allauth's API."""
    errors = [{"message": error.message, "code": error.code, "param": "email"}]
    return JsonResponse({"status": 400, "errors": errors}, status=400)
