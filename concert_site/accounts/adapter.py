"""Where allauth is bent to this site: its adapters, and a step of its login."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.email_verification import send_verification_email_at_login
from allauth.account.internal.flows.password_reset_by_code import PASSWORD_RESET_VERIFICATION_SESSION_KEY
from allauth.account.models import EmailAddress
from allauth.account.stages import EmailVerificationStage
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from allauth.headless.adapter import DefaultHeadlessAdapter
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError, transaction
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _

from concert_site.accounts import brute_force, devices
from concert_site.accounts.addresses import LONGEST_ADDRESS, EmailTaken, claim_address, is_verified, receivable_address
from concert_site.accounts.background_mail import send_in_background
from concert_site.accounts.models import User
from concert_site.accounts.password_reset import HASH_AT_REQUEST, hash_of_password, remember_password
from concert_site.accounts.reauthentication import is_from_there
from concert_site.accounts.sessions import end_sessions, end_sessions_of_keys
from concert_site.accounts.token_strategy import is_of_an_app, issue_tokens
from concert_site.accounts.user_agents import name_of_client
from concert_site.lib.errors import Unavailable
from concert_site.lib.web.networks import NOWHERE, client_address, without_port
from concert_site.lib.web.prefixes import ALLAUTH_API

log = logging.getLogger(__name__)

RESET_CODE = "account/email/password_reset_code"
UNKNOWN_ACCOUNT = "account/email/unknown_account"
RESET_PAGE = "account_reset_password"
CONFIRMATION_STAGE = "allauth.account.stages.EmailVerificationStage"
OWN_STAGE = f"{__name__}.SendCodeAtSignUp"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth comes without types
    """allauth's own, but for addresses that are too long, and for two who sign up with one at once."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_taken": _("This e-mail address already has an account. Log in, or reset your password.")
    }

    def send_mail(self, template_prefix: str, email: str, context: dict[str, object]) -> None:
        """Send a mail in the site's name.

        :raises Unavailable: while the mail server is away: somebody waits for what is in this mail
        """
        if template_prefix in (RESET_CODE, UNKNOWN_ACCOUNT):
            self.answer_for_a_reset(template_prefix, email, context)
            return
        try:
            super().send_mail(template_prefix, email, {"current_site": site(), **context})
        except OSError as error:
            # Every failure of smtplib and of sockets is one.
            log.warning("A mail of the accounts could not be sent: %s", error)
            raise Unavailable from error

    def answer_for_a_reset(self, template_prefix: str, email: str, context: dict[str, object]) -> None:
        """Send a code for a new password; for an address without an account do the same work, and send nothing.

        Strangers can't be made to get mails of ours, and neither the answer nor its time tells who has an account.
        """
        code = context.get("code") or self.generate_password_reset_code()
        message = self.render_mail(RESET_CODE, email, {"current_site": site(), **context, "code": code})
        if template_prefix == RESET_CODE:
            remember_password(self.request, email)
            send_in_background(message)

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, object] | None = None, email: str | None = None
    ) -> None:
        """Tell the owner what was changed and from where; it is done, whether the mail server is there or not."""
        request = self.request
        ip = self.get_client_ip(request)
        told = {"current_site": site(), "user": user, "ip": ip, "timestamp": timezone.now(), **(context or {})}
        with override(user.locale or None):
            told["client"] = name_of_client(request.headers.get("User-Agent", ""))
            message = self.render_mail(template_prefix, email or user.email, told)
        send_in_background(message)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Back to the account: the form again would look as if it had to be filled in once more."""
        return reverse("profile")

    def get_client_ip(self, request: HttpRequest) -> str:
        """Whom the rest of allauth's limits count: by the same rule as ours."""
        return without_port(client_address(request)) or NOWHERE

    def pre_authenticate(self, request: HttpRequest, **credentials: object) -> None:
        """Count a guess before anything is hashed.

        :raises TooManyAttempts: if this caller has guessed too often
        """
        self.counted = brute_force.admit_guess(request, str(credentials.get("email", "")))

    def authenticate(self, request: HttpRequest, **credentials: object) -> User | None:
        """Whose credentials these are, if anybody's.

        :raises TooManyAttempts: as above
        """
        if "email" in credentials:
            # Whoever types it as it is written, with letters of any script, is found all the same.
            with suppress(ValidationError):
                credentials["email"] = receivable_address(str(credentials["email"]))
        user: User | None = super().authenticate(request, **credentials)
        if user is not None:
            brute_force.forgive(self.counted)
        return user

    def login(self, request: HttpRequest, user: User) -> None:
        """Log in, after all that was asked for, and remember from where."""
        super().login(request, user)
        devices.remember(request, user.email)

    def is_reauthentication_required(self, *, app: str, **kwargs: object) -> bool:
        """Whether `app` wants it said again who this is; said a moment ago, it counts where it was said.

        :raises ReauthenticationRequired: from another network than that
        """
        is_required = bool(super().is_reauthentication_required(app=app, **kwargs))
        if is_required and not is_from_there(self.request):
            raise ReauthenticationRequired
        return is_required

    def set_password(self, user: User, password: str) -> None:
        """Change or reset a password: nobody is let in by what was issued before, but whoever changes their own.

        Of theirs this session goes on; an app is answered with new tokens.
        """
        request = self.request
        require_code_of_today(request, user)
        super().set_password(user, password)
        is_own = request.user.is_authenticated and request.user.pk == user.pk
        end_sessions(user.pk, keep=request.session.session_key if is_own else None)
        if is_own and is_of_an_app(request):
            issue_tokens(request)

    def clean_email(self, email: str) -> str:
        """Refuse what doesn't fit: allauth would cut it off, and make an account of another address.

        :raises ValidationError: if the address is longer than the column, or no mail can reach it
        """
        MaxLengthValidator(LONGEST_ADDRESS)(email)
        return str(super().clean_email(receivable_address(email)))

    def get_login_stages(self) -> list[str]:
        """allauth's own; but an address that nobody has confirmed yet keeps nobody from logging in."""
        stages: list[str] = super().get_login_stages()
        return [OWN_STAGE if name == CONFIRMATION_STAGE else name for name in stages]

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """A code that was sent to this address has been given: from now on it is the account's, and no other.

        The old address is told, and an app is answered with new tokens.
        :raises AddressTaken: if it became another account's meanwhile
        """
        user = email_address.user
        try:
            before = claim_address(user, email_address.email, keep=request.session.session_key)
        except EmailTaken as error:
            raise AddressTaken(self.validation_error("email_taken")) from error
        if before != user.email:
            changed = {"from_email": before, "to_email": user.email}
            self.send_notification_mail("account/email/email_changed", user, changed, email=before)
        if is_of_an_app(request):
            issue_tokens(request)
        return True

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


def require_code_of_today(request: HttpRequest, user: User) -> None:
    """Refuse a new password by a code that was sent to an address, or for a password, that is the account's no more.

    :raises ImmediateHttpResponse: back to where a code is asked for
    """
    state = request.session.get(PASSWORD_RESET_VERIFICATION_SESSION_KEY)
    if state is None or request.user.is_authenticated:
        return
    is_of_today = request.session.get(HASH_AT_REQUEST) == hash_of_password(user)
    if not is_of_today or not User.objects.filter(pk=user.pk, email=state["email"].lower()).exists():
        del request.session[PASSWORD_RESET_VERIFICATION_SESSION_KEY]
        is_app = request.path.startswith(ALLAUTH_API)
        raise ImmediateHttpResponse(JsonResponse({"status": 409}, status=409) if is_app else redirect(RESET_PAGE))


def site() -> dict[str, str]:
    """The site as mails name it: allauth would take the name of the host that was asked."""
    return {"name": "Frontrow", "domain": settings.SITE_URL}


class SendCodeAtSignUp(EmailVerificationStage):  # type: ignore[misc]  # as above
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


class HeadlessAdapter(DefaultHeadlessAdapter):  # type: ignore[misc]  # as above
    """allauth's own, and the token of the device that was just logged in on."""

    def populate_response_meta(self, request: HttpRequest, meta: dict[str, object]) -> None:
        super().populate_response_meta(request, meta)
        token = devices.new_token(request)
        if token is not None:
            meta["device_token"] = token


class SessionsAdapter(DefaultUserSessionsAdapter):  # type: ignore[misc]  # as above
    """Ends sessions all at once, and with them what was issued for them."""

    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        """End these, which allauth has found to be the asker's."""
        end_sessions_of_keys([session.session_key for session in sessions])


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
