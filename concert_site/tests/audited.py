"""The audit as the last word of a test."""

from concert_site.operations import audit


def broken_invariants() -> dict[int, tuple[str, ...]]:
    """The invariants that do not hold, each with a few of its breaches in words; empty if all is well."""
    return {found.invariant: found.samples for found in audit.run() if not found.is_ok}
