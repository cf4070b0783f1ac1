"""Which lane a test runs in, so that those that take long can be left out: `make test-fast` runs what is in none.

Nobody has to remember a marker. What can be seen by a test is seen here; a process that a test starts without being
in the lane of processes is refused, with the marker's name.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from xdist.scheduler import LoadFileScheduling

LANES = {
    "browser": "needs a site and a browser; set for everything in a folder named browser",
    "processes": "starts processes; set for folders that share a site, and who imports what starts them; else by hand",
    "storm": "commits, for connections at once to see; set wherever a test's transactions are committed",
    "long": "takes seconds in this process alone; set for the modules that lanes.LONG names",
    "nightly": "a drill whose shorter form is in the suite: only `make test-long`, or who names it, runs it",
    "pages": "renders pages for fans or staff; set by modules' names: test_pages..., test_desk..., ..._forms",
}
# Modules of tests that start processes, by what test modules import of them.
STARTERS = {"concert_site.tests.up_process", "concert_site.tests.redis_server", "concert_site.tests.storm"}
# Of those, what starts nothing.
HARMLESS = {"wait_until", "free_port", "clean_environment", "is_gone"}
# Events of `sys.audit`.
STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}
# What takes longest begins first; the quick tests fill what is left.
FIRST = ["browser", "processes", "storm", "long", "pages"]
# Whole houses, every page there is, every static file, pictures, whole mails.
LONG = {
    "add_seats",
    "back_office",
    "bodies",
    "data_layers",
    "demo",
    "headers",
    "headless",
    "mails",
    "plans",
    "posters",
    "seed_secrecy",
    "snapshots",
    "sql_install",
    "static",
    "tickets",
}
LONG |= {"addresses", "schema", "second_factor", "sessions", "waiting_api"}
LONG |= {"page_weight", "redis_away", "revocations", "role_addresses", "shared_caches"}
# What `make test-fast` asks for, say.
BUT_LANES = re.compile(r"not (\w+|\(\w+(?: or \w+)*\))")
# Drills of half a minute and more, with what says the same of each step in a few seconds.
NIGHTLY = {
    "card_chaos": "payments/tests/test_card_deaths.py",
    "waiting_processes": "concert_site/tests/test_waiting_storm.py",
}
# Folders of tests that share a running site, and a browser.
SHARE_A_SITE = {"running", "clients", "browser"}
PAGES = re.compile(r"^test_(pages|admin|desk|errors)(_|$)|_(pages|admin|forms)$")


class ProcessGuard:
    """Refuses to start a process for a test that isn't marked for it."""

    def __init__(self) -> None:
        self.refuses = False

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        """A hook of `sys.addaudithook`."""
        if self.refuses and event in STARTS:
            raise RuntimeError("a test starts a process: mark it with pytest.mark.processes")


class LaneScheduling(LoadFileScheduling):
    """A file's tests stay together, and so do those that share a site and a browser; in the order of the collection."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        # xdist's own order is by numbers of tests, and the few tests of a long file would come last.
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(super()._split_scope(nodeid))


def scope_of(file: str) -> str:
    """What stays together on one worker: a file, or those that share a site."""
    folder = file.rpartition("/")[0]
    return folder if folder.rpartition("/")[2] in SHARE_A_SITE else file


def declare(config: pytest.Config) -> None:
    """Tell pytest of the markers, which it takes strictly."""
    for name, meaning in LANES.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def assign(items: list[pytest.Item]) -> None:
    """Mark every test, and put whole files in the order of their lanes."""
    turns: dict[Path, int] = {}
    for item in items:
        found = lanes_of(item)
        for name in found:
            item.add_marker(name)
        by_hand = {marker.name for marker in item.iter_markers()}
        turns[item.path] = min(turn_of(found | by_hand), turns.get(item.path, len(FIRST)))
    items.sort(key=lambda item: turns[item.path])


def lanes_of(item: pytest.Item) -> set[str]:
    """What can be seen by a test."""
    found = set(lanes_by_name(item.path))
    if starts_processes(item):
        found.add("processes")
    if commits(item):
        found.add("storm")
    return found


@cache
def lanes_by_name(path: Path) -> frozenset[str]:
    """What can be seen by a file's name."""
    name = path.stem.removeprefix("test_")
    seen = {
        "browser": path.parent.name == "browser",
        "long": name in LONG,
        "nightly": name in NIGHTLY,
        "processes": path.parent.name in SHARE_A_SITE - {"browser"},
        "pages": bool(PAGES.search(path.stem)),
    }
    return frozenset(lane for lane, is_in in seen.items() if is_in)


def leaves_out(markexpr: str, path: Path) -> bool:
    """Whether an expression of -m has no test of this file, which then needn't be loaded."""
    found = BUT_LANES.fullmatch(markexpr)
    return bool(found and lanes_by_name(path) & set(found[1].strip("()").split(" or ")))


def starts_processes(item: pytest.Item) -> bool:
    """Whether its module imports a function or a class that starts some."""
    return isinstance(item, pytest.Function) and imports_starters(item.module)


@cache
def imports_starters(module: ModuleType) -> bool:
    """What `starts_processes` asks, once a module."""
    names = vars(module).items()
    return any(getattr(one, "__module__", None) in STARTERS and name not in HARMLESS for name, one in names)


def commits(item: pytest.Item) -> bool:
    """Whether its transactions are committed."""
    wanted = item.get_closest_marker("django_db")
    by_fixture = {"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    return bool(by_fixture or (wanted and wanted.kwargs.get("transaction")))


def leave_for_the_night(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take drills out of a run of everything; who asks for something finds them."""
    is_named = "nightly" in config.option.markexpr or config.option.keyword
    is_asked = is_named or config.args != config.getini("testpaths")
    if is_asked:
        return
    left = [item for item in items if item.get_closest_marker("nightly")]
    items[:] = [item for item in items if not item.get_closest_marker("nightly")]
    config.hook.pytest_deselected(items=left)


def turn_of(markers: set[str]) -> int:
    """Which of the lanes a test is in, the longest first."""
    return next((nth for nth, name in enumerate(FIRST) if name in markers), len(FIRST))


def may_start(item: pytest.Item) -> bool:
    """Whether this test may start processes."""
    return any(item.get_closest_marker(name) for name in ("browser", "processes"))
