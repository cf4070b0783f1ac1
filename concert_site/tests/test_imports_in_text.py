"""Code that is handed to another process as text, and code in documents, imports what there is.

Neither the type checker nor the linter reads it, so a renaming would be found by whoever runs it.
"""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from concert_site.embedded.data_dir import PROJECT

IMPORT = re.compile(
    r"from (?P<module>(?:concert_site|payments|queueing|reservations|wallet)[\w.]*)"
    r" import (?P<names>\([\w ,\n]+\)|[\w ,]+)"
)
FILES = sorted(
    path
    for pattern in ("bench/**/*.py", "concert_site/tests/**/*.py", "docs/**/*.md", "*.md", "deploy/*.sh")
    for path in PROJECT.glob(pattern)
)


def missing_from(path: Path) -> list[str]:
    """What a file imports of ours, and what isn't there."""
    found = []
    for each in IMPORT.finditer(path.read_text()):
        module = import_module(each["module"])
        for name in each["names"].strip("()").split(","):
            bare = name.strip().split(" as ")[0]
            if bare and not has(module, bare):
                found.append(f"{path.relative_to(PROJECT)}: {each['module']}.{bare}")
    return found


def has(module: ModuleType, name: str) -> bool:
    """Whether a name, or a module of a package, can be imported from it."""
    return hasattr(module, name) or (hasattr(module, "__path__") and find_spec(f"{module.__name__}.{name}") is not None)


def test_what_is_imported_is_there() -> None:
    assert len(FILES) > 200
    assert [each for path in FILES for each in missing_from(path)] == []
