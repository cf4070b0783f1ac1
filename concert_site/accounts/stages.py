"""Steps of a login."""

import logging
from typing import Any

from allauth.account.internal.flows.email_verification import send_verification_email_at_login
from allauth.account.stages import EmailVerificationStage
from django.conf import settings
from django.http import HttpResponse

from concert_site.accounts.addresses import is_verified
from concert_site.lib.errors import Unavailable

log = logging.getLogger(__name__)


class SendCodeAtSignUp(EmailVerificationStage):  # type: ignore[misc]  # allauth comes without types
    """Send the code by which a new account confirms its address, and let it in: what needs one asks for it."""

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """No answer of its own, and on to the next step."""
        login: Any = self.login  # Any: allauth's
        if settings.VERIFY_ADDRESSES and login.signup and login.user and not is_verified(login.user.pk):
            try:
                send_verification_email_at_login(self.request, login)
            except Unavailable:
                # The account is made. A code is sent whenever its owner asks for one.
                log.warning("Account %s was made without a code: the mail server is away.", login.user.pk)
        return None, True
