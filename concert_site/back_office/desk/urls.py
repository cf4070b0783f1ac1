"""The addresses of the help desk, under those of the admin."""

from django.urls import URLPattern

from concert_site.back_office.desk import bookings, fans, search, steps
from concert_site.lib.web.converters import path


def urls() -> list[URLPattern]:
    booking, fan = "bookings/<reference:reference>/", "fans/<id:user_id>/"
    return [
        path("find/", search.find_page, name="find"),
        path(booking, bookings.booking_page, name="booking"),
        path(f"{booking}map.svg", bookings.map_picture, name="booking_map"),
        path(f"{booking}tickets/", bookings.tickets_page, name="booking_tickets"),
        path(f"{booking}extend/", steps.extend, name="booking_extend"),
        path(f"{booking}release/", steps.release, name="booking_release"),
        path(f"{booking}send-again/", steps.send_again, name="booking_send_again"),
        path(f"{booking}hand-over/", steps.hand_over, name="booking_hand_over"),
        path(f"{booking}exchange/<id:reservation_id>/", steps.exchange, name="booking_exchange"),
        path(f"{booking}note/", steps.note, name="booking_note"),
        path(fan, fans.fan_page, name="fan"),
        path(f"{fan}note/", steps.note, name="fan_note"),
    ]
