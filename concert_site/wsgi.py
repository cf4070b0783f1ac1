"""Django for any WSGI server. What protects from slow clients is in concert_site.rsgi, which granian calls."""

import gc
import os

import django
from django.conf import settings

from concert_site.embedded import stamps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concert_site.settings")
django.setup(set_prefix=False)
stamps.require(os.environ.get("DATABASE_URL") or settings.DEFAULT_DATABASE_URL, settings.MODE)

from concert_site.front.handlers import ApiHandler, Dispatcher, SiteHandler  # noqa: E402  Django must be set up
from concert_site.lib.database.connections import limit_statements  # noqa: E402  likewise

application = Dispatcher(SiteHandler(), ApiHandler())
limit_statements()


def warm_up() -> None:
    """Load what the first request would, so that it is as quick as the others.

    And as right: several threads at once in allauth's lazy import of its cryptography fail.
    """
    from allauth.headless.tokens.strategies.jwt.internal import decode_token
    from django.urls import get_resolver

    decode_token("", "access")
    get_resolver().url_patterns  # noqa: B018  the look is what loads them
    # What is loaded by now stays. The collector would walk all of it again and again in the middle of requests.
    gc.collect()
    gc.freeze()


warm_up()
