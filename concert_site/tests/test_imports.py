"""Who may import whom: what the contracts of pyproject.toml, which `make check` looks at, can't say."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from concert_site.embedded.data_dir import PROJECT

LINTER = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
DEEP = next(each for each in LINTER["contracts"] if each["type"] == "forbidden" and "rest_framework" in str(each))
# It knows of other packages by their first name alone: "django".
OF_HTTP = re.compile(r"django\.(http|shortcuts|views|template\.response|contrib\.admin)\b")


@cache
def modules() -> dict[str, Path]:
    """Every module of a package by its name, tests and migrations aside."""
    files = (path for root in PROJECT.glob("*/__init__.py") for path in root.parent.rglob("*.py"))
    named = {path.relative_to(PROJECT).with_suffix("").parts: path for path in files}
    return {
        ".".join(parts).removesuffix(".__init__"): path
        for parts, path in named.items()
        if not {"tests", "migrations"} & set(parts)
    }


def test_every_module_is_in_a_layer():
    """Inside of those that are listed here, the contracts are exhaustive."""
    roots = {name.partition(".")[0] for name in modules()}
    below = {name for name in modules() if name.count(".") == 1 and name.startswith("concert_site.")}
    listed = set(re.findall(r"[\w.]+", " ".join(LINTER["contracts"][0]["layers"])))
    containers = {name for each in LINTER["contracts"] if each.get("exhaustive") for name in each["containers"]}

    assert roots == set(LINTER["root_packages"])
    assert below | (roots - {"concert_site"}) == listed
    parted = {"concert_site.accounts", "concert_site.approvals", "concert_site.house", "concert_site.lib"}
    parted |= {"concert_site.trace"}
    assert containers == roots | parted


@cache
def imports_of(module: str) -> list[str]:
    return list(imported_by(ast.parse(modules()[module].read_text())))


def imported_by(tree: ast.AST) -> Iterator[str]:
    """What a module imports when it runs, each name of a package as if it were a module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module, *(f"{node.module}.{each.name}" for each in node.names))
        else:
            yield from imported_by(node)


def test_no_modules_import_each_other():
    """Nor in a larger circle, nor inside of a function. The packages that a module is in are loaded before it."""
    graph = {
        module: {each for each in imports_of(module) if each in modules() and not f"{module}.".startswith(f"{each}.")}
        for module in modules()
    }

    assert len(list(TopologicalSorter(graph).static_order())) == len(modules())


def chains(start: str) -> Iterator[list[str]]:
    """Each way from a module to something of HTTP, as the modules that it leads through."""
    seen, todo = {start}, [[start]]
    for chain in todo:
        for name in imports_of(chain[-1]):
            if OF_HTTP.match(name):
                yield [*chain, name]
            elif name in modules() and name not in seen:
                seen.add(name)
                todo.append([*chain, name])


def of_the_contract() -> list[str]:
    """The modules that neither DRF nor Celery may be known in."""
    rooms = [each.replace(".", r"\.").replace("*", r"\w+") for each in DEEP["source_modules"]]
    return [name for name in modules() if any(re.match(rf"{room}(\.|$)", name) for room in rooms)]


def test_what_decides_and_reads_knows_no_http():
    assert len(of_the_contract()) > 100
    assert [chain for module in of_the_contract() for chain in chains(module)] == []


def test_http_would_be_found_through_others():
    found = ["concert_site.accounts.brute_force", "concert_site.accounts.devices", "django.http"]
    assert found in list(chains("concert_site.accounts.brute_force"))
