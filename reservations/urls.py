"""Pages of concerts, the waiting room and bookings. Every address that takes a form answers a read, too."""

from concert_site.lib.web.converters import path
from reservations.views import (
    bookings,
    calendars,
    catalogue,
    hall_map,
    hold_bar,
    holding,
    programme,
    seats,
    tickets,
    waiting,
)

urlpatterns = [
    path("", programme.programme, name="concerts"),
    path("concerts/<id:pk>/", catalogue.concert, name="concert"),
    path("schedules/<id:pk>/map.svg", hall_map.hall_map, name="hall_map"),
    path("schedules/<id:pk>/map.json", hall_map.hall_seats, name="hall_seats"),
    path("schedules/<id:pk>/queue/", waiting.waiting_room, name="waiting_room"),
    path("schedules/<id:pk>/queue/draw/", waiting.draw_check, name="draw_check"),
    path("schedules/<id:pk>/queue/join/", waiting.join, name="join"),
    path("schedules/<id:pk>/queue/leave/", waiting.leave, name="leave"),
    path("schedules/<id:pk>/seats/", seats.seats, name="seats"),
    path("schedules/<id:pk>/seats/best/", holding.best, name="best_available"),
    path("bookings/", bookings.bookings, name="bookings"),
    path("bookings/held/bar/", hold_bar.bar, name="hold_bar"),
    path("bookings/<reference:reference>/", bookings.booking, name="booking"),
    path("bookings/<reference:reference>/extend/", bookings.extend, name="extend"),
    path("bookings/<reference:reference>/give-up/", bookings.give_up, name="give_up"),
    path("bookings/<reference:reference>/calendar.ics", calendars.calendar, name="calendar"),
    path("bookings/<reference:reference>/tickets/", tickets.tickets, name="tickets"),
    path("reservations/<id:pk>/ticket/", tickets.ticket, name="ticket"),
]
