"""Layers hold for data: no app names a table above it, and each writes and locks its own alone.

Read are every `.sql` file, every string of SQL in the code of an app, every path that it gives to the ORM, and every
attribute that its modules and templates name.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db.models import Model

from concert_site.tests.orm_lookups import Lookup, begins_at, lookups_in, lookups_in_template, reached

# From below: an app may name tables of those before it; queueing and wallet know nothing of each other.
BELOW = {
    # Who did it is an account.
    "trace": {"accounts", "trace"},
    "accounts": {"accounts", "trace"},
    "house": {"house", "trace"},
    "approvals": {"accounts", "approvals"},
    "queueing": {"accounts", "queueing"},
    "wallet": {"accounts", "approvals", "wallet"},
    "reservations": {"accounts", "house", "approvals", "queueing", "wallet", "reservations"},
    "payments": {"accounts", "house", "approvals", "queueing", "wallet", "reservations", "payments"},
}
# The waiting room knows a schedule by its id, and notes on it when its numbers were drawn.
BESIDE = {"queueing": {"concert_schedule"}}
IS_SQL = re.compile(r"\b(select|insert into|update|delete from|with)\b", re.IGNORECASE)
NAMES = re.compile(r"\b(?:from|join|into|update|using|table)\s+(?:only\s+)?([a-z_]+)\b", re.IGNORECASE)
LISTED = re.compile(r",\s*([a-z_]+)\s+[a-z]\b", re.IGNORECASE)
WRITES = re.compile(r"\b(?:insert into|(?<!key )update|delete from)\s+([a-z_]+)\b", re.IGNORECASE)
LOCKS = re.compile(r"\bfrom\s+([a-z_]+)\s[^;]*?\bfor (?:no key )?update\b", re.IGNORECASE)


def owners() -> dict[str, str]:
    """The app of each table."""
    return {model._meta.db_table: model._meta.app_label for model in apps.get_models() if label_of(model) in BELOW}


def label_of(model) -> str:
    return str(model._meta.app_label)


def folder_of(app: str) -> Path:
    return Path(apps.get_app_config(app).path)


@cache
def statements_of(app: str) -> list[tuple[str, str]]:
    """Where an app says something in SQL, and what."""
    return list(read_statements(app))


def read_statements(app: str) -> Iterator[tuple[str, str]]:
    for path in sorted(folder_of(app).rglob("*")):
        inside = path.relative_to(settings.BASE_DIR)
        if {"tests", "migrations"} & set(inside.parts):
            continue
        if path.suffix == ".sql":
            yield from statements_in(str(inside), path.read_text())
        elif path.suffix == ".py":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and IS_SQL.search(node.value):
                    yield f"{inside}:{node.lineno}", node.value


def statements_in(where: str, text: str) -> Iterator[tuple[str, str]]:
    """The statements of a file, without its comments."""
    for statement in re.sub(r"--.*", "", text).split(";"):
        yield where, statement


def tables_in(sql: str) -> set[str]:
    """Whatever may be a table in it."""
    return {*NAMES.findall(sql), *LISTED.findall(sql)}


def named_above(app: str) -> set[tuple[str, str]]:
    """The tables above an app that it names, and where."""
    tables = owners()
    return {
        (where, table)
        for where, sql in statements_of(app)
        for table in tables_in(sql)
        if table in tables and tables[table] not in BELOW[app] and table not in BESIDE.get(app, set())
    }


def written_by_others(app: str) -> set[tuple[str, str]]:
    """The tables of other apps that an app writes or locks in SQL, and where."""
    tables = owners()
    return {
        (where, table)
        for where, sql in statements_of(app)
        for table in {*WRITES.findall(sql), *LOCKS.findall(sql)}
        if table in tables and tables[table] != app and table not in BESIDE.get(app, set())
    }


def sources_of(app: str) -> Iterator[tuple[str, ast.AST]]:
    """The modules of an app, without its tests and migrations."""
    for path in sorted(folder_of(app).rglob("*.py")):
        inside = path.relative_to(settings.BASE_DIR)
        if not {"tests", "migrations"} & set(inside.parts):
            yield str(inside), ast.parse(path.read_text())


def lookups_of(app: str) -> Iterator[tuple[str, Lookup]]:
    """Every path and attribute that an app's modules and templates name, and where."""
    for where, tree in sources_of(app):
        yield from ((where, lookup) for lookup in lookups_in(tree))
    for where, text in templates_of(app):
        yield from ((where, lookup) for lookup in lookups_in_template(text))


def templates_of(app: str) -> Iterator[tuple[str, str]]:
    """The templates of an app, its admin's and mails' among them."""
    for folder in (settings.BASE_DIR / "templates" / app, settings.BASE_DIR / "templates" / "admin" / app):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            yield str(path.relative_to(settings.BASE_DIR)), path.read_text()


def roots_of(app: str, lookup: Lookup) -> list[type[Model]]:
    """The models that a path may begin at: the app's own that have its first word, else those below."""
    begun = [model for model in apps.get_models() if label_of(model) in BELOW[app] and begins_at(model, lookup)]
    return [model for model in begun if label_of(model) == app] or begun


def looked_up_above(app: str) -> set[tuple[str, str, str]]:
    """The tables above an app whose rows it reads through the ORM: where, by which path, and which."""
    return {
        (f"{where}:{lookup.line}", lookup.path, model._meta.db_table)
        for where, lookup in lookups_of(app)
        for root in roots_of(app, lookup)
        for model in reached(root, lookup)
        if label_of(model) in BELOW and label_of(model) not in BELOW[app]
    }


@pytest.mark.parametrize("app", BELOW)
def test_no_app_looks_up_a_table_above_it(app):
    assert looked_up_above(app) == set()


@pytest.mark.parametrize(
    ("app", "code"),
    [
        ("reservations", 'own.select_related("concert_seat", "payment")'),
        ("reservations", 'path = "concert_seat__reservations__payment__state"'),
        ("reservations", "Reservation.objects.filter(payment=7)"),
        ("reservations", "Q(payment__isnull=True)"),
        ("reservations", 'own.order_by("-payment")'),
        ("reservations", 'own.prefetch_related("payment")'),
        ("reservations", 'own.values("payment")'),
        ("reservations", 'own.annotate(paid=Count("payment"))'),
        ("reservations", 'own.annotate(fee=F("payment__refund_fee"))'),
        ("reservations", 'hasattr(reservation, "payment")'),
        ("reservations", "reservation.payment.pk"),
        ("reservations", 'class SomeAdmin:\n    list_select_related = ("payment",)'),
        ("wallet", 'entries.select_related("payment")'),
        ("wallet", "entries.filter(payment__reservation__user=1)"),
        ("wallet", "entry.payment.reservation"),
        ("queueing", 'rows.select_related("user", "concert_schedule__concert")'),
        ("queueing", 'rows.filter(concert_schedule__deadline_at__lt="2031-05-31")'),
        ("accounts", "user.reservation_set.all()"),
    ],
)
def test_control_a_lookup_above_is_found(app, code, monkeypatch):
    monkeypatch.setitem(globals(), "sources_of", lambda _app: [("here", ast.parse(code))])

    assert looked_up_above(app)


def test_control_a_lookup_above_in_a_template_is_found(monkeypatch):
    text = "{% with reservation=entry.payment.reservation %}{{ reservation.price|money }}{% endwith %}"
    monkeypatch.setitem(globals(), "templates_of", lambda _app: [("here", text)])

    assert {path for _, path, _ in looked_up_above("wallet")} == {"payment", "reservation"}


@pytest.mark.parametrize(
    ("app", "code"),
    [
        ("wallet", "entries.filter(payment__isnull=False, payment_id=7)"),
        ("wallet", 'UniqueConstraint(fields=["payment", "kind"])'),
        ("wallet", "entry.payment_id"),
        ("queueing", "tokens.filter(concert_schedule_id=1, user__email='')"),
        ("payments", 'own.select_related("reservation__concert_seat")'),
    ],
)
def test_control_a_key_of_its_own_is_no_lookup(app, code, monkeypatch):
    monkeypatch.setitem(globals(), "sources_of", lambda _app: [("here", ast.parse(code))])

    assert looked_up_above(app) == set()


@pytest.mark.parametrize("app", BELOW)
def test_no_app_names_a_table_above_it(app):
    assert named_above(app) == set()


@pytest.mark.parametrize("app", BELOW)
def test_each_app_writes_and_locks_its_own_tables_alone(app):
    assert written_by_others(app) == set()


def test_the_statements_are_found():
    """Else both would say nothing."""
    found = {table for app in BELOW for _where, sql in statements_of(app) for table in tables_in(sql)}

    assert {"concert_seat", "reservation", "waiting_token", "balance", "balance_history", "payment"} <= found


@pytest.mark.parametrize(
    ("app", "sql", "fault"),
    [
        ("wallet", "select 1 from balance b join payment p on true", named_above),
        ("wallet", "select 1 from waiting_token", named_above),
        ("queueing", "select 1 from waiting_token t, concert_seat s", named_above),
        ("payments", "update concert_seat s set status = 'RESERVED'", written_by_others),
        ("payments", "select 1 from waiting_token t where true for no key update", written_by_others),
        ("reservations", "update waiting_token t set entered_at = now()", written_by_others),
    ],
)
def test_control_a_statement_in_the_wrong_app_is_found(app, sql, fault, monkeypatch):
    monkeypatch.setitem(globals(), "statements_of", lambda _app: [("here", sql)])

    assert fault(app)
