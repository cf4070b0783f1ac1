"""Operations of allauth's API that stand in for its own, below `/_allauth/app/v1/`."""

from allauth.headless.constants import Client
from django.urls import path

from concert_site.accounts import api_views

urlpatterns = [
    path("auth/signup", api_views.SignUp.as_api_view(client=Client.APP)),
    path("auth/login", api_views.LogIn.as_api_view(client=Client.APP)),
    path("auth/reauthenticate", api_views.ConfirmPassword.as_api_view(client=Client.APP)),
    path("auth/email/verify/resend", api_views.SendCodeAgain.as_api_view(client=Client.APP)),
    path("auth/password/reset", api_views.ResetPassword.as_api_view(client=Client.APP)),
    path("account/password/change", api_views.ChangePassword.as_api_view(client=Client.APP)),
    path("account/email", api_views.Address.as_api_view(client=Client.APP)),
    path("auth/password/request", api_views.RequestPasswordReset.as_api_view(client=Client.APP)),
    path("auth/2fa/authenticate", api_views.Authenticate.as_api_view(client=Client.APP)),
    path("auth/2fa/reauthenticate", api_views.Reauthenticate.as_api_view(client=Client.APP)),
    path("auth/webauthn/login", api_views.LoginPasskey.as_api_view(client=Client.APP)),
    path("auth/webauthn/authenticate", api_views.AuthenticatePasskey.as_api_view(client=Client.APP)),
    path("auth/webauthn/reauthenticate", api_views.ReauthenticatePasskey.as_api_view(client=Client.APP)),
    path("account/authenticators/webauthn", api_views.ManagePasskeys.as_api_view(client=Client.APP)),
]
