"""docs/installation.md against what it tells of, in no time; bench/drills/bare_host.py follows it on a Debian."""

import importlib.util
import re
import sys

import pytest

from concert_site.embedded.data_dir import PROJECT

DEPLOY, DRILLS = PROJECT / "deploy", PROJECT / "bench" / "drills"
PAGE = PROJECT / "docs" / "installation.md"
SCRIPT = (DEPLOY / "install.sh").read_text()
INSTALL = "apt-get install --yes --no-install-recommends "


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def steps():
    """What the page has its reader type, as the drill reads it."""
    found, _ = load(DRILLS / "bare_console.py").steps_of(PAGE)
    return found


def step_of(steps, beginning):
    return next(step for step in steps if step.command.startswith(beginning))


def test_it_tells_of_every_unit_and_of_none_that_is_not_there():
    text = PAGE.read_text()
    named = {re.sub(r"@\d?", "@", name) for name in re.findall(r"`(frontrow[-.@][-.@\w]*)`", text)}
    units = {unit.name.removesuffix(".service") for unit in (DEPLOY / "systemd").iterdir() if unit.is_file()}

    # The one service is named by its timer.
    assert units - named == {"frontrow-backup"}
    assert named - units == {"frontrow.env"}


def test_it_has_the_words_of_the_installer(steps):
    said = re.findall(r'(?m)^    say "(\d/7 .*?)"', SCRIPT)
    words = [line.replace("$ETC", "/etc/frontrow").replace("$APP", "/opt/frontrow") for line in said]

    printed = step_of(steps, "cd /usr/src/frontrow && deploy/install.sh --host").printed

    assert [line for line in printed if line[1:3] == "/7"] == words
    assert f'say "{printed[-1].partition(" ")[0]}' in SCRIPT


def test_it_has_the_packages_that_the_installer_asks_for(steps):
    asked = {word for words in re.findall(r"missing\+=\((.*?)\)", SCRIPT) for word in words.split()}

    assert len(asked) == 6
    assert asked <= set(step_of(steps, INSTALL).command.removeprefix(INSTALL).split())


def test_its_options_are_the_installers():
    usage = SCRIPT.partition("usage() {")[2].partition("EOF\n}")[0]
    named = re.findall(r"deploy/install\.sh( --[^`\n]*)", PAGE.read_text())

    assert options(usage) == set(re.findall(r"(?m)^ +(--[a-z-]+)\)", SCRIPT))
    assert options(" ".join(named)) == options(usage) - {"--mail-from"}


def options(text):
    return set(re.findall(r"--[a-z][a-z-]*", text))


def test_restart_goes_through_the_units_as_it_says(steps):
    frontrow = load(DEPLOY / "frontrow.py")

    assert step_of(steps, "frontrow restart").printed == tuple(
        f"restarted {unit}" for unit in (*frontrow.WEB_PORTS, *frontrow.OTHERS)
    )


def test_a_page_that_says_something_else_is_told(steps):
    step = step_of(steps, "frontrow restart")

    assert step.complaint("\n".join(step.printed)) == ""
    assert "the page says it prints" in step.complaint("\n".join(step.printed[:-1]))
