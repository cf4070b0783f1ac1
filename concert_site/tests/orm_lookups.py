"""What code asks the ORM for: paths of lookups, and attributes that lead from a row to another table's.

Python says no types of what it reads, so a path is tried from every model that the code may know: it leads above if it
does from any of them.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model

# Calls whose strings, or the names of whose arguments, are paths though they be one word.
BY_STRINGS = re.compile(
    r"select_related|prefetch_related|values|values_list|order_by|only|defer|distinct|latest|earliest|in_bulk"
    r"|dates|datetimes|Prefetch|F|OuterRef|Count|Sum|Max|Min|Avg|Func|Predicate|Coalesce|Cast|Subquery|Exists|FilteredRelation"
    r"|getattr|hasattr|setattr|attrgetter"
)
BY_NAMES = re.compile(r"filter|exclude|get|Q|When|get_or_create|update_or_create|create|update|get_object_or_404")
# What the admin's classes say in lists of paths.
OPTIONS = re.compile(r"list_\w+|search_fields|ordering|fields|readonly_fields|autocomplete_fields|raw_id_fields")
# These read the whole row at the other end, be the path's last word a column of this one.
JOINS = re.compile(r"select_related|prefetch_related|Prefetch|list_select_related|getattr|hasattr|attrgetter")
LONG_PATH = re.compile(r"-?[a-z]\w*?__[a-z]\w*")


@dataclass(frozen=True)
class Lookup:
    """A path, in which line it stands, and whether it reads the row that it leads to."""

    line: int
    path: str
    joins: bool = False


def lookups_in(tree: ast.AST) -> Iterator[Lookup]:
    """Every path that code names."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if LONG_PATH.fullmatch(text):
                yield Lookup(node.lineno, text)
            case ast.keyword(arg=str(name)) if "__" in name.strip("_"):
                yield Lookup(node.value.lineno, name)
            case ast.Call():
                yield from lookups_of_call(node)
            case ast.Assign(targets=[ast.Name(id=option)]) if OPTIONS.fullmatch(option):
                yield from (Lookup(node.lineno, text, is_join(option)) for text in strings_in([node.value]))
            case ast.Attribute(value=value, attr=name) if not (isinstance(value, ast.Name) and value.id == "self"):
                yield Lookup(node.lineno, name, joins=True)


def lookups_in_template(text: str) -> Iterator[Lookup]:
    """Every attribute that a template reads."""
    for line, each in enumerate(text.splitlines(), 1):
        for tag in re.findall(r"{[{%].*?[}%]}", each):
            for names in re.findall(r"\b[a-z]\w*((?:\.[a-z]\w*)+)", re.sub(r"\"[^\"]*\"|'[^']*'", "", tag)):
                yield from (Lookup(line, name, joins=True) for name in names.strip(".").split("."))


def lookups_of_call(call: ast.Call) -> Iterator[Lookup]:
    """The paths that a call of the ORM names."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if BY_STRINGS.fullmatch(name):
        yield from (Lookup(call.lineno, text, is_join(name)) for text in strings_in(call.args))
    if BY_NAMES.fullmatch(name):
        yield from (Lookup(call.lineno, each.arg) for each in call.keywords if each.arg)


def is_join(name: str) -> bool:
    return JOINS.fullmatch(name) is not None


def strings_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The words of some arguments, those of lists and dictionaries as well."""
    for each in (inner for node in nodes for inner in ast.walk(node)):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and re.fullmatch(r"-?\w+", each.value):
            yield each.value


def begins_at(model: type[Model], lookup: Lookup) -> bool:
    return field_of(model, lookup.path.lstrip("-").split("__")[0]) is not None


def reached(root: type[Model], lookup: Lookup) -> Iterator[type[Model]]:
    """The models whose rows a path reads, from one on.

    A foreign key's own column reads none: `payment`, `payment_id` and `payment__isnull` stay at home.
    """
    model: type[Model] = root
    words = lookup.path.lstrip("-").split("__")
    for nth, word in enumerate(words):
        field = field_of(model, word)
        if field is None or not field.is_relation or (field.concrete and word != field.name):
            return
        goes_on = nth + 1 < len(words) and field_of(field.related_model, words[nth + 1]) is not None
        if lookup.joins or goes_on or not field.concrete:
            yield field.related_model
        model = field.related_model


@cache
def field_of(model: type[Model], word: str) -> Any:
    """The field or relation of a model by its name in a path, or by its accessor on a row."""
    try:
        return model._meta.get_field(word)
    except FieldDoesNotExist:
        return next((each for each in model._meta.related_objects if each.get_accessor_name() == word), None)
