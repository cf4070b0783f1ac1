"""The triggers that write the trace, made after every migrate as the tables of what is traced say.

They are no part of the models' migrations: tables of libraries are traced as well, and which columns are noted is no
state of the schema. A comment on each says what it was made from; where that is so already nothing is done, which costs
one query.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

log = logging.getLogger(__name__)

PREFIX = "trace_"
# What names a row, in each table that is traced row by row.
KEY = "id"
BY_STAFF = "starts_with(current_query(), '/*staff:')"
THERE = """
select c.relname, t.tgname, coalesce(obj_description(t.oid, 'pg_trigger'), '')
  from pg_trigger t join pg_class c on c.oid = t.tgrelid
 where c.relnamespace = current_schema()::regnamespace and starts_with(t.tgname, %s) and not t.tgisinternal
   and t.tgname <> 'trace_is_append_only' and not starts_with(t.tgname, 'pgtrigger_')
"""


@dataclass(frozen=True, slots=True)
class Traced:
    """A table whose rows are traced one by one.

    :param is_of_staff: only what staff do, where fans and tasks write as well; else everything
    :param ignored: columns that aren't noted; a step that changes nothing else isn't either
    :param secret: columns of which it is noted that they changed, and never a value
    :param watched: if given, an update is noted if one of these changes, whoever does it
    :param unless: a condition on OLD and NEW of an update that is told elsewhere
    :param fan, schedule: the columns that name whom and which date it is about
    """

    table: str
    is_of_staff: bool = False
    is_insert_of_staff: bool = False
    ignored: Sequence[str] = ()
    secret: Sequence[str] = ()
    watched: Sequence[str] = ()
    unless: str = ""
    fan: str = ""
    schedule: str = ""

    def triggers(self) -> Iterator[tuple[str, str]]:
        """Their names and statements."""
        lists = (self.ignored, self.secret)
        arguments = [self.table, KEY, *(",".join(each) for each in lists), self.fan, self.schedule]
        for operation in ("insert", "update", "delete"):
            conditions = list(self.conditions(operation))
            yield PREFIX + operation, row_trigger(self.table, operation, conditions, arguments)

    def conditions(self, operation: str) -> Iterator[str]:
        """When it is noted."""
        if self.is_of_staff or (operation == "insert" and self.is_insert_of_staff):
            yield BY_STAFF
        if operation == "update":
            yield self.changed_condition()
            if self.unless:
                yield f"NOT ({self.unless})"

    def changed_condition(self) -> str:
        """Anything, or a watched column, or by staff a secret one."""
        if not self.watched:
            return "OLD.* IS DISTINCT FROM NEW.*"
        told = distinct(self.watched)
        return f"({told} OR {BY_STAFF} AND {distinct(self.secret)})" if self.secret else told


@dataclass(frozen=True, slots=True)
class JoinTable:
    """A table that joins two: a row more or less is a change of `field` of the first.

    :param of: the table of the first, and by which column; `value` is the column of the other
    """

    table: str
    of: str
    key: str
    field: str
    value: str
    is_about_fan: bool = False

    def triggers(self) -> Iterator[tuple[str, str]]:
        arguments = [self.of, self.key, "", "", self.key if self.is_about_fan else "", "", self.field, self.value]
        for operation in ("insert", "delete"):
            yield PREFIX + operation, row_trigger(self.table, operation, [], arguments)


@dataclass(frozen=True, slots=True)
class TracedInBulk:
    """A table that staff change by the thousand: a row of the trace for each way in which a statement changed it.

    :param added: what is told of rows that come or go
    :param stated, states: of this column only these values are told; the others are somebody else's to tell
    """

    table: str
    columns: Sequence[str]
    added: Sequence[str]
    schedule: str
    stated: str = ""
    states: Sequence[str] = ()

    def triggers(self) -> Iterator[tuple[str, str]]:
        rows = {"insert": "NEW TABLE AS new_rows", "delete": "OLD TABLE AS old_rows"}
        rows["update"] = f"{rows['delete']} {rows['insert']}"
        for operation, referencing in sorted(rows.items()):
            is_update = operation == "update"
            columns = self.columns if is_update else self.added
            stated = [self.stated, ",".join(self.states)] if is_update else ["", ""]
            arguments = [self.table, KEY, ",".join(columns), self.schedule, *stated]
            when = f"REFERENCING {referencing} FOR EACH STATEMENT WHEN ({BY_STAFF})"
            yield PREFIX + operation, trigger(self.table, operation, when, "trace_statement", arguments)


AnyTraced = Traced | JoinTable | TracedInBulk


def row_trigger(table: str, operation: str, conditions: Sequence[str], arguments: Sequence[str]) -> str:
    when = f" WHEN ({' AND '.join(conditions)})" if conditions else ""
    return trigger(table, operation, f"FOR EACH ROW{when}", "trace_row", arguments)


def trigger(table: str, operation: str, when: str, function: str, arguments: Sequence[str]) -> str:
    made = f"CREATE OR REPLACE TRIGGER {PREFIX}{operation} AFTER {operation.upper()} ON {table}"
    return f"{made} {when} EXECUTE FUNCTION {function}({quoted(arguments)})"


def distinct(columns: Sequence[str]) -> str:
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
    return f"({old}) IS DISTINCT FROM ({new})"


def quoted(arguments: Iterable[str]) -> str:
    return ", ".join(f"'{argument}'" for argument in arguments)


def wanted(traced: Iterable[AnyTraced]) -> dict[tuple[str, str], str]:
    """The statement of each trigger, by table and name."""
    return {(each.table, name): statement for each in traced for name, statement in each.triggers()}


def install(connection: BaseDatabaseWrapper, traced: Sequence[AnyTraced]) -> None:
    """Have the triggers of these tables, as they are declared, and no others; tables that aren't there yet wait."""
    with connection.cursor() as cursor:
        cursor.execute(THERE, [PREFIX])
        found = {(table, name): comment for table, name, comment in cursor.fetchall()}
    asked = wanted(traced)
    missing = {place: statement for place, statement in asked.items() if found.get(place) != hash_of(statement)}
    gone = found.keys() - asked.keys()
    if not missing and not gone:
        return
    tables = set(connection.introspection.table_names())
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for (table, name), statement in sorted(missing.items()):
            if table in tables:
                cursor.execute(statement)
                cursor.execute(f"COMMENT ON TRIGGER {name} ON {table} IS '{hash_of(statement)}'")
        for table, name in sorted(gone):
            cursor.execute(f"DROP TRIGGER {name} ON {table}")
    log.debug("Made %d triggers of the trace, dropped %d", len(missing), len(gone))


def hash_of(statement: str) -> str:
    return sha256(statement.encode()).hexdigest()
