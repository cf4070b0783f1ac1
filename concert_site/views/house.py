"""The pages of the house: help, terms, privacy, and what a cancellation costs."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from concert_site.house.models import PageKind
from concert_site.house.queries import page_of
from concert_site.lib.errors import require_found
from concert_site.lib.markup import html_of
from reservations.domain import cancellation


def written(request: HttpRequest, kind: PageKind) -> HttpResponse:
    """A page that staff have written.

    :raises NotFound: if nobody has
    """
    found = require_found(page_of(kind))
    return render(request, "house/page.html", {"page": found, "body": html_of(found.body)})


def refund_policy(request: HttpRequest) -> HttpResponse:
    """What a cancellation costs as it is set today, and below what staff have written about it."""
    found = page_of(PageKind.REFUNDS)
    facts = {"page": found, "body": found and html_of(found.body), "periods": cancellation.policy()}
    return render(request, "house/refund_policy.html", facts)
