"""What the one search finds: of each kind what this member of staff may see, and which of it is exactly meant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from unicodedata import normalize
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from concert_site.accounts.models import User
from concert_site.accounts.queries import users_found
from concert_site.lib.formats import money, short_day
from concert_site.lib.lazy_text import StrOrPromise
from concert_site.lib.web.converters import id_in
from payments.models import Payment
from queueing.models import WaitingToken
from reservations.halls.seat_names import seat_name
from reservations.models import ConcertSeat, Reservation
from reservations.models.reservation import ReservationStatus
from reservations.queries import help_desk
from reservations.queries.staff import date_name

Staff: TypeAlias = User | AnonymousUser
# Of each kind so many are shown; who sees more has typed too little.
MOST = 20
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found: what it is called, what else is known of it, and its page.

    Exact is what names one thing and no other: a whole reference, a whole address, a token.
    """

    title: str
    detail: str
    url: str
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of one kind."""

    title: StrOrPromise
    hits: Sequence[Hit]
    has_more: bool = False


Finder: TypeAlias = Callable[[str, Staff], Group | None]


def find(text: str, staff: Staff) -> list[Group]:
    """All that this text may mean, of what this member of staff may see; kinds without anything are left out."""
    plain = normalize("NFKC", text).strip()[:LONGEST]
    found: list[Group] = []
    for finder in FINDERS if plain else ():
        group = finder(plain, staff)
        if group and group.hits:
            found.append(group)
            if finder in UNMISTAKABLE and group.hits[0].is_exact:
                break
    return found


def only_hit(groups: Sequence[Group]) -> Hit | None:
    """Where to go at once: the one thing that was meant exactly; None if there is none, or several."""
    exact = [hit for group in groups for hit in group.hits if hit.is_exact]
    return exact[0] if len(exact) == 1 else None


# --- Each kind ---------------------------------------------------------------------------------


def find_bookings(text: str, staff: Staff) -> Group | None:
    part = help_desk.reference_in(text)
    if part is None or not staff.has_perm("reservations.view_reservation"):
        return None
    references = [part] if help_desk.is_reference(part) else help_desk.references_with(part, MOST + 1)
    return Group(gettext_lazy("Bookings"), booking_hits(references[:MOST], part, staff), len(references) > MOST)


def booking_hits(references: Sequence[str], exact: str, staff: Staff) -> list[Hit]:
    together: dict[str, list[Reservation]] = {reference: [] for reference in references}
    for each in help_desk.all_of_reference(references) if references else ():
        together[each.booking_reference].append(each)
    return [
        Hit(reference, booking_line(seats, staff), booking_url(reference), is_exact=reference == exact)
        for reference, seats in together.items()
    ]


def booking_line(seats: Sequence[Reservation], staff: Staff) -> str:
    """Whose, what for, and how many seats: a booking in a line."""
    fans = ", ".join(dict.fromkeys(each.user.email for each in seats))
    live = [each for each in seats if each.state != ReservationStatus.CANCELED]
    count = ngettext("%d seat", "%d seats", len(live)) % len(live) if live else _("canceled")
    parts = [fans, f"{seats[0].concert_name}, {short_day(seats[0].concert_date)}", count]
    if live and staff.has_perm("payments.view_payment"):
        parts.append(money(sum(each.price for each in live)))
    return " · ".join(parts)


def find_fans(text: str, staff: Staff) -> Group | None:
    if not staff.has_perm("accounts.view_user"):
        return None
    found = users_found(text, MOST)
    hits = [
        Hit(
            fan.email,
            " · ".join(filter(None, [fan.name, "" if fan.is_active else _("deactivated"), _("staff") * fan.is_staff])),
            reverse("admin:fan", args=[fan.pk]),
            is_exact=fan.email == text.lower(),
        )
        for fan in found.users
    ]
    return Group(gettext_lazy("Fans"), hits, found.has_more)


def find_seats(text: str, staff: Staff) -> Group | None:
    if not staff.has_perm("reservations.view_concertseat"):
        return None
    day, rest = help_desk.day_in(text)
    words = help_desk.searched_seat(rest)
    if words is None:
        # "5-12" may be a day, and then it is no seat; or row 5, seat 12.
        day, words = None, help_desk.searched_seat(text)
    if words is None:
        return None
    seats = help_desk.seats_named(words, day, MOST + 1)
    taken = help_desk.live_of_seats(seats) if staff.has_perm("reservations.view_reservation") else {}
    hits = [seat_hit(seat, taken.get(seat.pk)) for seat in seats[:MOST]]
    return Group(gettext_lazy("Seats"), hits, len(seats) > MOST)


def seat_hit(seat: ConcertSeat, booked: Reservation | None) -> Hit:
    """A seat of one date, and who has it: its booking's page then, else its own."""
    schedule = seat.concert_schedule
    where = date_name(schedule)
    if booked is None:
        url = reverse("admin:reservations_concertseat_change", args=[seat.pk])
        return Hit(seat_name(seat), f"{where} · {seat.get_status_display()}", url)
    who = f"{booked.get_status_display()} · {booked.user.email} · {booked.booking_reference}"
    return Hit(seat_name(seat), f"{where} · {who}", booking_url(booked.booking_reference))


def find_tokens(text: str, staff: Staff) -> Group | None:
    token = token_in(text)
    if token is None or not staff.has_perm("queueing.view_waitingtoken"):
        return None
    found = WaitingToken.objects.filter(token=token).select_related("user", "concert_schedule__concert")
    hits = [
        Hit(
            str(each.token),
            f"{each.user.email} · {each.concert_schedule} · {each.get_status_display()}",
            reverse("admin:queueing_waitingtoken_change", args=[each.pk]),
            is_exact=True,
        )
        for each in found.defer("concert_schedule__layout", "concert_schedule__draw_seed")
    ]
    return Group(gettext_lazy("Waiting tokens"), hits)


def token_in(text: str) -> UUID | None:
    """The UUID that is written here; shorter than with all its digits it is none."""
    try:
        return UUID(text) if len(text) >= 32 else None  # noqa: PLR2004  hexadecimal digits of a UUID
    except ValueError:
        return None


def find_reservations(text: str, staff: Staff) -> Group | None:
    number = id_in(text.lstrip("#"))
    if number is None or not staff.has_perm("reservations.view_reservation"):
        return None
    found = Reservation.objects.filter(pk=number).select_related("user", "concert_seat")
    return Group(gettext_lazy("Reservations"), [numbered(each, f"#{each.pk}") for each in found])


def find_payments(text: str, staff: Staff) -> Group | None:
    number = id_in(text.lstrip("#"))
    if number is None or not staff.has_perm("payments.view_payment"):
        return None
    found = Payment.objects.filter(pk=number).select_related("reservation__user", "reservation__concert_seat")
    hits = [
        numbered(each.reservation, f"#{each.pk}", money(each.price), str(each.get_state_display())) for each in found
    ]
    return Group(gettext_lazy("Payments"), hits)


def numbered(reservation: Reservation, title: str, *more: str) -> Hit:
    """What has a number of its own, and is shown on the page of its booking."""
    seat = seat_name(reservation.concert_seat)
    parts = [reservation.booking_reference, reservation.user.email, reservation.concert_name, seat, *more]
    return Hit(title, " · ".join(parts), booking_url(reservation.booking_reference), is_exact=True)


def booking_url(reference: str) -> str:
    return reverse("admin:booking", args=[reference])


# A whole token or reference is nothing else besides: nothing more is looked through.
UNMISTAKABLE = (find_tokens, find_bookings)
FINDERS: Sequence[Finder] = (*UNMISTAKABLE, find_reservations, find_payments, find_fans, find_seats)
