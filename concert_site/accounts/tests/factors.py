"""Second factors as their owners have them."""

import time

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value

from concert_site.accounts.second_factor import MFAAdapter


def code_of(secret, steps=0):
    """What the app shows now, or so many half minutes from now.

    One later is good already; one earlier would be, until the half minute is over, which may be the next moment.
    """
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def give_app(user):
    """Set an app up for an account; its secret."""
    secret = generate_totp_secret()
    data = {"secret": MFAAdapter().encrypt(secret)}
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)
    return secret


def give_recovery_codes(user):
    """Recovery codes for an account."""
    return RecoveryCodes.activate(user).generate_codes()
