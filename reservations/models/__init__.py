"""Concerts, their schedules and seats, and the reservations of those seats."""

from reservations.models.concert import Concert, ConcertSchedule, ConcertStatus
from reservations.models.reservation import Reservation
from reservations.models.seat import ConcertSeat, SeatStatus

__all__ = ["Concert", "ConcertSchedule", "ConcertSeat", "ConcertStatus", "Reservation", "SeatStatus"]
