"""What the API refused, as tests compare it."""

from typing import Any


def only_error(response: Any) -> tuple[int, str, str | None]:  # Any: of DRF's client
    """The status, and code and field of the one error."""
    (error,) = response.json()["errors"]
    return response.status_code, error["code"], error["attr"]


def errors_of(response: Any) -> tuple[int, list[tuple[str, str | None]]]:  # Any: as above
    """The status, and code and field of each error."""
    found = sorted((error["code"], error["attr"]) for error in response.json()["errors"])
    return response.status_code, found
