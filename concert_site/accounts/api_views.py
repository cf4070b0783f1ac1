"""Operations of allauth's API with limits of ours before them."""

from typing import Any

from allauth.headless.account.views import RequestPasswordResetView, SignupView
from allauth.headless.internal.restkit.response import APIResponse
from allauth.headless.mfa import inputs, views
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from concert_site.accounts import guessing, proofs
from concert_site.accounts.second_factor import GuessedCode, NamedPasskey, ReadCredential


class SignUp(SignupView):  # type: ignore[misc]  # allauth comes without types
    """`GET auth/signup`: whether a proof of work is wanted, and on what. `POST auth/signup`: an account."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # Any: Django's
        """A challenge, good for ten minutes and one sign-up; null where none is wanted.

        Find the number n, counted from 0, for which SHA-256(salt + nonce + n as four bytes, the highest first) begins
        with `keyPrefix`, and send `{"challenge": ..., "solution": {"counter": n, "derivedKey": the hash in hex}}`,
        Base64 of its JSON, in the header `X-Proof-Of-Work`.
        """
        challenge = proofs.new_challenge() if settings.SIGNUP_PROOF_OF_WORK else None
        response: HttpResponse = APIResponse(request, data={"proof_of_work": challenge})
        return response

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # Any: Django's
        """Count it, and demand a proof of work if the house wants one, before the body is looked at.

        :raises TooManyAttempts: if too many came from this network
        :raises ProofNeeded: without a good proof
        """
        if request.method == "POST":
            guessing.admit_sign_up(request)
            proofs.demand_proof(request)
        response: HttpResponse = super().handle(request, *args, **kwargs)
        return response


class RequestPasswordReset(RequestPasswordResetView):  # type: ignore[misc]  # as above
    """`POST auth/password/request`."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # Any: as above
        """Count it, and send the code if there is such an account.

        :raises TooManyAttempts: if too many were asked for
        """
        guessing.admit_reset(request, self.input.cleaned_data["email"])
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response


class AuthenticateInput(GuessedCode, inputs.AuthenticateInput):  # type: ignore[misc]  # as above
    """The second step of a login."""


class ReauthenticateInput(GuessedCode, inputs.ReauthenticateInput):  # type: ignore[misc]  # as above
    """The second factor again."""


class Authenticate(views.AuthenticateView):  # type: ignore[misc]  # as above
    """`POST auth/2fa/authenticate`."""

    input_class = AuthenticateInput


class Reauthenticate(views.ReauthenticateView):  # type: ignore[misc]  # as above
    """`POST auth/2fa/reauthenticate`."""

    input_class = ReauthenticateInput


class AddPasskeyInput(NamedPasskey, inputs.AddWebAuthnInput):  # type: ignore[misc]  # as above
    """Add a passkey."""


class LoginPasskeyInput(ReadCredential, inputs.LoginWebAuthnInput):  # type: ignore[misc]  # as above
    """Log in by a passkey alone."""


class AuthenticatePasskeyInput(ReadCredential, inputs.AuthenticateWebAuthnInput):  # type: ignore[misc]  # as above
    """The second step of a login, by a passkey."""


class ReauthenticatePasskeyInput(ReadCredential, inputs.ReauthenticateWebAuthnInput):  # type: ignore[misc]  # as above
    """A passkey again."""


class ManagePasskeys(views.ManageWebAuthnView):  # type: ignore[misc]  # as above
    """`account/authenticators/webauthn`."""

    input_class = views.ManageWebAuthnView.input_class | {"POST": AddPasskeyInput}


class LoginPasskey(views.LoginWebAuthnView):  # type: ignore[misc]  # as above
    """`auth/webauthn/login`."""

    input_class = {"POST": LoginPasskeyInput}


class AuthenticatePasskey(views.AuthenticateWebAuthnView):  # type: ignore[misc]  # as above
    """`auth/webauthn/authenticate`."""

    input_class = {"POST": AuthenticatePasskeyInput}


class ReauthenticatePasskey(views.ReauthenticateWebAuthnView):  # type: ignore[misc]  # as above
    """`auth/webauthn/reauthenticate`."""

    input_class = {"POST": ReauthenticatePasskeyInput}
