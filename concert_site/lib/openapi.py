"""What the schema says beyond what the views show. Importing it is enough."""

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
