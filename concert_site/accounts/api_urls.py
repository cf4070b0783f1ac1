"""Operations of allauth's API that stand in for its own, below `/_allauth/app/v1/`."""

from allauth.headless.account import inputs
from allauth.headless.account.views import ChangePasswordView, LoginView, ReauthenticateView
from allauth.headless.constants import Client
from allauth.headless.mfa import inputs as factors
from allauth.headless.mfa import views as mfa
from django.urls import URLPattern, path

from concert_site.accounts import api_views as own
from concert_site.accounts.api_inputs import RawPasswordMixin
from concert_site.accounts.forms import UnclaimedEmailMixin
from concert_site.accounts.second_factor import CredentialMixin, LimitedCodeMixin, NewPasskeyMixin


def operation(address: str, view: type, **attributes: object) -> URLPattern:
    """An operation, by a view with these attributes in place of its own."""
    return path(address, view.as_api_view(client=Client.APP, **attributes))  # type: ignore[attr-defined]  # of allauth


def made_of(*classes: type) -> type:
    """An input of allauth's, the last of these, with what ours before it add."""
    return type(classes[-1].__name__, classes, {})


def passkey(address: str, view: type, sent: type) -> URLPattern:
    return operation(address, view, input_class={"POST": made_of(CredentialMixin, sent)})


signup = {"POST": made_of(RawPasswordMixin, UnclaimedEmailMixin, inputs.SignupInput)}
passkeys = mfa.ManageWebAuthnView.input_class | {"POST": made_of(NewPasskeyMixin, factors.AddWebAuthnInput)}
urlpatterns = [
    operation("auth/signup", own.SignUp, input_class=signup),
    operation("auth/login", LoginView, input_class=made_of(RawPasswordMixin, inputs.LoginInput)),
    operation(
        "auth/reauthenticate", ReauthenticateView, input_class=made_of(RawPasswordMixin, inputs.ReauthenticateInput)
    ),
    operation("auth/email/verify/resend", own.SendCodeAgain),
    operation(
        "auth/password/reset", own.ResetPassword, input_class=made_of(RawPasswordMixin, inputs.ResetPasswordInput)
    ),
    operation(
        "account/password/change", ChangePasswordView, input_class=made_of(RawPasswordMixin, inputs.ChangePasswordInput)
    ),
    operation("account/email", own.OwnAddress),
    operation("auth/password/request", own.RequestPasswordReset),
    operation(
        "auth/2fa/authenticate", mfa.AuthenticateView, input_class=made_of(LimitedCodeMixin, factors.AuthenticateInput)
    ),
    operation(
        "auth/2fa/reauthenticate",
        mfa.ReauthenticateView,
        input_class=made_of(LimitedCodeMixin, factors.ReauthenticateInput),
    ),
    passkey("auth/webauthn/login", mfa.LoginWebAuthnView, factors.LoginWebAuthnInput),
    passkey("auth/webauthn/authenticate", mfa.AuthenticateWebAuthnView, factors.AuthenticateWebAuthnInput),
    passkey("auth/webauthn/reauthenticate", mfa.ReauthenticateWebAuthnView, factors.ReauthenticateWebAuthnInput),
    operation("account/authenticators/webauthn", mfa.ManageWebAuthnView, input_class=passkeys),
]
