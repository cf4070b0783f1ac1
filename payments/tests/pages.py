"""What tests of pages share: a fan at the screen, and holds that are over."""

from datetime import timedelta

from django.test import Client
from django.utils.timezone import now

from concert_site.accounts.models import User
from reservations.domain.holds import Booking
from reservations.models import ConcertSeat, Reservation


def at_the_screen(fan: User | None = None) -> Client:
    """The browser of this fan, or of somebody who isn't logged in."""
    client = Client(raise_request_exception=False)
    if fan is not None:
        client.force_login(fan)
    return client


def let_lapse(booking: Booking) -> None:
    """Let the time of a hold be over; nobody has tidied it up."""
    past = now() - timedelta(seconds=1)
    held = Reservation.objects.filter(booking_reference=booking.reference)
    held.update(expired_at=past)
    ConcertSeat.objects.filter(reservations__in=held).update(expired_at=past)


def text_of(response) -> str:
    """The words of a page, without its marks."""
    return " ".join(response.content.decode().split())


def notices(response) -> list[str]:
    """What the page that the browser ends up on says at its top."""
    return [str(message) for message in response.context["messages"]]
