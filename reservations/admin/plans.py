"""A seating plan becomes the seats of a schedule: upload, look at it, price it, save."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import ModelAdmin
from django.urls import URLPattern

from reservations.models import ConcertSchedule


def urls(model_admin: ModelAdmin[ConcertSchedule]) -> list[URLPattern | Any]:
    """The addresses below those of the schedules' admin, for its `get_urls`."""
    return []
