"""What the web server calls."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from concert_site.front import ApiHandler, Door

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concert_site.settings")

# Django is set up by the first of the two.
site = get_wsgi_application()
application = Door(site, ApiHandler())


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
