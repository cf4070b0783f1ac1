"""Which of the three modes Frontrow runs in; a data directory remembers its own."""

from collections.abc import Mapping
from pathlib import Path

from concert_site.embedded.data_dir import write_closed
from concert_site.embedded.errors import CannotStart

PRODUCTION = "production"
DEMO = "demo"
TEST = "test"
MODES = (PRODUCTION, DEMO, TEST)


def asked_mode(environ: Mapping[str, str], *, is_demo: bool) -> str | None:
    """The mode that was asked for by name: MODE, or `up --demo`.

    :raises CannotStart: if it is none of the three, or both ask for different ones
    """
    mode = environ.get("MODE")
    if mode and mode not in MODES:
        raise CannotStart(f"MODE={mode} is not a mode: use {', '.join(MODES)}")
    if is_demo and mode and mode != DEMO:
        raise CannotStart(f"--demo means MODE=demo, but MODE={mode} is set: leave out one of the two")
    return DEMO if is_demo else mode or None


def remembered_mode(data_dir: Path) -> str | None:
    try:
        return (data_dir / "mode").read_text().strip()
    except OSError:
        return None


def decide_mode(asked: str | None, data_dir: Path) -> str:
    """What was asked for, else what the data directory remembers, else production.

    :raises CannotStart: if the data directory is of another mode
    """
    remembered = remembered_mode(data_dir)
    if asked and remembered and asked != remembered:
        raise CannotStart(
            f"the data directory {data_dir} belongs to MODE={remembered}, not {asked}: choose another with --data-dir"
        )
    return asked or remembered or PRODUCTION


def remember_mode(data_dir: Path, mode: str) -> None:
    if remembered_mode(data_dir) is None:
        write_closed(data_dir / "mode", f"{mode}\n")
