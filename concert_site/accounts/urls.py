"""Pages of an account, before allauth's: some of these stand in for its own."""

from django.urls import path

from concert_site.accounts import session_views, views

urlpatterns = [
    path("signup/", views.Signup.as_view(), name="account_signup"),
    path("password/reset/", views.PasswordReset.as_view(), name="account_reset_password"),
    path("email/", views.address, name="account_email"),
    path("email/code/", views.verify_address, name="verify_address"),
    path("3rdparty/signup/", views.SocialSignup.as_view(), name="socialaccount_signup"),
    path("profile/", views.profile, name="profile"),
    path("sessions/", session_views.sessions, name="account_sessions"),
    path("language/", views.language, name="language"),
]
