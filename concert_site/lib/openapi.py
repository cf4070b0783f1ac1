"""What the schema says beyond what the views show. Importing it is enough."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class AccessTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # not annotated
    """`Authorization: Bearer <access token>`."""

    target_class = "concert_site.lib.authentication.AccessToken"
    name = "accessToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """How to send it, and where it comes from."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "`meta.access_token` of `POST /_allauth/app/v1/auth/login`.",
        }


# What the rules refuse, by operation: status, and the codes that clients branch on.
REFUSALS: dict[tuple[str, str], dict[int, list[str]]] = {
    ("post", "/api/v1/schedules/{id}/queue-tokens/"): {409: ["sale_not_open", "sale_closed", "sold_out"]},
    ("post", "/api/v1/queue-tokens/{token}/enter/"): {403: ["queue_token_inactive"]},
    ("post", "/api/v1/reservations/"): {
        403: ["queue_token_required", "queue_token_inactive"],
        409: [
            "seat_unavailable",
            "ticket_limit_exceeded",
            "sale_not_open",
            "sale_closed",
            "idempotency_key_reused",
        ],
    },
    ("post", "/api/v1/reservations/{id}/extend/"): {409: ["hold_expired"]},
    ("get", "/api/v1/reservations/{id}/ticket/"): {404: ["not_found"], 406: ["not_acceptable"]},
    ("post", "/api/v1/reservations/{id}/cancel/"): {409: ["refund_closed"]},
    ("post", "/api/v1/payments/"): {402: ["insufficient_balance"], 409: ["hold_expired"]},
    ("post", "/api/v1/wallet/charges/"): {409: ["idempotency_key_reused", "balance_too_large"]},
}


def describe_refusals(result: dict[str, Any], generator: object, request: object, public: bool) -> dict[str, Any]:
    """Add to each operation what the rules refuse, and the 503 of all: a hook of drf-spectacular.

    Any: OpenAPI, nested as it likes; the arguments are drf-spectacular's.
    """
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            refused = REFUSALS.get((method, path), {}) | {503: ["unavailable"]}
            for status, codes in refused.items():
                operation["responses"][str(status)] = refusal(codes)
    return result


def refusal(codes: list[str]) -> dict[str, Any]:  # Any: OpenAPI
    """A response in the shape of every error, with these codes."""
    error = {
        "type": "object",
        "required": ["code", "detail", "attr"],
        "properties": {
            "code": {"type": "string", "enum": codes},
            "detail": {"type": "string"},
            "attr": {"type": "string", "nullable": True, "description": "The field at fault, as `seats.1`."},
        },
    }
    shape = {
        "type": "object",
        "required": ["type", "errors"],
        "properties": {
            "type": {"type": "string", "enum": ["server_error" if "unavailable" in codes else "client_error"]},
            "errors": {"type": "array", "items": error},
        },
    }
    return {"description": ", ".join(f"`{code}`" for code in codes), "content": {"application/json": {"schema": shape}}}
