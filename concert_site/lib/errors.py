"""What can be refused: families of domain errors.

The domain raises them and knows nothing of HTTP; concert_site.lib.api.exception_handler turns a family into
a status, and the code of each class into what clients branch on.
"""

import logging
from collections.abc import Iterable
from typing import TypeVar

from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from concert_site.lib import metrics
from concert_site.lib.lazy_text import StrOrPromise

log = logging.getLogger(__name__)

T = TypeVar("T")


class DomainError(Exception):
    """Something the rules refuse. `code` is part of the API, `detail` is for people."""

    code = "error"
    detail: StrOrPromise = _("This can't be done.")
    # When to come back, where that helps.
    retry_after_seconds: float | None = None

    def __init__(
        self, detail: StrOrPromise | None = None, *, attr: str | None = None, items: Iterable[int] | None = None
    ) -> None:
        """
        :param attr: the field of the request that the error is about, if it is about one
        :param items: where that field is a list, the indexes of the items at fault
        """
        super().__init__(detail or self.detail)
        self.detail = detail or self.detail
        self.attr = attr
        self.items = None if items is None else sorted(items)


class Invalid(DomainError):
    """The request names something that makes no sense here."""

    code = "invalid"


class PaymentRequired(DomainError):
    """There is not enough money."""


class NotAllowed(DomainError):
    """This fan may not do that now."""


class NotFound(DomainError):
    """There is no such thing, or it is not this fan's."""

    code = "not_found"
    detail = _("Not found.")


class Conflict(DomainError):
    """The state of things forbids it."""


class PageConflict(Conflict):
    """A conflict that a form can't show at its fields: whoever made the page answers it."""


class TooManyRequests(DomainError):
    """This caller has asked too often."""

    code = "throttled"
    detail = _("Too many requests. Please wait a moment and try again.")
    retry_after_seconds: float = 60


class Unavailable(DomainError):
    """A service that is needed is away; the same request may work in a moment."""

    code = "unavailable"
    detail = _("The service is busy. Please try again in a moment.")
    retry_after_seconds: float = 2


# By the code that PostgreSQL gives (its manual, appendix A); without one the connection was lost, or never made.
KINDS = {
    "55P03": "lock_timeout",
    "57014": "statement_timeout",
    "40P01": "deadlock",
    "40001": "serialization",
    "53300": "too_many_connections",
    "57P01": "shut_down",
    "57P03": "starting",
    "53100": "disk_full",
}


def kind_of(exc: Exception) -> str:
    """What PostgreSQL did instead of a statement, in a word."""
    code = getattr(exc.__cause__, "sqlstate", None)
    return "connection" if code is None else KINDS.get(code, "other")


def as_domain_error(exc: Exception) -> DomainError | None:
    """The family that an exception belongs to; None for a mistake of ours.

    A lock that was waited for in vain, a lost connection and a Redis that is needed and away are all the
    same to the caller: try again in a moment.
    """
    if isinstance(exc, DomainError):
        return exc
    if isinstance(exc, OperationalError | InterfaceError | RedisError):
        if not isinstance(exc, RedisError):
            metrics.POSTGRES_ERRORS.add(kind_of(exc))
        log.warning("A service is away: %s", exc)
        return Unavailable()
    if isinstance(exc, DataError):
        metrics.POSTGRES_ERRORS.add("value")
        log.warning("PostgreSQL refused a value that a serializer let through: %s", exc)
        return Invalid()
    if isinstance(exc, IntegrityError):
        metrics.POSTGRES_ERRORS.add("constraint")
        log.error("A constraint refused what the rules let through", exc_info=exc)
        return Conflict()
    return None


def require_found(row: T | None) -> T:
    """What was looked for.

    :raises NotFound: if there is none
    """
    if row is None:
        raise NotFound
    return row
