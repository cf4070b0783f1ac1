"""Addresses of the public reads, under api/v1/."""

from concert_site.lib.web.converters import path
from reservations.api import catalogue_views as views

urlpatterns = [
    path("concerts/", views.Concerts.as_view(), name="concerts"),
    path("concerts/<id:pk>/", views.ConcertDetail.as_view(), name="concert"),
    path("schedules/<id:pk>/", views.Schedule.as_view(), name="schedule"),
    path("schedules/<id:pk>/seats/", views.Seats.as_view(), name="seats"),
    path("schedules/<id:pk>/availability/", views.SeatAvailability.as_view(), name="availability"),
    path(
        "schedules/<id:pk>/availability/since/<version:version>/",
        views.SeatAvailabilitySince.as_view(),
        name="availability-since",
    ),
]
