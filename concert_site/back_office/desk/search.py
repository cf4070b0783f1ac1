"""The page of the one search."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from concert_site.back_office.desk.search_results import booking_url, find, only_hit
from concert_site.back_office.desk.tickets import Verdict, verdict_on
from concert_site.back_office.pages import page, staff_page

# Longer than any ticket's text.
LONGEST_PASTE = 5000


@staff_page()
def find_page(request: HttpRequest) -> HttpResponse:
    """What was found, by kind; where only one thing can be meant, its own page."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_PASTE]
    if verdict := verdict_on(text):
        return ticket_page(request, verdict)
    groups = find(text, request.user)
    if hit := only_hit(groups):
        return redirect(hit.url)
    return page(request, "desk/find.html", title=_("Search"), q=text, groups=groups)


def ticket_page(request: HttpRequest, verdict: Verdict) -> HttpResponse:
    """A genuine ticket leads to its booking, which says what it is worth; a forged one leads nowhere."""
    if verdict.claims is None or not request.user.has_perm("reservations.view_reservation"):
        return page(request, "desk/find.html", title=_("Search"), verdict=verdict)
    messages.add_message(request, messages.SUCCESS if verdict.is_valid else messages.ERROR, str(verdict.text))
    return redirect(f"{booking_url(verdict.claims.booking_reference)}#seat-{verdict.claims.reservation}")
