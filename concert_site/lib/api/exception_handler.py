"""From what went wrong to an answer: every error of the API has one shape."""

from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import UnreadablePostError
from django.utils.translation import gettext_lazy as _
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions, status
from rest_framework.response import Response

from concert_site.lib import errors, metrics
from concert_site.lib.errors import as_domain_error
from concert_site.lib.web.refusals import retry_after, status_of


class Refusal(exceptions.APIException):
    """A domain error on its way out."""

    def __init__(self, error: errors.DomainError) -> None:
        self.status_code = status_of(error)
        self.wait = error.retry_after_seconds
        self.detail = detail_of(error)


def detail_of(error: errors.DomainError) -> exceptions.ErrorDetail | dict[str, Any]:
    """The detail in the form that drf-standardized-errors flattens into one error a field or item.

    Any: lists, and dicts of lists, as deep as the request was.
    """
    plain = exceptions.ErrorDetail(str(error.detail), error.code)
    if error.attr is None:
        return plain
    if error.items is None:
        return {error.attr: [plain]}
    return {error.attr: {str(index): [plain] for index in error.items}}


class DomainExceptionHandler(ExceptionHandler):
    """Turns the domain's families, and services that are away, into answers.

    It stands in for `drf_standardized_errors`' own at three points: what is converted, when to come back,
    and what is reported (a service that is away is not a mistake of ours; as_domain_error logs it).
    """

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        exc = super().convert_known_exceptions(exc)
        if isinstance(exc, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
            return not_authenticated(exc)
        if isinstance(exc, SuspiciousOperation | UnreadablePostError):
            return exceptions.ParseError()
        known = as_domain_error(exc)
        if known is None:
            return exc
        metrics.REFUSALS.add(known.code)
        return Refusal(known)

    def get_headers(self, exc: exceptions.APIException) -> dict[str, str]:
        """WWW-Authenticate and Retry-After; whole seconds, and never none."""
        headers: dict[str, str] = super().get_headers(exc)
        wait = getattr(exc, "wait", None)
        return headers if wait is None else headers | {"Retry-After": str(retry_after(wait))}

    def report_exception(self, exc: exceptions.APIException, response: Response) -> None:
        if exc.status_code != status.HTTP_503_SERVICE_UNAVAILABLE:
            super().report_exception(exc, response)


def not_authenticated(exc: exceptions.APIException) -> exceptions.NotAuthenticated:
    """The one code for "log in first", whatever was wrong; DRF has noted on `exc` what the 401 asks for."""
    answer = exceptions.NotAuthenticated(_("Log in, or refresh the access token."))
    answer.status_code = exc.status_code
    answer.auth_header = getattr(exc, "auth_header", None)  # type: ignore[attr-defined]  # DRF sets it so too
    return answer
