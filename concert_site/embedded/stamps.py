"""Whose database it is: production's, a demo's or a test's. The database itself says so, for the data directory can't.

It is a comment on the table of migrations, written by the first `migrate`: dumps, standbys and pg_upgrade take it
along.
"""

from collections.abc import Callable, Sequence
from typing import Any

from concert_site.embedded.errors import CannotStart, in_one_line
from concert_site.embedded.modes import MODES, PRODUCTION

PREFIX = "frontrow: "
READ = "select obj_description(to_regclass('django_migrations'), 'pg_class')"
# Of tables that a database of an earlier release may lack.
TABLES = ("users", "top_up", "balance_history")
PRESENT = "select name from unnest(%s::text[]) as name where to_regclass(name) is not null"
HAS_ACCOUNTS = "select exists (select from users)"
# What nobody can bring about in production: its staff, a provider that takes no money, and what make_fans notes.
IS_MADE_UP = {
    "users": "select exists (select from users where email = 'staff@frontrow.example' and is_staff)",
    "top_up": "select exists (select from top_up where provider = 'sandbox')",
    "balance_history": "select exists (select from balance_history where note = 'Rehearsal')",
}
HOW = "choose another, or see docs/operations.md, 'Whose database it is'"

Ask = Callable[[str, Sequence[object]], list[Any]]  # Any: a column of whatever type

_judged: set[tuple[str, str]] = set()
# Modes in which this process may not use its database before that has been asked: it was away.
_unasked: set[str] = set()


def require(url: str, mode: str, *, is_ours: bool = False) -> None:
    """Insist that a database may be used in this mode.

    That it can't be reached is for others to complain about; the first connection that is made asks then (`ask_late`).

    :param is_ours: whether it is the embedded one, of a data directory that remembers the mode
    :raises CannotStart: if it belongs to another mode, or may
    """
    # Processes that are forked from one that has asked needn't.
    if not url or (url, mode) in _judged:
        return
    # Imported here because not every command needs a driver.
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=5, prepare_threshold=None) as connection:
            refusal = refusal_of(lambda text, values: connection.execute(text, values).fetchall(), mode, is_ours)
    except psycopg.OperationalError:
        if not is_ours:
            _unasked.add(mode)
        return
    except psycopg.Error as error:
        raise CannotStart(f"whose database it is can't be asked: {in_one_line(error)}") from error
    if refusal:
        raise CannotStart(refusal)
    _judged.add((url, mode))
    _unasked.discard(mode)


def is_unasked() -> bool:
    """Whether the database was away when this process began, and has not been used since."""
    return bool(_unasked)


def ask_late(ask: Ask) -> None:
    """Judge a database that was away when this process began, on the first connection to it.

    :raises CannotStart: if it belongs to another mode, or may
    """
    for mode in list(_unasked):
        if refusal := refusal_of(ask, mode, is_ours=False):
            raise CannotStart(refusal)
        _unasked.discard(mode)


def refusal_of(ask: Ask, mode: str, is_ours: bool) -> str | None:
    """Why a database may not be used in this mode; None if it may."""
    owner = owner_of(ask)
    if owner is not None:
        is_fit = owner == mode
        return None if is_fit else f"the database belongs to MODE={owner}, and this is MODE={mode}: {HOW}"
    present = [name for (name,) in ask(PRESENT, [list(TABLES)])]
    if is_ours or "users" not in present or not is_so(ask, HAS_ACCOUNTS):
        return None
    is_made_up = any(is_so(ask, IS_MADE_UP[table]) for table in present)
    if mode == PRODUCTION:
        return f"the database holds what a demo or a rehearsal made up, money included: {HOW}" if is_made_up else None
    return None if is_made_up else f"the database has accounts and may be production's, and this is MODE={mode}: {HOW}"


def owner_of(ask: Ask) -> str | None:
    """The mode that a database belongs to, if it says so."""
    ((comment,),) = ask(READ, [])
    owner = (comment or "").removeprefix(PREFIX)
    return owner if owner in MODES else None


def is_so(ask: Ask, question: str) -> bool:
    ((answer,),) = ask(question, [])
    return bool(answer)


def statement(mode: str) -> str:
    """What marks a database that has been migrated."""
    return f"comment on table django_migrations is '{PREFIX}{mode}'"
