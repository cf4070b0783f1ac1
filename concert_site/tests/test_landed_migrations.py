"""Migrations that have landed are never edited: databases have run them, and new ones must become the same.

A new migration is added to the list by

    .venv/bin/python -m concert_site.tests.test_landed_migrations
"""

import hashlib
from pathlib import Path

BASE = Path(__file__).resolve().parents[2]
LIST = Path(__file__).parent / "upgrades" / "landed_migrations.txt"
APPS = (
    "concert_site",
    "concert_site/accounts",
    "concert_site/approvals",
    "wallet",
    "queueing",
    "reservations",
    "payments",
)


def hashes_of_files() -> dict[str, str]:
    """SHA-256 of each migration, by its path."""
    return {
        path.relative_to(BASE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for app in APPS
        for path in sorted((BASE / app / "migrations").glob("[0-9]*.py"))
    }


def hashes_that_landed() -> dict[str, str]:
    """The list."""
    lines = LIST.read_text().splitlines() if LIST.exists() else []
    return {path: known for known, path in (line.split() for line in lines)}


def changes(landed: dict[str, str], found: dict[str, str]) -> list[str]:
    """What is wrong, a line each."""
    lines = [f"{path} landed and is gone: put it back" for path in landed.keys() - found.keys()]
    lines += [f"{path} is new: add it by `python -m {__name__}`" for path in found.keys() - landed.keys()]
    both = landed.keys() & found.keys()
    lines += [f"{path} landed and was edited: write another one" for path in both if landed[path] != found[path]]
    return sorted(lines)


def test_no_migration_that_landed_was_edited():
    assert changes(hashes_that_landed(), hashes_of_files()) == []


def test_whatever_happens_to_a_migration_is_noticed():
    landed = {"a": "1", "b": "2"}

    assert changes(landed, {"a": "1", "b": "3"}) == ["b landed and was edited: write another one"]
    assert changes(landed, {"a": "1"}) == ["b landed and is gone: put it back"]
    (line,) = changes(landed, landed | {"c": "4"})
    assert line.startswith("c is new: add it by")


def add_new_ones() -> None:
    """Write new migrations into the list; what stands there stays, edited or not."""
    listed = hashes_of_files() | hashes_that_landed()
    LIST.write_text("".join(f"{listed[path]}  {path}\n" for path in sorted(listed)))


if __name__ == "__main__":
    add_new_ones()
