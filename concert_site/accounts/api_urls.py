"""Operations of allauth's API that stand in for its own, below `/_allauth/app/v1/`."""

from allauth.headless.account.views import ChangePasswordView, LoginView, ReauthenticateView
from allauth.headless.constants import Client
from allauth.headless.mfa import views as mfa
from django.urls import URLPattern, path

from concert_site.accounts import api_views as own


def operation(address: str, view: type, **attributes: object) -> URLPattern:
    """An operation, by a view with these attributes in place of its own."""
    return path(address, view.as_api_view(client=Client.APP, **attributes))  # type: ignore[attr-defined]  # of allauth


passkeys = mfa.ManageWebAuthnView.input_class | {"POST": own.AddPasskeyInput}
urlpatterns = [
    operation("auth/signup", own.SignUp),
    operation("auth/login", LoginView, input_class=own.LogInInput),
    operation("auth/reauthenticate", ReauthenticateView, input_class=own.PasswordInput),
    operation("auth/email/verify/resend", own.SendCodeAgain),
    operation("auth/password/reset", own.ResetPassword),
    operation("account/password/change", ChangePasswordView, input_class=own.NewPasswordInput),
    operation("account/email", own.OwnAddress),
    operation("auth/password/request", own.RequestPasswordReset),
    operation("auth/2fa/authenticate", mfa.AuthenticateView, input_class=own.AuthenticateInput),
    operation("auth/2fa/reauthenticate", mfa.ReauthenticateView, input_class=own.ReauthenticateInput),
    operation("auth/webauthn/login", mfa.LoginWebAuthnView, input_class={"POST": own.LoginPasskeyInput}),
    operation(
        "auth/webauthn/authenticate", mfa.AuthenticateWebAuthnView, input_class={"POST": own.AuthenticatePasskeyInput}
    ),
    operation(
        "auth/webauthn/reauthenticate",
        mfa.ReauthenticateWebAuthnView,
        input_class={"POST": own.ReauthenticatePasskeyInput},
    ),
    operation("account/authenticators/webauthn", mfa.ManageWebAuthnView, input_class=passkeys),
]
