"""A second factor: codes of an authenticator app, passkeys, and recovery codes for the day both are lost."""

import base64
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.core import context
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.totp.internal.auth import yield_hotp_counters_from_time as steps_of_this_moment
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db.models import Q
from django.forms import CharField, Field
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from concert_site.accounts import brute_force
from concert_site.accounts.models import User
from concert_site.accounts.sessions import end_sessions

LONGEST_NAME = 100
# What a login can be made with; recovery codes alone are no second factor.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth comes without types
    """allauth's own, with secrets that a copy of the database doesn't give away."""

    def encrypt(self, text: str) -> str:
        """Encrypt a secret by a key that is derived from SECRET_KEY."""
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret; one that nobody knows, and no code fits, if SECRET_KEY has changed since."""
        try:
            return _fernet().decrypt(encrypted_text).decode()
        except InvalidToken:
            return str(generate_totp_secret())

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002  allauth's
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return _("Passkey %(number)d") % {"number": number}

    def _get_site_name(self) -> str:
        return "Frontrow"


class LimitedCodeMixin:
    """A form with a code, which is guessed as slowly as a password, and good for one login."""

    user: User
    authenticator: Authenticator

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        code: Field = self.fields["code"]  # type: ignore[attr-defined]  # of the form it is mixed into
        code.label = _("Code")

    def clean_code(self) -> str:
        """Judge the code.

        :raises ValidationError: if it is wrong or was used before
        :raises TooManyAttempts: if this caller has guessed too often
        """
        counted = brute_force.admit_guess(context.request, self.user.email, kind="code")
        code: str = super().clean_code()  # type: ignore[misc]  # of the form it is mixed into
        if self.authenticator.type == Authenticator.Type.TOTP and not use_up(self.authenticator, code):
            raise MFAAdapter().validation_error("incorrect_code")
        brute_force.forgive(counted)
        return code


class Authenticate(LimitedCodeMixin, AuthenticateForm):  # type: ignore[misc]  # allauth comes without types
    """The second step of a login."""


class Reauthenticate(LimitedCodeMixin, ReauthenticateForm):  # type: ignore[misc]  # as above
    """The second factor again, in a session."""


class CredentialMixin:
    """A form with a passkey's answer, of which nonsense is wrong and no mistake of ours: allauth foresees but some."""

    def clean(self) -> dict[str, Any]:  # Any: each field's own type
        """Judge what is judged as a whole.

        :raises ValidationError: if it makes no sense
        """
        with reject_unreadable():
            cleaned: dict[str, Any] = super().clean() or {}  # type: ignore[misc]  # of the form it is mixed into
        return cleaned

    def clean_credential(self) -> Any:  # Any: allauth's own
        """Judge the answer itself.

        :raises ValidationError: if it makes no sense
        """
        judge = getattr(super(), "clean_credential", None)
        with reject_unreadable():
            return judge() if judge else self.cleaned_data["credential"]  # type: ignore[attr-defined]  # as above


@contextmanager
def reject_unreadable() -> Iterator[None]:
    """Turn what fido2 stumbles over into the error of a wrong code."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, struct.error) as error:
        raise MFAAdapter().validation_error("incorrect_code") from error


class PasskeyNameMixin:
    """A form with the name of a passkey, which has an end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the form's own arguments
        super().__init__(*args, **kwargs)
        fields: dict[str, Field] = self.fields  # type: ignore[attr-defined]  # of the form it is mixed into
        fields["name"] = CharField(
            label=_("Name of the passkey"), required=fields["name"].required, max_length=LONGEST_NAME
        )


class NewPasskeyMixin(PasskeyNameMixin, CredentialMixin):
    """A form with a new passkey and its name."""


class RenamePasskey(PasskeyNameMixin, EditWebAuthnForm):  # type: ignore[misc]  # allauth comes without types
    """Another name for a passkey."""


class AddPasskey(NewPasskeyMixin, AddWebAuthnForm):  # type: ignore[misc]  # allauth comes without types
    """Add a passkey."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: as above
        super().__init__(*args, **kwargs)
        self.fields["passwordless"].label = _("Use it to log in without a password")
        self.fields["passwordless"].help_text = _("Your device then asks for your fingerprint, face or PIN.")


class LoginPasskey(CredentialMixin, LoginWebAuthnForm):  # type: ignore[misc]  # as above
    """Log in by a passkey alone."""


class AuthenticatePasskey(CredentialMixin, AuthenticateWebAuthnForm):  # type: ignore[misc]  # as above
    """The second step of a login, by a passkey."""


class ReauthenticatePasskey(CredentialMixin, ReauthenticateWebAuthnForm):  # type: ignore[misc]  # as above
    """A passkey again, in a session."""


def use_up(authenticator: Authenticator, code: str) -> bool:
    """Whether this code of an app is later than every one that was used: it is used up by asking (RFC 6238, 5.2).

    One conditional UPDATE, because allauth remembers used codes in the cache alone, which may be away.
    """
    secret = MFAAdapter().decrypt(authenticator.data["secret"])
    plain = normalize_user_code(code)
    steps = [step for step in steps_of_this_moment() if format_hotp_value(hotp_value(secret, step)) == plain]
    # None only if the window moved on between allauth's look and this one.
    step = max(steps, default=0)
    is_later = Q(data__last_step__isnull=True) | Q(data__last_step__lt=step)
    used = Authenticator.objects.filter(is_later, pk=authenticator.pk)
    return bool(used.update(data={**authenticator.data, "last_step": step}) == 1)


def has_factor(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type__in=FACTORS).exists())


def used_factors(request: HttpRequest, user: User) -> list[int]:
    records = get_authentication_records(request, user)
    return [record["id"] for record in records if record.get("method") == "mfa" and "id" in record]


def is_proved(request: HttpRequest, user: User) -> bool:
    """Whether this session was made, or confirmed since, with a second factor that the account still has."""
    used = used_factors(request, user)
    return bool(used) and Authenticator.objects.filter(user=user, pk__in=used).exists()


def note_new_factor(
    *, request: HttpRequest, user: User, authenticator: Authenticator, **_signal: Any
) -> None:  # Any: the signal's
    """Whoever has just set a factor up has shown it, with the password: this session counts as made with it."""
    if authenticator.type in FACTORS and request.user.is_authenticated:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)


def remove_factors(user: User) -> int:
    """Take away every second factor of an account whose owner has lost it, and end its sessions; how many there were.

    Whoever has found or stolen the phone may be logged in with it.
    """
    count, _by_model = Authenticator.objects.filter(user=user).delete()
    if count:
        end_sessions(user.pk)
    return int(count)


def _fernet() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    derived = [salted_hmac("frontrow.factor", "key", secret=key, algorithm="sha256").digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
