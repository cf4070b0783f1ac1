"""The addresses of the help desk, under those of the admin."""

from collections.abc import Callable

from django.contrib import admin
from django.http import HttpResponse
from django.urls import URLPattern

from concert_site.back_office.desk import bookings, fans, search
from concert_site.lib.web.converters import path


def urls() -> list[URLPattern]:
    """Each behind the admin's own login."""
    views: dict[str, tuple[str, Callable[..., HttpResponse]]] = {
        "find": ("find/", search.find_page),
        "booking": ("bookings/<reference:reference>/", bookings.booking_page),
        "booking_map": ("bookings/<reference:reference>/map.svg", bookings.map_picture),
        "fan": ("fans/<id:user_id>/", fans.fan_page),
    }
    return [path(route, admin.site.admin_view(view), name=name) for name, (route, view) in views.items()]
