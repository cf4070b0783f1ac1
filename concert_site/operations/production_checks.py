"""What production refuses to start with, whichever process is started: settings ask."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from concert_site.embedded.strength import weakness_of

# Mails that go no further than this process.
UNSENT = ("console", "dummy", "locmem", "filebased")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def require_safe(
    *, secrets: Mapping[str, str], hosts: Sequence[str], origins: Sequence[str], email_backend: str, site_url: str
) -> None:
    """Refuse what production must not run with.

    :raises ImproperlyConfigured: naming the variable, and what it must be; a secret is not shown
    """
    if complaint := weakness_of(secrets):
        raise ImproperlyConfigured(f"{complaint}.")
    if any(host.strip(".") in ("", "*") for host in hosts):
        raise ImproperlyConfigured("ALLOWED_HOSTS takes every host: production wants the names of the site.")
    if email_backend.split(".")[-2] in UNSENT:
        raise ImproperlyConfigured("EMAIL_URL sends no mail: production wants smtp://host:port, or another service.")
    for name, address in (("SITE_URL", site_url), *(("CSRF_TRUSTED_ORIGINS", origin) for origin in origins)):
        parts = urlsplit(address)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ImproperlyConfigured(f"{name}={address} is not https: production sends secrets there.")
