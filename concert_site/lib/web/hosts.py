"""Under which names the site is asked for."""

from functools import lru_cache

from django.http.request import split_domain_port, validate_host


@lru_cache(maxsize=256)
def is_allowed(host: str, *allowed: str) -> bool:
    """Whether Django would take this Host, remembered; `allowed`: settings.ALLOWED_HOSTS."""
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)
