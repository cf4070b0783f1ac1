"""Where this site answers otherwise than allauth's description says; the answers that tests get show where that is."""

from __future__ import annotations

from concert_site.accounts import devices, proof_of_work
from concert_site.lib.api.openapi.shapes import Shape

TEXT = {"type": "string"}
# Log in, or show again that it is you. Some answers have the look of both.
NOT_PROVED = {
    "description": "Nobody is logged in, or it must be confirmed again who it is: `data.flows` says how.",
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [
                    {"$ref": "#/components/schemas/AuthenticationResponse"},
                    {"$ref": "#/components/schemas/ReauthenticationResponse"},
                ]
            }
        }
    },
}
# Below the root: what is for who is logged in, of which allauth says only sometimes that others are refused.
OF_AN_ACCOUNT = ("account/", "auth/sessions", "auth/webauthn/authenticate", "auth/webauthn/reauthenticate")


def override_schemas(schemas: Shape) -> None:
    flow = schemas["Flow"]["properties"]
    flow["id"]["enum"] += ["mfa_login_webauthn", "password_reset_by_code"]
    flow["is_pending"] = {"type": "boolean"}
    # Logged in by password, and again by password: the one looks like the other.
    schemas["AuthenticationMethod"]["anyOf"] = schemas["AuthenticationMethod"].pop("oneOf")
    # By address alone here, so that generated clients have a field for it.
    fields = {name: {"$ref": f"#/components/schemas/{name.title()}"} for name in ("email", "password")}
    schemas["Login"] = {"type": "object", "required": list(fields), "properties": fields}
    schemas["AuthenticationMeta"]["allOf"][1]["properties"]["is_authenticated"] = {
        "type": ["boolean", "null"],
        "description": "Null where a session is over.",
    }
    schemas["BaseAuthenticationMeta"]["properties"] |= {
        "refresh_token": TEXT | {"description": "For `tokens/refresh`, once."},
        "device_token": TEXT | {"description": f"To be kept, and sent as `{devices.HEADER}` with the next login."},
    }


def add_operations(paths: Shape, root: str) -> None:
    """Add what isn't allauth's: headers of ours, and the challenge for a sign-up."""
    words = "`meta.device_token` of an earlier login, if there is one."
    header(paths[f"{root}auth/login"]["post"], devices.HEADER, words)
    # allauth says nothing of success, which brings tokens that work on.
    changed = {"$ref": "#/components/responses/Authenticated"}
    paths[f"{root}account/password/change"]["post"]["responses"]["200"] = changed
    describe_change_of_address(paths[f"{root}account/email"]["post"])
    for path, operations in paths.items():
        if path.startswith(tuple(f"{root}{name}" for name in OF_AN_ACCOUNT)):
            for operation in operations.values():
                operation["responses"]["401"] = NOT_PROVED
    signup = paths[f"{root}auth/signup"]
    refusal = proof_of_work.ProofNeeded.code
    words = f"The solution of `data.proof_of_work` of GET, where that isn't null: else 400 `{refusal}`."
    header(signup["post"], proof_of_work.HEADER, words)
    challenge = {
        "type": ["object", "null"],
        "description": "Null: none is wanted. Else what altcha's libraries solve.",
        "additionalProperties": True,
    }
    data = {"type": "object", "required": [proof_of_work.FIELD], "properties": {proof_of_work.FIELD: challenge}}
    answer = {
        "type": "object",
        "required": ["status", "data"],
        "properties": {"status": {"$ref": "#/components/schemas/StatusOK"}, "data": data},
    }
    signup["get"] = {
        "tags": signup["post"]["tags"],
        "summary": "The proof of work that a sign-up needs",
        "responses": {"200": {"description": "The challenge.", "content": {"application/json": {"schema": answer}}}},
    }


def describe_change_of_address(operation: Shape) -> None:
    fields = {
        "email": {"$ref": "#/components/schemas/Email"},
        "password": TEXT | {"description": "The account's, if it has one; else it must have logged in minutes ago."},
    }
    body = {"type": "object", "required": ["email"], "properties": fields}
    operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    operation["summary"] = "Ask for another address"
    operation["description"] = (
        "Mails a code to the new address and a notice to the present one. It counts once `auth/email/verify` "
        "was given that code: then the present one, and all other sessions, are over."
    )


def header(operation: Shape, name: str, words: str) -> None:
    operation.setdefault("parameters", []).append(
        {"name": name, "in": "header", "schema": TEXT, "description": words, "required": False}
    )
