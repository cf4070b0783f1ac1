"""Where allauth's sign-up is bent to this site."""

import logging

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError, transaction
from django.forms import BaseForm
from django.http import HttpRequest, JsonResponse
from django.utils.translation import get_language

from concert_site.accounts.models import User
from concert_site.lib.errors import Unavailable

log = logging.getLogger(__name__)

LONGEST_ADDRESS = 254


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth comes without types
    """allauth's own, but for addresses that are too long, and for two who sign up with one at once."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, object]) -> None:
        """Send a mail in the site's name: allauth would take the name of the host that was asked.

        :raises Unavailable: while the mail server is away: somebody waits for what is in this mail
        """
        site = {"name": "Frontrow", "domain": settings.SITE_URL}
        try:
            super().send_mail(template_prefix, email, {"current_site": site, **context})
        except OSError as error:
            # Every failure of smtplib and of sockets is one.
            log.warning("A mail of the accounts could not be sent: %s", error)
            raise Unavailable from error

    def clean_email(self, email: str) -> str:
        """Refuse what doesn't fit: allauth would cut it off, and make an account of another address.

        :raises ValidationError: if the address is longer than the column
        """
        MaxLengthValidator(LONGEST_ADDRESS)(email)
        return str(super().clean_email(email))

    def save_user(self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True) -> User:  # noqa: FBT002  allauth's signature
        """Save a new user, who is written to in the language of the moment.

        allauth looks whether the address is free and then saves. Of two at once both may find it free; the
        database refuses the second, who hears the same as whoever comes later.
        :raises AddressTaken: if the address was taken meanwhile
        """
        user.locale = user.locale or language_of_the_moment()
        try:
            with transaction.atomic():
                saved: User = super().save_user(request, user, form, commit)
        except IntegrityError as error:
            raise AddressTaken(self.validation_error("email_taken")) from error
        return saved


class AddressTaken(ImmediateHttpResponse):  # type: ignore[misc]  # allauth comes without types
    """An address that was taken between the look and the write.

    Uncaught it is an answer of allauth's API; the pages of accounts show `error` at the field.
    """

    def __init__(self, error: ValidationError) -> None:
        self.error = error
        errors = [{"message": error.message, "code": error.code, "param": "email"}]
        super().__init__(JsonResponse({"status": 400, "errors": errors}, status=400))


def language_of_the_moment() -> str:
    """The language of this request, if the site has it; else none is noted."""
    language = get_language() or ""
    return language if language in dict(settings.LANGUAGES) else ""
