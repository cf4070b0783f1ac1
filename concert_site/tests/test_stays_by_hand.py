"""What decision 0023 names is there: whoever takes a thing out, or renames it, finds its line."""

import re

from concert_site.embedded.data_dir import PROJECT

DECISION = PROJECT / "docs" / "decisions" / "0023-what-stays-by-hand.md"
ROWS = [line.split("|")[1] for line in DECISION.read_text().splitlines() if line.startswith("| ")]
NAMES = [name for row in ROWS for name in re.findall(r"`([^`]+)`", row)]


def test_it_names_many():
    assert len(NAMES) > 40


def is_there(name):
    """Whether it is a file, a folder or a module of the project or of concert_site, or a name in one of its modules."""
    places = [folder / f"{name}{suffix}" for folder in (PROJECT, PROJECT / "concert_site") for suffix in ("", ".py")]
    if any(place.exists() for place in places):
        return True
    path, _, attribute = name.partition(".")
    module = PROJECT / "concert_site" / f"{path}.py"
    return module.exists() and bool(re.search(rf"^(class|def) {attribute}\b", module.read_text(), re.MULTILINE))


def test_what_it_names_is_there():
    assert [name for name in NAMES if not is_there(name)] == []
