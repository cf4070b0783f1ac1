"""The admin of concerts and dates, and of those who wait for them."""

from reservations.admin.concerts import ConcertAdmin
from reservations.admin.halls import HallAdmin
from reservations.admin.reservations import ReservationAdmin
from reservations.admin.schedules import ScheduleAdmin
from reservations.admin.seats import SeatAdmin
from reservations.admin.venues import VenueAdmin
from reservations.admin.waiting_tokens import WaitingTokenAdmin

__all__ = [
    "ConcertAdmin",
    "HallAdmin",
    "ReservationAdmin",
    "ScheduleAdmin",
    "SeatAdmin",
    "VenueAdmin",
    "WaitingTokenAdmin",
]
