"""Everything that the API does, as its own schema tells: tests that walk it miss no new address."""

from collections.abc import Iterator

from concert_site.views.api_docs import schema

METHODS = ("get", "post", "put", "patch", "delete")
TOKEN = "6f1c1f0e-5d53-4a2c-8f43-0a4a3a5a7a11"


def operations(*, is_public: bool | None = None) -> Iterator[tuple[str, str, bool]]:
    """Method, address (every id 1, every token one that nobody has), and whether it takes a body."""
    for template, methods in schema()["paths"].items():
        if not template.startswith("/api/"):
            continue
        path = template.replace("{token}", TOKEN).replace("{id}", "1").replace("{version}", "0" * 16)
        assert "{" not in path, template
        for method in METHODS:
            operation = methods.get(method)
            if operation is not None and is_public in (None, is_open(operation)):
                yield method, path, "requestBody" in operation


def is_open(operation: dict[str, object]) -> bool:
    """Whether it needs no account."""
    security = operation.get("security")
    return not security or {} in security
