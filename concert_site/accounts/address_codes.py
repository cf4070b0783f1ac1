"""Codes that show that an address is its owner's: asked for here, by page and by app alike.

A code waits in the session that asked for it, and with it the address that it was mailed to.
"""

import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.email_verification_by_code import EmailVerificationProcess
from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from concert_site.accounts import brute_force
from concert_site.accounts.models import User
from concert_site.accounts.reauthentication import is_from_there


def send_code(request: HttpRequest, email: str) -> None:
    """Mail a code to an address of whoever is logged in: the present one, or the one that it is to become.

    :raises TooManyAttempts: if too many were asked for
    :raises Unavailable: while the mail server is away
    """
    brute_force.admit_reset(request, email)
    EmailVerificationProcess.initiate(request=request, user=request.user, email=email)


def ask_for_another(request: HttpRequest, email: str) -> None:
    """Mail a code to the address that the account is to have, and tell the present one of it.

    :raises TooManyAttempts: as above
    :raises Unavailable: as above
    """
    send_code(request, email)
    user: Any = request.user  # Any: whoever is logged in
    get_adapter(request).send_notification_mail("account/email/email_change_asked", user, {"to_email": email})


def is_own_password(request: HttpRequest, user: AbstractBaseUser, password: str) -> bool:
    """Whether this is the password of who is logged in; a guess, and counted as one.

    :raises TooManyAttempts: if there were too many
    """
    counted = brute_force.admit_guess(request, user.get_username())
    if not user.check_password(password):
        return False
    brute_force.forgive(counted)
    return True


def must_log_in_again(request: HttpRequest, user: User) -> bool:
    """Whether who has no password must log in anew: the last time was elsewhere, or is too long ago."""
    if user.has_usable_password():
        return False
    records = get_authentication_records(request, user)
    is_here = bool(records) and is_from_there(request)
    return not is_here or time.time() - records[-1]["at"] >= settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
