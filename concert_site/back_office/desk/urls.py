"""The addresses of the help desk, under those of the admin."""

from collections.abc import Callable

from django.contrib import admin
from django.http import HttpResponse
from django.urls import URLPattern

from concert_site.back_office.desk import bookings, fans, search, steps
from concert_site.lib.web.converters import path


def urls() -> list[URLPattern]:
    """Each behind the admin's own login."""
    views: dict[str, tuple[str, Callable[..., HttpResponse]]] = {
        "find": ("find/", search.find_page),
        "booking": ("bookings/<reference:reference>/", bookings.booking_page),
        "booking_map": ("bookings/<reference:reference>/map.svg", bookings.map_picture),
        "booking_extend": ("bookings/<reference:reference>/extend/", steps.extend),
        "booking_release": ("bookings/<reference:reference>/release/", steps.release),
        "booking_send_again": ("bookings/<reference:reference>/send-again/", steps.send_again),
        "booking_hand_over": ("bookings/<reference:reference>/hand-over/", steps.hand_over),
        "booking_exchange": ("bookings/<reference:reference>/exchange/<id:reservation_id>/", steps.exchange),
        "booking_note": ("bookings/<reference:reference>/note/", steps.note),
        "fan_note": ("fans/<id:user_id>/note/", steps.note),
        "booking_tickets": ("bookings/<reference:reference>/tickets/", bookings.tickets_page),
        "fan": ("fans/<id:user_id>/", fans.fan_page),
    }
    return [path(route, admin.site.admin_view(view), name=name) for name, (route, view) in views.items()]
