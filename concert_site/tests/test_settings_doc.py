"""docs/settings.md has every environment variable that is read, no other, and the right plain defaults."""

import ast
import re

from django.conf import settings

from concert_site.embedded import secret_files
from concert_site.embedded.data_dir import PROJECT

DOCUMENT = PROJECT / "docs" / "settings.md"
SETTINGS = sorted((PROJECT / "concert_site" / "settings").glob("*.py"))
EMBEDDED = sorted((PROJECT / "concert_site" / "embedded").glob("*.py"))
ROW = re.compile(r"^\| (?P<names>`[A-Z][A-Z_]+`(?:, `[A-Z_]+`)*) \| (?P<default>.*?) \|", re.MULTILINE)
PROVIDERS = [app.rpartition(".")[2].upper() for app in settings.INSTALLED_APPS if "socialaccount.providers" in app]


def documented() -> dict[str, str]:
    """Each variable of the tables, with what they say of its default."""
    rows = ROW.finditer(DOCUMENT.read_text())
    return {name: row["default"] for row in rows for name in re.findall(r"`(\w+)`", row["names"])}


def read_by_settings() -> dict[str, ast.expr | None]:
    """Each variable that the settings read through `env`, with its default as it is written there."""
    found = {}
    for node in (node for path in SETTINGS for node in ast.walk(ast.parse(path.read_text()))):
        is_read = isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[0] == "env"
        if is_read and node.args:
            default = next((word.value for word in node.keywords if word.arg == "default"), None)
            found |= dict.fromkeys(names_in(node.args[0]), default)
    return found


def names_in(name: ast.expr) -> list[str]:
    """The name of a variable; the names, where it is made from a provider's."""
    if isinstance(name, ast.Constant):
        return [name.value]
    assert isinstance(name, ast.JoinedStr)
    suffix = name.values[-1].value
    return [provider + suffix for provider in PROVIDERS]


def read_by_embedded() -> set[str]:
    """Each variable that is looked up by its name in an environment."""
    found = set()
    for path in EMBEDDED:
        for node in ast.walk(ast.parse(path.read_text())):
            key = looked_up(node)
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                found.add(key.value)
    return found


def looked_up(node: ast.AST) -> ast.expr | None:
    """The key, if this is `environ["KEY"]`, or `environ.get("KEY")` and the like."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and is_environ(node.value):
        return node.slice
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_environ(node.func.value):
        return node.args[0] if node.func.attr in ("get", "pop", "setdefault") else None
    return None


def is_environ(node: ast.expr) -> bool:
    """Whether this is an environment: os.environ, a parameter of that name, or another process's."""
    return ast.unparse(node).removesuffix("()").endswith("environ")


def test_settings_and_the_start_read_what_is_looked_for():
    assert {"MODE", "GOOGLE_SECRET", "EMAIL_URL", "HOLD_SECONDS"} <= read_by_settings().keys()
    assert {"MODE", "DATA_DIR", "DATABASE_URL"} <= read_by_embedded()


def test_the_table_has_every_variable():
    assert (read_by_settings().keys() | read_by_embedded()) - documented().keys() == set()


def test_the_table_has_no_variable_that_nobody_reads():
    assert documented().keys() - read_by_settings().keys() - read_by_embedded() == set()


def test_the_table_names_plain_defaults_as_they_are():
    table = documented()
    written = {
        name: {"True": "on", "False": "off"}.get(str(default.value), str(default.value))
        for name, default in read_by_settings().items()
        if isinstance(default, ast.Constant) and default.value != ""
    }
    # The services' own defaults are what Django falls back to without manage.py.
    for name in written.keys() - {"DATABASE_URL", "REDIS_URL"}:
        assert f"`{written[name]}`" in table[name], name


def test_the_table_marks_as_secret_what_is_taken_from_files():
    rows = re.findall(r"^\| (`[A-Z].*?) \| .*? \| \*\*Secret(?:: (.*?))?\.\*\*", DOCUMENT.read_text(), re.MULTILINE)
    marked = {name for names, some in rows for name in re.findall(r"`(\w+)`", some or names)}
    assert marked == set(secret_files.SECRETS)
