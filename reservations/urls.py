"""Pages of concerts, the waiting room and bookings. Every address that takes a form answers a read, too."""

from concert_site.lib.converters import path
from reservations.views import bookings, catalogue

urlpatterns = [
    path("", catalogue.concerts, name="concerts"),
    path("concerts/<id:pk>/", catalogue.concert, name="concert"),
    path("bookings/", bookings.bookings, name="bookings"),
]
