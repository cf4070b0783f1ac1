"""Addresses that fail in every way there is, to see what the site's edges make of it."""

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import UnreadablePostError
from django.urls import path
from django.views.decorators.http import require_safe
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from concert_site import urls
from concert_site.lib import errors
from concert_site.lib.api.fields import Id, Money

handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500


class SeatsGone(errors.Conflict):
    code = "seat_unavailable"
    detail = "Gone."


FAILURES = {
    "invalid": lambda: errors.Invalid("Odd.", attr="amount"),
    "payment-required": lambda: errors.PaymentRequired("Too little."),
    "not-allowed": lambda: errors.NotAllowed("Not now."),
    "not-found": errors.NotFound,
    "conflict": lambda: errors.Conflict("Taken."),
    "seats": lambda: SeatsGone(attr="seats", items=[2, 0]),
    "unavailable": errors.Unavailable,
    "operational": lambda: OperationalError("server closed the connection"),
    "interface": lambda: InterfaceError("connection already closed"),
    "redis": lambda: RedisConnectionError("refused"),
    "data": lambda: DataError("out of range"),
    "integrity": lambda: IntegrityError("a constraint"),
    "suspicious": lambda: SuspiciousOperation("odd"),
    "hung-up": lambda: UnreadablePostError("gone"),
    "denied": PermissionDenied,
    "throttled": errors.TooManyRequests,
    "mistake": lambda: KeyError("ours"),
}


def failure(how):
    return FAILURES[how]()


class Fails(APIView):
    """Fails as its address says."""

    authentication_classes = []
    permission_classes = []

    def get(self, request, how):
        raise failure(how)


def page_fails(request, how):
    """The same, without DRF."""
    raise failure(how)


@require_safe
def page_takes(request):
    """A page that is read and takes no form."""
    raise PermissionDenied


class Request(serializers.Serializer):
    id = Id()
    amount = Money(max_value=1000)
    note = serializers.CharField(required=False, max_length=10)


class Takes(APIView):
    """Takes a body and gives it back."""

    authentication_classes = []
    permission_classes = []

    def post(self, request):
        body = Request(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(body.validated_data)


class Guarded(APIView):
    """For members."""

    def get(self, request):
        return Response({"user": request.user.pk})


urlpatterns = [
    path("api/fails/<how>/", Fails.as_view()),
    path("api/page-fails/<how>/", page_fails),
    path("page-fails/<how>/", page_fails),
    path("page-takes/", page_takes),
    path("api/takes/", Takes.as_view()),
    path("api/guarded/", Guarded.as_view()),
    # The pages that a refusal leads to.
    *urls.urlpatterns,
]
