"""`manage.py draw_states`: docs/states.md, drawn from the tables that code and database use."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Model

from concert_site.lib.states import steps

PAGE = Path("docs", "states.md")
HEAD = """# State machines

Drawn by `manage.py draw_states` from each model's `TRANSITIONS`; a test fails when this page is stale. The same
tables make the triggers that refuse every other step in the database. A row may always be changed without leaving its
state: a lapsed hold, for example, is taken over from `TEMPORARY` to `TEMPORARY`.
"""
# What makes a row take a step.
REASONS = {
    ("Approval", "PENDING", "CONFIRMED"): "a second person confirms, and it is done",
    ("Approval", "PENDING", "DECLINED"): "declined, or taken back",
    ("Approval", "PENDING", "EXPIRED"): "nobody decided in time",
    ("ConcertSeat", "AVAILABLE", "TEMPORARY"): "held",
    ("ConcertSeat", "TEMPORARY", "RESERVED"): "paid",
    ("ConcertSeat", "TEMPORARY", "AVAILABLE"): "lapsed or given up",
    ("ConcertSeat", "RESERVED", "AVAILABLE"): "refunded",
    ("ConcertSeat", "AVAILABLE", "UNAVAILABLE"): "taken off sale by staff",
    ("ConcertSeat", "UNAVAILABLE", "AVAILABLE"): "put on sale by staff",
    ("Reservation", "RESERVING", "RESERVED"): "paid",
    ("Reservation", "RESERVING", "CANCELED"): "lapsed or given up",
    ("Reservation", "RESERVED", "CANCELED"): "refunded",
    ("Payment", "COMPLETED", "CANCELED"): "refunded",
    ("TopUp", "CREATED", "PENDING"): "the provider awaits the fan",
    ("TopUp", "CREATED", "SUCCEEDED"): "paid",
    ("TopUp", "CREATED", "FAILED"): "refused",
    ("TopUp", "CREATED", "EXPIRED"): "the provider never heard of it",
    ("TopUp", "PENDING", "SUCCEEDED"): "paid",
    ("TopUp", "PENDING", "FAILED"): "declined, or given up by the fan",
    ("TopUp", "PENDING", "EXPIRED"): "nobody paid in time",
    ("TopUp", "FAILED", "SUCCEEDED"): "paid after all",
    ("TopUp", "EXPIRED", "SUCCEEDED"): "paid after all",
    ("TopUp", "EXPIRED", "FAILED"): "declined after all",
    ("TopUp", "SUCCEEDED", "PARTLY_REFUNDED"): "a part goes back",
    ("TopUp", "SUCCEEDED", "REFUNDED"): "all of it goes back",
    ("TopUp", "PARTLY_REFUNDED", "REFUNDED"): "the rest goes back",
    ("TopUp", "PARTLY_REFUNDED", "SUCCEEDED"): "it couldn't be paid out",
    ("TopUp", "REFUNDED", "PARTLY_REFUNDED"): "a part couldn't be paid out",
    ("TopUp", "REFUNDED", "SUCCEEDED"): "it couldn't be paid out",
    ("Withdrawal", "PENDING", "SUCCEEDED"): "paid out",
    ("Withdrawal", "PENDING", "FAILED"): "refused, back in the wallet",
    ("Withdrawal", "SUCCEEDED", "FAILED"): "sent back by the fan's bank",
    ("ProviderEvent", "RECEIVED", "DONE"): "the provider was asked",
    ("ProviderEvent", "RECEIVED", "IGNORED"): "about nothing of ours",
    ("ProviderEvent", "RECEIVED", "FAILED"): "given up",
    ("ProviderEvent", "DONE", "RECEIVED"): "replayed by staff",
    ("ProviderEvent", "IGNORED", "RECEIVED"): "replayed by staff",
    ("ProviderEvent", "FAILED", "RECEIVED"): "replayed by staff",
    ("WaitingToken", "WAITING", "ACTIVE"): "admitted",
    ("WaitingToken", "WAITING", "EXPIRED"): "left, or the sale is over",
    ("WaitingToken", "ACTIVE", "EXPIRED"): "paid, left, no show, or time over",
}


class Command(BaseCommand):
    help = "Draw docs/states.md from the models' TRANSITIONS; --check only tells whether it is stale."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing, and fail if the page is stale")

    def handle(self, *args: object, **options: Any) -> None:  # Any: options of several types
        """Write the page, or compare it.

        :raises CommandError: if --check finds it stale
        """
        path = settings.BASE_DIR / PAGE
        drawn = page()
        is_stale = not path.exists() or path.read_text() != drawn
        if options["check"] and is_stale:
            raise CommandError(f"{PAGE} is stale: run `manage.py draw_states` and commit it.")
        if is_stale:
            path.write_text(drawn)
        self.stdout.write(f"{PAGE} is up to date.")


def page() -> str:
    with_states = [model for model in apps.get_models() if hasattr(model, "TRANSITIONS")]
    sections = [section(model) for model in sorted(with_states, key=lambda model: model.__name__)]
    return "\n".join([HEAD, *sections])


def section(model: type[Model]) -> str:
    table = model._meta.db_table  # noqa: SLF001  Django documents _meta
    field: str = model.STATE_FIELD  # type: ignore[attr-defined]  # models with a state have it
    diagram = "\n".join(f"    {line}" for line in arrows(model))
    return f"## `{table}.{field}`\n\n```mermaid\nstateDiagram-v2\n{diagram}\n```\n"


def arrows(model: type[Model]) -> Iterator[str]:
    """The arrows of a diagram: from the start, along the legal steps, to the end."""
    start = getattr(model(), model.STATE_FIELD)  # type: ignore[attr-defined]  # as above
    legal = steps(model.TRANSITIONS)  # type: ignore[attr-defined]  # as above
    yield f"[*] --> {start}"
    for source, to in legal:
        reason = REASONS.get((model.__name__, source, to))
        yield f"{source} --> {to}" + (f": {reason}" if reason else "")
    for end in sorted({to for _, to in legal} - {source for source, _ in legal}):
        yield f"{end} --> [*]"
