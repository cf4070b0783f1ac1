"""The drills are listed, each with what it needs and takes."""

import re
import runpy

from concert_site.embedded.data_dir import PROJECT

FOLDER = PROJECT / "bench" / "drills"
LISTED = runpy.run_path(str(FOLDER / "__main__.py"), run_name="drills")


def test_each_script_that_says_how_to_run_it_is_listed():
    scripts = {path for path in FOLDER.glob("*.py") if f"bench/drills/{path.name}" in path.read_text()}

    assert {drill.path for drill in LISTED["DRILLS"]} == scripts


def test_contributing_has_the_list():
    assert LISTED["table"]() in (PROJECT / "CONTRIBUTING.md").read_text()


def test_what_is_missing_is_said_with_the_package(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    drill = LISTED["Drill"]("alerts", 1, ("prometheus", "/nonexistent/*"), as_root=True)
    monkeypatch.setitem(LISTED["PACKAGES"], "/nonexistent/*", "nothing")
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert list(drill.missing()) == ["root", "apt-get install prometheus", "apt-get install nothing"]
    assert re.search("apt-get install nothing", LISTED["run"](drill, []))
