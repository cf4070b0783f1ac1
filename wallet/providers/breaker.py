"""A circuit breaker: while a provider leaves everybody waiting, it isn't asked, so that the site's threads are free.

One in each process. What isn't asked is as open as what wasn't answered: it is asked later by the same reference.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from concert_site.lib import metrics
from wallet.providers.base import ProviderAway, ProviderRefused

# After so many that waited this long in vain, one after another, nobody asks for a while; then one tries.
MOST, SLOW_SECONDS, REST_SECONDS = 3, 1.0, 5.0


class ProviderBreaker:
    """Of one provider."""

    def __init__(self, provider: str = "other") -> None:
        self.provider = provider
        self.lock = threading.Lock()
        self.in_vain = 0
        self.open_until = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ask within this.

        :raises ProviderAway: at once, while nobody asks
        """
        self.pass_or_rest()
        began = time.monotonic()
        try:
            yield
        except ProviderAway:
            self.count("away", began)
            if time.monotonic() - began >= SLOW_SECONDS:
                self.record_failure()
            raise
        except ProviderRefused:
            self.count("refused", began)
            self.in_vain = 0
            raise
        self.count("answered", began)
        self.in_vain = 0

    def count(self, outcome: str, began: float) -> None:
        """Count one that was asked."""
        metrics.PROVIDER_CALLS.add(self.provider, outcome)
        metrics.PROVIDER_SECONDS.observe(time.monotonic() - began, self.provider)

    def pass_or_rest(self) -> None:
        """
        :raises ProviderAway: while nobody asks
        """
        if self.in_vain < MOST:
            return
        with self.lock:
            now = time.monotonic()
            if now < self.open_until:
                raise ProviderAway("resting")
            # This one tries; the others go by what it finds.
            self.open_until = now + REST_SECONDS

    def record_failure(self) -> None:
        """Somebody waited, and got no answer."""
        with self.lock:
            self.in_vain += 1
            self.open_until = time.monotonic() + REST_SECONDS
