"""From what went wrong to an answer: every error of the API has one shape."""

import logging

from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from drf_standardized_errors.handler import ExceptionHandler
from redis.exceptions import RedisError
from rest_framework import exceptions, status

from concert_site.lib import errors

log = logging.getLogger(__name__)

STATUS_OF = {
    errors.Invalid: status.HTTP_400_BAD_REQUEST,
    errors.PaymentRequired: status.HTTP_402_PAYMENT_REQUIRED,
    errors.NotAllowed: status.HTTP_403_FORBIDDEN,
    errors.NotFound: status.HTTP_404_NOT_FOUND,
    errors.Conflict: status.HTTP_409_CONFLICT,
    errors.Unavailable: status.HTTP_503_SERVICE_UNAVAILABLE,
}


class Refusal(exceptions.APIException):
    """A domain error on its way out."""

    def __init__(self, error: errors.DomainError) -> None:
        self.status_code = next(
            code for family, code in STATUS_OF.items() if isinstance(error, family)
        )
        if isinstance(error, errors.Unavailable):
            self.wait = error.retry_after_seconds
        self.detail = detail_of(error)


def detail_of(error: errors.DomainError) -> exceptions.ErrorDetail | dict[str, object]:
    """The detail in the form that drf-standardized-errors flattens into one error a field or item."""
    by_item = error.by_item()
    if by_item is not None:
        field, texts = by_item
        return {field: {str(index): [exceptions.ErrorDetail(text, error.code)] for index, text in texts.items()}}
    plain = exceptions.ErrorDetail(error.detail, error.code)
    return {error.attr: [plain]} if error.attr else plain


class DomainErrors(ExceptionHandler):
    """Turns the domain's families, and services that are away, into answers."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        """An APIException for everything that is foreseen."""
        exc = super().convert_known_exceptions(exc)
        if isinstance(exc, exceptions.AuthenticationFailed):
            return exceptions.NotAuthenticated()
        known = as_domain_error(exc)
        return Refusal(known) if known else exc


def as_domain_error(exc: Exception) -> errors.DomainError | None:
    """The family that an exception belongs to; None for a mistake of ours.

    A lock that was waited for in vain, a lost connection and a Redis that is needed and away are all the
    same to the caller: try again in a moment.
    """
    if isinstance(exc, errors.DomainError):
        return exc
    if isinstance(exc, OperationalError | InterfaceError | RedisError):
        log.warning("A service is away: %s", exc)
        return errors.Unavailable()
    if isinstance(exc, DataError):
        return errors.Invalid()
    if isinstance(exc, IntegrityError):
        log.error("A constraint refused what the rules let through", exc_info=exc)
        return errors.Conflict()
    return None
