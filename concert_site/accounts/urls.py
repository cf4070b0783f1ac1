"""Pages of an account, beside allauth's."""

from django.urls import path

from concert_site.accounts import views

urlpatterns = [
    path("profile/", views.profile, name="profile"),
    path("language/", views.language, name="language"),
]
