"""Pages of paying and canceling. Every address that takes a form answers a read, too."""

from concert_site.lib.web.converters import path
from payments import views

urlpatterns = [
    path("bookings/<reference:reference>/checkout/", views.checkout_page, name="checkout"),
    path("bookings/<reference:reference>/cancel/", views.cancel_booking, name="cancel_booking"),
    path("reservations/<id:pk>/cancel/", views.cancel_reservation, name="cancel_reservation"),
]
