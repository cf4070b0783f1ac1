"""Reading the trace: of a row, of a booking, of a date; the latest first."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db.models import Model, Q, QuerySet

from concert_site.trace.models import Change


def changes_of(model: type[Model], pk: int) -> QuerySet[Change]:
    """What was changed about a row; of a date also its seats."""
    table = table_of(model)
    own = Q(table_name=table, objects_changed__contains=[pk])
    if table == "concert_schedule":
        # Two ways of looking, so that each finds its index.
        own |= Q(schedule_id=pk, table_name__in=(table, "concert_seat", "refund_run"))
    return latest(Change.objects.filter(own))


def story_of_booking(rows: Mapping[type[Model], Iterable[int]]) -> QuerySet[Change]:
    """What was changed about the rows of a booking: its reservations, by their ids, and others that belong to it."""
    asked = Q(pk__in=())
    for model, ids in rows.items():
        found = list(ids)
        if found:
            asked |= Q(table_name=table_of(model), objects_changed__overlap=found)
    return latest(Change.objects.filter(asked))


def latest(changes: QuerySet[Change]) -> QuerySet[Change]:
    return changes.select_related("actor").order_by("-pk")


def table_of(model: type[Model]) -> str:
    return model._meta.db_table  # noqa: SLF001  what a model says of itself


def last_of_field(row: Model, name: str, since: datetime) -> Change | None:
    """The last change of a field of a row since then; None if it wasn't changed. What is no column has its own name."""
    columns = {field.name: field.column for field in row._meta.concrete_fields}  # noqa: SLF001  what a model says
    return changes_of(type(row), row.pk).filter(at__gte=since, changes__has_key=columns.get(name, name)).first()
