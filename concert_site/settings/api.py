"""The API: DRF, its errors, its description."""

from concert_site.settings.base import THROTTLE

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "concert_site.accounts.authentication.RevocableAccessToken",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["concert_site.lib.api.rendering.OrjsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "concert_site.lib.api.negotiation.JsonOnly",
    "DEFAULT_PARSER_CLASSES": ["concert_site.lib.api.rendering.OrjsonParser"],
    "DEFAULT_THROTTLE_CLASSES": ["concert_site.lib.api.throttling.CallerThrottle"] if THROTTLE else [],
    "DEFAULT_SCHEMA_CLASS": "concert_site.lib.api.openapi.schema.RefusalSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    # Serializers hand instants on as they are, so that every answer has them in the renderer's one form.
    "DATETIME_FORMAT": None,
}
DRF_STANDARDIZED_ERRORS = {"EXCEPTION_HANDLER_CLASS": "concert_site.lib.api.exception_handler.DomainExceptionHandler"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Frontrow",
    "DESCRIPTION": "Book numbered concert seats: wait in line, hold, pay, cancel. "
    "Sign up and log in under `/_allauth/app/v1/` and send the access token as `Authorization: Bearer <token>`.",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PATH_CONVERTER_OVERRIDES": {
        "id": {"type": "integer", "format": "int64", "minimum": 0},
        "token": {"type": "string", "format": "uuid"},
    },
    "ENUM_NAME_OVERRIDES": {
        "LedgerKind": "wallet.models.LedgerKind",
        "NextStepKind": ["redirect"],
        # How one pays, and where a refund goes.
        "WalletOrCard": ["wallet", "card"],
        "TokenStatus": "queueing.models.TokenStatus",
        "ReservationStatus": "reservations.models.reservation.ReservationStatus",
        "ConcertStatus": "reservations.models.concert.ConcertStatus",
    },
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "concert_site.accounts.openapi.add_accounts",
        "concert_site.views.api_docs.add_links",
    ],
}
