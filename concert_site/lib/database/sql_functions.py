"""SQL functions: which files define them, and whether the database has them as they are written.

Every `.sql` file of our apps that begins a line with `create or replace function` is one of functions; nothing has to
be registered. `concert_site.lib.database.sql_install` brings a database up to date with them.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

CREATES = re.compile(r"^create or replace function (\w+)", re.MULTILINE | re.IGNORECASE)
# The comment of each function that we installed begins so; what has none of ours is somebody else's.
MARK = "Frontrow installed this from "
RETIRED = "Frontrow replaced this function; the next migrate drops it."
# The functions of one schema that are ours, or have the name of one that is.
READ = """
select p.oid, p.proname as name, oidvectortypes(p.proargtypes) as types,
       pg_get_function_identity_arguments(p.oid) as identity,
       pg_get_function_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result,
       'CREATE OR REPLACE FUNCTION ' || substr(
           pg_get_functiondef(p.oid),
           strpos(pg_get_functiondef(p.oid), '.' || quote_ident(p.proname) || '(') + 1) as definition,
       coalesce(obj_description(p.oid, 'pg_proc'), '') as comment
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname = current_schema() and p.prokind = 'f'
   and (p.proname = any (%(names)s)
        or starts_with(obj_description(p.oid, 'pg_proc'), %(mark)s)
        or obj_description(p.oid, 'pg_proc') = %(retired)s)
 order by p.proname, types
"""


@dataclass(frozen=True, slots=True)
class SqlFile:
    """A file of functions: its path for people, its text, and the names that it makes."""

    path: str
    text: str
    names: tuple[str, ...]

    @property
    def origin(self) -> str:
        """What the comments of its functions begin with: where they come from, and what the file said."""
        return f"{MARK}{self.path} {sha256(self.text)}"


@dataclass(frozen=True, slots=True)
class Function:
    """A function in the database. `definition` is the statement that makes it, in whichever schema comes first."""

    oid: int
    name: str
    types: str
    identity: str
    arguments: str
    result: str
    definition: str
    comment: str

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.types

    @property
    def origin(self) -> str:
        """The origin of the file that it was installed from."""
        return self.comment.rpartition(" ")[0]

    @property
    def is_retired(self) -> bool:
        """Whether it was replaced, and only waits for who still runs it."""
        return self.comment == RETIRED

    @property
    def is_edited(self) -> bool:
        return self.comment.rpartition(" ")[2] != sha256(self.definition)

    def comment_from(self, file: SqlFile) -> str:
        """The comment that it gets once installed: the file's origin, and the hash of what PostgreSQL made of it."""
        return f"{file.origin} {sha256(self.definition)}"

    def is_replaceable_by(self, other: "Function") -> bool:
        """Whether `create or replace` puts the other in its place: not with other names, defaults or result."""
        return (self.arguments, self.result) == (other.arguments, other.result)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def sql_files() -> tuple[SqlFile, ...]:
    """Our apps' files of functions, in the order of apps and paths."""
    # An app may lie in another (concert_site.accounts), whose files are then met twice.
    return tuple(dict.fromkeys(_read_files()))


def _read_files() -> Iterator[SqlFile]:
    base = Path(settings.BASE_DIR)
    for app in apps.get_app_configs():
        root = Path(app.path)
        if not root.is_relative_to(base) or "site-packages" in root.parts:
            continue
        for path in sorted(root.rglob("*.sql")):
            text, inside = path.read_text(), path.relative_to(base)
            if "tests" not in inside.parts and (names := CREATES.findall(text)):
                yield SqlFile(inside.as_posix(), text, tuple(names))


def functions_in(cursor: CursorWrapper) -> list[Function]:
    """The functions in the first schema of the search path that are ours, or have the name of one of ours."""
    names = [name for file in sql_files() for name in file.names]
    cursor.execute(READ, {"names": names, "mark": MARK, "retired": RETIRED})
    return [Function(*row) for row in cursor.fetchall()]


def is_up_to_date(connection: BaseDatabaseWrapper, *, forgive_edits: bool = False) -> bool:
    """Whether each function comes from its file as it is now, and none is left of earlier ones: one query.

    With `forgive_edits`, what was changed by hand in the database since then counts as installed.
    """
    with connection.cursor() as cursor:
        installed = functions_in(cursor)
    if forgive_edits:
        installed = [function for function in installed if not function.is_retired]
    expected = sorted(file.origin for file in sql_files() for _name in file.names)
    if sorted(function.origin for function in installed) != expected:
        return False
    return forgive_edits or not any(function.is_edited for function in installed)
