"""Paying and canceling under api/v1/."""

from concert_site.lib.web.converters import path
from payments.api import views

urlpatterns = [
    path("payments/", views.Payments.as_view(), name="payments"),
    path("payments/<id:pk>/", views.OwnPayment.as_view(), name="payment"),
    path("reservations/<id:pk>/cancel/", views.Cancel.as_view(), name="reservation-cancel"),
]
