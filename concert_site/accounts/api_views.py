"""Operations of allauth's API with limits of ours before them."""

from typing import Any

from allauth.account.internal.flows.email_verification_by_code import EmailVerificationProcess
from allauth.account.internal.flows.manage_email import list_email_addresses
from allauth.core.exceptions import ReauthenticationRequired
from allauth.headless.account import inputs as account_inputs
from allauth.headless.account.response import EmailAddressesResponse, RequestEmailVerificationResponse
from allauth.headless.account.views import (
    ManageEmailView,
    RequestPasswordResetView,
    ResendEmailVerificationCodeView,
    ResetPasswordView,
    SignupView,
)
from allauth.headless.internal.restkit.response import APIResponse
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from concert_site.accounts import brute_force, proof_of_work
from concert_site.accounts.address_codes import ask_for_another, must_log_in_again, send_code
from concert_site.accounts.api_inputs import ChangeAddressInput


class ResetPassword(ResetPasswordView):  # type: ignore[misc]  # allauth comes without types
    """`GET` and `POST auth/password/reset`."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # Any: Django's
        """Accept the code, and then set the password: accepting it may end all that there was."""
        self.process.confirm_code()
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response


class OwnAddress(ManageEmailView):  # type: ignore[misc]  # as above
    """`account/email`: the one address of an account, and the one that it may become.

    `POST` asks for another, to which a code is mailed; `auth/email/verify` with that code makes it the account's.
    `PUT` mails a code to the present one.
    """

    input_class = {"POST": ChangeAddressInput, "PUT": account_inputs.ResendEmailVerificationInput}

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # Any: Django's
        """Who has no password must have logged in just now to change the address.

        :raises ReauthenticationRequired: if not
        """
        user: Any = request.user  # Any: a user, or nobody
        if request.method == "POST" and user.is_authenticated and must_log_in_again(request, user):
            raise ReauthenticationRequired
        response: HttpResponse = super().handle(request, *args, **kwargs)
        return response

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # Any: as above
        """Mail the code, and tell the present address what was asked for.

        :raises TooManyAttempts: if too many codes were asked for
        """
        ask_for_another(request, self.input.cleaned_data["email"])
        response: HttpResponse = self._respond_email_list()
        return response

    def _respond_email_list(self) -> HttpResponse:
        """allauth's list; there the present address stands a second time while a code for it is waited for."""
        found = {each.email: each for each in reversed(list_email_addresses(self.request, self.user))}
        response: HttpResponse = EmailAddressesResponse(self.request, list(reversed(found.values())))
        return response

    def put(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # Any: as above
        """Mail a code again.

        :raises TooManyAttempts: as above
        """
        send_code(request, self.input.cleaned_data["email"].email)
        response: HttpResponse = RequestEmailVerificationResponse(request, verification_sent=True)
        return response


class SendCodeAgain(ResendEmailVerificationCodeView):  # type: ignore[misc]  # as above
    """`POST auth/email/verify/resend`."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # Any: as above
        """Mail another code for the address that waits for one.

        :raises TooManyAttempts: as above
        """
        process = EmailVerificationProcess.resume(request)
        if process is not None:
            brute_force.admit_reset(request, process.email)
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response


class SignUp(SignupView):  # type: ignore[misc]  # as above
    """`GET auth/signup`: whether a proof of work is wanted, and on what. `POST auth/signup`: an account."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # Any: Django's
        """A challenge, good for ten minutes and one sign-up; null where none is wanted.

        Find the number n, counted from 0, for which SHA-256(salt + nonce + n as four bytes, the highest first) begins
        with `keyPrefix`, and send `{"challenge": ..., "solution": {"counter": n, "derivedKey": the hash in hex}}`,
        Base64 of its JSON, in the header `X-Proof-Of-Work`.
        """
        challenge = proof_of_work.new_challenge() if settings.SIGNUP_PROOF_OF_WORK else None
        response: HttpResponse = APIResponse(request, data={"proof_of_work": challenge})
        return response

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # Any: Django's
        """Count it, and demand a proof of work if the house wants one, before the body is looked at.

        :raises TooManyAttempts: if too many came from this network
        :raises ProofNeeded: without a good proof
        """
        if request.method == "POST":
            brute_force.admit_sign_up(request)
            proof_of_work.require_proof(request)
        response: HttpResponse = super().handle(request, *args, **kwargs)
        return response


class RequestPasswordReset(RequestPasswordResetView):  # type: ignore[misc]  # as above
    """`POST auth/password/request`."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # Any: as above
        """Count it, and send the code if there is such an account.

        :raises TooManyAttempts: if too many were asked for
        """
        brute_force.admit_reset(request, self.input.cleaned_data["email"])
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response
