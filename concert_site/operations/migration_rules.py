"""What a migration may do while processes of the release before still run: they are replaced one after another.

A release adds what the next one needs (expand), and takes away what nobody has read since the one before (contract).
What takes away, or would fail the release before, says since when nobody needs it, in an attribute of the migration:
`contracts = "1.3.0: nobody reads users.nickname since"`. Large tables are never locked for as long as it takes to read
them.
"""

import re
from collections.abc import Iterator, Sequence

from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field

# The last migration of each app from before there was this rule.
FIRST_JUDGED = {
    "concert_site": 7,
    "accounts": 6,
    "approvals": 2,
    "house": 2,
    "trace": 2,
    "wallet": 9,
    "queueing": 5,
    "reservations": 18,
    "payments": 12,
}
LARGE = {
    "users", "reservation", "concert_seat", "payment", "waiting_token", "balance", "balance_history", "top_up",
    "change",
}  # fmt: skip
MARK = re.compile(r"\d+\.\d+(\.\d+)?: \S.+")
TAKES_AWAY = (
    operations.RemoveField,
    operations.DeleteModel,
    operations.RenameField,
    operations.RenameModel,
    operations.AlterModelTable,
)
SQL_TAKES_AWAY = re.compile(
    r"\b(drop\s+(table|column|view)|rename\s+(to|column)|alter\s+(column\s+)?\w+\s+(set\s+not\s+null|(set\s+data\s+)?type\b))",
    re.IGNORECASE,
)
SQL_INDEX = re.compile(r"\bcreate\s+(unique\s+)?index\s+(?!concurrently)[^;]*?\bon\s+(only\s+)?\"?(\w+)", re.IGNORECASE)


def faults() -> list[str]:
    """What is wrong with the migrations of ours that came after the rule, one line each."""
    loader = MigrationLoader(None)
    found = []
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if app in FIRST_JUDGED and int(name[:4]) >= FIRST_JUDGED[app]:
            state = loader.project_state((app, name), at_end=False)
            found += [f"{app}.{name}: {fault}" for fault in faults_of(migration, state)]
    return found


def faults_of(migration: Migration, state: ProjectState) -> Iterator[str]:
    """What is wrong with one migration, where the models are as `state` says before it."""
    mark = getattr(migration, "contracts", "")
    if mark and not MARK.fullmatch(mark):
        yield f"contracts='{mark}' doesn't say since which release, such as '1.3.0: nobody reads it since'"
    made: set[str] = set()
    for operation in flat(migration.operations):
        if isinstance(operation, operations.CreateModel):
            made.add(operation.name.lower())
        yield from faults_of_operation(operation, migration.app_label, state, made, is_marked=bool(mark))
        operation.state_forwards(migration.app_label, state)


def flat(found: Sequence[Operation]) -> Iterator[Operation]:
    for each in found:
        if isinstance(each, operations.SeparateDatabaseAndState):
            yield from flat(each.database_operations)
        else:
            yield each


def faults_of_operation(
    operation: Operation, app: str, state: ProjectState, made: set[str], *, is_marked: bool
) -> Iterator[str]:
    """What is wrong with one operation; a table that this migration makes may be treated in any way."""
    what = operation.describe()
    model = getattr(operation, "model_name", "").lower()
    if model in made:
        return
    is_large = (app, model) in state.models and table_of(app, model, state) in LARGE
    if not is_marked and isinstance(operation, TAKES_AWAY):
        yield f"{what}: the release before reads it; say since when nobody does in `contracts`"
    if isinstance(operation, operations.AddField) and breaks_inserts(operation.field):
        yield f"{what}: the release before inserts without it; give it a db_default, or let it be null"
    if not is_marked and isinstance(operation, operations.AlterField):
        yield from (f"{what}: {fault}" for fault in faults_of_change(operation, app, state))
    if is_large and type(operation) is operations.AddIndex:
        yield f"{what}: nobody may write meanwhile; use AddIndexConcurrently and atomic = False"
    if is_large and type(operation) is operations.AddConstraint:
        yield f"{what}: all of it is read under a lock; use AddConstraintNotValid, then ValidateConstraint"
    if isinstance(operation, operations.RunSQL):
        yield from (f"{what}: {fault}" for fault in faults_of_sql(str(operation.sql), is_marked=is_marked))


def table_of(app: str, model: str, state: ProjectState) -> str:
    return str(state.models[app, model].options.get("db_table") or f"{app}_{model}")


def breaks_inserts(field: "Field[object, object]") -> bool:
    """Whether a column has no value of its own when whoever doesn't know it inserts a row."""
    is_there = field.has_db_default() or field.null or field.many_to_many or getattr(field, "generated", False)
    return not is_there


def faults_of_change(operation: operations.AlterField, app: str, state: ProjectState) -> Iterator[str]:
    """What of a change of a column the release before doesn't stand."""
    known = state.models.get((app, operation.model_name_lower))
    before = known.fields.get(operation.name) if known else None
    if before is None:
        return
    if before.null and not operation.field.null:
        yield "the release before may still write null; say since when nobody does in `contracts`"
    if before.get_internal_type() != operation.field.get_internal_type():
        yield "another type rewrites the table, and the release before sends the old one; add a column instead"
    widths = before.max_length, operation.field.max_length
    if None not in widths and widths[1] < widths[0]:
        yield "the release before may still write more characters; say since when nobody does in `contracts`"
    if before.has_db_default() and not operation.field.has_db_default() and not operation.field.null:
        yield "the release before inserts without it; say since when nobody does in `contracts`"


def faults_of_sql(sql: str, *, is_marked: bool) -> Iterator[str]:
    if not is_marked and SQL_TAKES_AWAY.search(sql):
        yield "the release before reads it; say since when nobody does in `contracts`"
    yield from (
        f"nobody may write to {found[3]} meanwhile; create the index concurrently, with atomic = False"
        for found in SQL_INDEX.finditer(sql)
        if found[3] in LARGE
    )
