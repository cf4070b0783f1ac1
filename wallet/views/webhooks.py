"""Where providers send their messages. They have no session, and are told apart by signature alone."""

import logging

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from concert_site.lib.tasks import enqueue_soon
from wallet.domain.provider_events import record
from wallet.providers import provider_named
from wallet.providers.base import Provider, ProviderRefused, WebhookMessage

log = logging.getLogger(__name__)

# As long as the front takes it (concert_site.front.routes).
LONGEST_BODY = 64 * 1024
LONGEST_EVENT_ID = 255


@csrf_exempt
def receive(request: HttpRequest, provider: str) -> HttpResponse:
    """POST: keep a message whose signature and age are good. All else is done later, by a task."""
    sender = provider_of(provider)
    if sender is None:
        return answer("There is no such provider here.", status=404)
    if request.method != "POST":
        return answer("Send messages by POST.", status=405, Allow="POST")
    try:
        body = request.body
    except (RequestDataTooBig, UnreadablePostError):
        return answer("This message can't be read.", status=400)
    if len(body) > LONGEST_BODY:
        return answer("This message is too long.", status=413)
    return record_and_answer(sender, request, body)


def record_and_answer(sender: Provider, request: HttpRequest, body: bytes) -> HttpResponse:
    """Keep a message, unless it is forged or came before."""
    try:
        is_new = record(sender.name, parsed(sender, request, body), body)
    except ProviderRefused as error:
        log.warning("A message of %s was refused: %s", sender.name, error.code)
        return answer("The signature or the age of this message is not good.", status=400)
    except (OperationalError, InterfaceError) as error:
        log.warning("A message of %s can't be kept: %s", sender.name, error)
        return answer("Please send it again in a moment.", status=503, **{"Retry-After": "5"})
    if is_new:
        enqueue_soon("wallet.handle_events")
    return answer("Received.")


def provider_of(name: str) -> Provider | None:
    """The provider of an address: one of ours, or the one that the setting names; nothing else is ever imported."""
    is_known = name in settings.PROVIDER_CLASSES or name == settings.WALLET_PROVIDER
    return provider_named(name) if is_known else None


def parsed(sender: Provider, request: HttpRequest, body: bytes) -> WebhookMessage:
    """What a message says, once its signature and age are found good, and it can be kept.

    :raises ProviderRefused: if they aren't, or it can't
    """
    message = sender.parse_webhook({name.lower(): value for name, value in request.headers.items()}, body)
    words = f"{message.event_id}{message.kind}{message.reference}"
    if not 0 < len(message.event_id) <= LONGEST_EVENT_ID or "\0" in words:
        raise ProviderRefused("bad_event_id")
    return message


def answer(text: str, *, status: int = 200, **headers: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8", headers=headers)
