"""Concerts, their schedules and seats, and the reservations of those seats."""

from reservations.models.announcement import Announcement, AnnouncementKind, AnnouncementRecipient
from reservations.models.concert import Concert, ConcertSchedule, ConcertStatus, Genre
from reservations.models.hall import HallVersion, VenueHall
from reservations.models.named_hold import NamedHold, NamedHoldSeat
from reservations.models.reservation import Reservation
from reservations.models.seat import ConcertSeat, SeatStatus
from reservations.models.staff_note import NoteKind, StaffNote
from reservations.models.venue import Venue

__all__ = [
    "Announcement",
    "AnnouncementKind",
    "AnnouncementRecipient",
    "Concert",
    "ConcertSchedule",
    "ConcertSeat",
    "ConcertStatus",
    "Genre",
    "HallVersion",
    "NamedHold",
    "NamedHoldSeat",
    "NoteKind",
    "Reservation",
    "SeatStatus",
    "StaffNote",
    "Venue",
    "VenueHall",
]
