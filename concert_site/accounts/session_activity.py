"""Noting where and when sessions of pages are used, for the account's own list of them."""

import logging
from collections.abc import Callable
from datetime import timedelta

from allauth.account.adapter import get_adapter
from allauth.core.internal.httpkit import HTTP_USER_AGENT_MAX_LENGTH
from django.contrib.sessions.backends.base import UpdateError
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from concert_site.accounts.session_store import USER_ID
from concert_site.accounts.sessions import note_seen
from concert_site.lib.web.prefixes import ALLAUTH_API

log = logging.getLogger(__name__)

SEEN_EVERY = timedelta(minutes=5)


class SessionActivityMiddleware:
    """Middleware: notes where a session of pages is used, when it is new and every few minutes from then on.

    allauth's own writes at each page.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        came_with = request.session.session_key
        response = self.get_response(request)
        if request.session.accessed and request.session.session_key and is_to_be_noted(request, came_with):
            note(request, request.session.session_key)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Another request has ended the session while this one of an app changed it: 410, as for one that is over."""
        if isinstance(exception, UpdateError) and request.path.startswith(ALLAUTH_API):
            answer = {"status": 410, "data": {"flows": []}, "meta": {"is_authenticated": False}}
            return JsonResponse(answer, status=410)
        return None


def is_to_be_noted(request: HttpRequest, came_with: str | None) -> bool:
    """Whether somebody is logged in whose session is new, or wasn't noted for some minutes."""
    if not request.session.get(USER_ID):
        return False
    seen_at = getattr(request.session, "seen_at", None)
    is_new = request.session.session_key != came_with
    return is_new or (seen_at is not None and timezone.now() - seen_at > SEEN_EVERY)


def note(request: HttpRequest, session_key: str) -> None:
    """Note it; what can't be written is noted another time."""
    agent = request.META.get("HTTP_USER_AGENT", "")[:HTTP_USER_AGENT_MAX_LENGTH]
    try:
        ip = get_adapter(request).get_client_ip(request)
        note_seen(session_key=session_key, user_id=int(request.session[USER_ID]), ip=ip, user_agent=agent)
    except Error as error:
        log.warning("A session could not be noted as seen: %s", error)
