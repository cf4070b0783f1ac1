"""A form that makes something new makes it once, however often it is sent.

The form carries a key. Who sends the same key with the same content again, by a second click or a reload, is led to
what the first one made. Kept in the cache for a day: while Redis is away, two clicks are two.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from concert_site.lib.idempotency import request_hash

ONCE = "_once"
KEPT_SECONDS = 86_400
LONGEST_KEY = 64
# A hall of 20,000 seats is copied in a few seconds.
WAIT_SECONDS = 10.0
WORKING = "working"


def make_once(request: HttpRequest, make: Callable[[], HttpResponse]) -> HttpResponse:
    """Answer a form that makes something new; one that was sent before leads where the first one led.

    :param make: the page's own answer: a redirect once it is made, the form again if it can't be
    """
    key = key_of(request)
    if key is None:
        return make()
    # Whoever adds it first makes it; the cache answers that to one alone.
    if not cache.add(key, WORKING, KEPT_SECONDS):
        return led_to_first(request, key)
    try:
        answer = make()
    except BaseException:
        cache.delete(key)
        raise
    if answer.status_code == HTTPStatus.FOUND:
        cache.set(key, answer["Location"], KEPT_SECONDS)
    else:
        cache.delete(key)
    return answer


def key_of(request: HttpRequest) -> str | None:
    """What the form and its content are known by; None of a form that carries no key."""
    sent = request.POST.get(ONCE, "")
    if request.method != "POST" or not 0 < len(sent) <= LONGEST_KEY:
        return None
    content = {name: values for name, values in request.POST.lists() if name != "csrfmiddlewaretoken"}
    files = {name: str(request.FILES[name]) for name in request.FILES}
    who = getattr(request.user, "pk", None)
    return f"once:{request_hash({'path': request.path, 'who': who, 'content': content, 'files': files})}"


def led_to_first(request: HttpRequest, key: str) -> HttpResponse:
    """Wait for the first one, and go where it went; a first one that was refused lets this page be loaded anew."""
    end = time.monotonic() + WAIT_SECONDS
    while (made := cache.get(key)) == WORKING and time.monotonic() < end:
        time.sleep(0.05)
    if made and made != WORKING:
        messages.info(request, _("The form was sent twice. It was carried out once."))
        return HttpResponseRedirect(str(made))
    messages.warning(request, _("The form was sent twice. Look whether it was carried out before you send it again."))
    return HttpResponseRedirect(request.get_full_path())
