"""The admin of shows."""

from reservations.admin.concerts import ConcertAdmin
from reservations.admin.reservations import ReservationAdmin
from reservations.admin.schedules import ScheduleAdmin
from reservations.admin.seats import SeatAdmin

__all__ = ["ConcertAdmin", "ReservationAdmin", "ScheduleAdmin", "SeatAdmin"]
