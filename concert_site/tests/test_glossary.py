"""The words of code in docs/glossary.md: each names what exists, and none that they replaced has come back.

Nor is a class called like one elsewhere that is something else.
"""

import ast
import re
from functools import cache
from pathlib import Path

from django.conf import settings

GLOSSARY = Path("docs/glossary.md")
APPS = ("concert_site", "payments", "queueing", "reservations", "wallet")
# A row of the table: what it means, what it is called, and what it is not called any more.
ROW = re.compile(r"^\| (?P<idea>[^|]+) \| (?P<called>[^|]*`[^|]*) \| (?P<instead>[^|]*) \|$", re.MULTILINE)


def rows():
    text = (settings.BASE_DIR / GLOSSARY).read_text()
    _before, words_of_code = text.split("\n## Words of code\n")
    return list(ROW.finditer(words_of_code.split("\n## ")[0]))


def words(column):
    return [word for row in rows() for word in re.findall(r"`([^`]+)`", row[column])]


def modules():
    """Every file outside tests and migrations."""
    files = (path for app in APPS for path in (settings.BASE_DIR / app).rglob("*.py"))
    return [path for path in files if not {"tests", "migrations"} & set(path.relative_to(settings.BASE_DIR).parts)]


@cache
def names():
    """Every module, class and function."""
    return {name for path in modules() for name in (path.stem, path.parent.name, *defined_in(path))}


def defined_in(path):
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)}


def test_the_table_is_read():
    assert len(rows()) > 10
    assert {"hold_seats", "release_lapsed"} <= names()


def test_a_word_of_code_names_something():
    assert set(words("called")) - names() == set()


def test_a_replaced_word_has_not_come_back():
    assert set(words("instead")) & names() == set()


def test_no_class_is_called_like_another():
    homes = {}

    for path in modules():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                # Django looks for the class of a command by that name.
                is_new = homes.setdefault(node.name, path) == path or node.name == "Command"
                assert is_new, f"{node.name}: {homes[node.name]}, {path}"
