"""Pages of the wallet. The address that takes the form answers a read with the page, too."""

from django.urls import path

from wallet import views

urlpatterns = [
    path("wallet/", views.wallet, name="wallet"),
    path("wallet/top-up/", views.top_up, name="top_up"),
]
