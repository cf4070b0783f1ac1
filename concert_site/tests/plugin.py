"""A pytest plugin: the tests' own PostgreSQL and Redis, running before Django loads its settings.

Named in pytest.ini. The process that was started first (with xdist: the controller) runs the
services, its workers inherit the environment. pytest-django gives each worker a database of its own;
here each gets a Redis database of its own.

Whatever a test looks at itself: each answer of the API that it gets in its own process must be one that the API's
description has (concert_site.tests.described), or the test ends in an error.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest import runner

from concert_site.embedded.data_dir import PROJECT, DataDir
from concert_site.embedded.environment import services_for_command
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.locks import FileLock
from concert_site.embedded.modes import TEST
from concert_site.lib.call_stack import with_room
from concert_site.tests import lanes

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from pytest_django.plugin import DjangoDbBlocker

FixtureSetUp = Generator[None, object, object]
services = ExitStack()
guard = lanes.ProcessGuard()
# Answers of the API since they were last looked at: method, path, status, headers, body.
answers: set[tuple[str, str, int, tuple[tuple[str, str], ...], bytes | None]] = set()
URLS = "concert_site.urls"
APIS = ("/api/v1/", "/_allauth/")
MOST_RUNS_AT_ONCE = 8
# Until all tests are known nothing that is made goes again; then it is looked for after so many new objects.
YOUNG_OBJECTS = 50_000
gc.disable()
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """Prepare the environment. A wrapper comes before every other plugin, pytest-django's too."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ["REDIS_URL"] = redis_of_worker(os.environ["REDIS_URL"], worker)
    else:
        start_services()
    sys.addaudithook(refuse_network)
    sys.addaudithook(guard.audit)
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the lanes, and note every answer of the API, whichever way a request came: by a client or a browser."""
    from django.conf import settings
    from django.core.handlers.base import BaseHandler

    lanes.declare(config)
    # A password costs 0.4 s, to judge who may log in as well as to test hashing, which test_hashers does.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    get_response = BaseHandler.get_response

    def noting(self: BaseHandler, request: HttpRequest) -> HttpResponseBase:
        response = get_response(self, request)
        note(request, response)
        return response

    BaseHandler.get_response = noting  # type: ignore[method-assign]  # on purpose
    look_for_static_files_once()


def look_for_static_files_once() -> None:
    """Spare each client of a test the look at every static file: it took a quarter of the time of all tests."""
    from django.conf import settings

    from concert_site.lib.web.static import StaticFiles

    look = StaticFiles.add_files_from_finders
    found: dict[tuple[str, str], dict[str, object]] = {}

    def look_once(self: StaticFiles) -> None:
        # Where some were collected, who collected them looks anew.
        if self.files:
            look(self)
            return
        key = (self.static_prefix, repr((settings.STATICFILES_DIRS, settings.STATICFILES_FINDERS)))
        if key not in found:
            look(self)
            found[key] = dict(self.files)
        self.files.update(found[key])

    StaticFiles.add_files_from_finders = look_once


def note(request: HttpRequest, response: HttpResponseBase) -> None:
    """Remember an answer; not those of addresses that a test has made up."""
    from django.conf import settings

    if request.path.startswith(APIS) and settings.ROOT_URLCONF == URLS and not hasattr(request, "urlconf"):
        body = None if response.streaming else response.content  # type: ignore[attr-defined]  # then it has one
        answers.add((str(request.method), request.path, response.status_code, tuple(response.items()), body))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Don't even load a file that -m leaves out whole, by its name; who names the file itself has it loaded."""
    return True if lanes.leaves_out(config.option.markexpr, collection_path) else None


# Before -m picks tests by their markers; pytest-django's own order within a file stays.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tell the lanes apart."""
    lanes.assign(items)
    lanes.leave_for_the_night(config, items)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """In a new clone pytest rewrites each test module's asserts, which takes longer than all else of the collection.
    Let each worker begin with other modules, so that it finds the rest as the others left them.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if not worker or session.config.args != session.config.getini("testpaths"):
        return
    modules = sorted(path for folder in session.config.args for path in (PROJECT / folder).rglob("test_*.py"))
    modules = [path for path in modules if not lanes.leaves_out(session.config.option.markexpr, path)]
    begin = int(worker.removeprefix("gw")) * len(modules) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for path in modules[begin:] + modules[:begin]:
        # Whatever is wrong with it, the collection will say.
        with suppress(Exception, pytest.skip.Exception):
            import_module(".".join(path.relative_to(PROJECT).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Spare the collector what stays: it took a sixth of the tests' time to walk all of Django and of the tests."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    gc.enable()


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> lanes.LaneScheduling | None:
    """With `--dist loadfile`, begin with the files that take long."""
    return lanes.LaneScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest) -> FixtureSetUp:
    """Migrate one database for all workers, and note how each is before its first test."""
    if fixturedef.argname != "django_db_setup":
        return (yield)
    from concert_site.tests import clean_slate, pooled, template_database

    blocker = request.getfixturevalue("django_db_blocker")
    with blocker.unblock(), template_database.copied():
        result = yield
    with blocker.unblock():
        clean_slate.remember()
    # Before pytest-django's own end, which drops the database.
    request.addfinalizer(partial(let_go_of_database, blocker, pooled.end_sessions))
    return result


def let_go_of_database(blocker: DjangoDbBlocker, end_sessions: Callable[[], None]) -> None:
    """Have nobody keep a connection to this worker's database: neither its threads nor a pooler."""
    from django.db import connection

    from concert_site.accounts.tests.concurrency import end_threads

    with blocker.unblock():
        end_threads()
        connection.close()
        end_sessions()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test start processes if it is in a lane of those that do."""
    guard.refuses = not lanes.may_start(item)
    try:
        return (yield)
    finally:
        guard.refuses = False


@pytest.hookimpl(tryfirst=True, specname="pytest_runtest_protocol")
def pytest_run_with_room(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test as pytest does, within all plugins' wrappers, with room for its frames."""
    return with_room(runner.pytest_runtest_protocol, item, nextitem)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Look after the test's threads; then, once its own settings are gone and nobody counts or measures, compare what
    was noted.
    """
    from concert_site.accounts.tests.concurrency import rest_threads

    rest_threads()
    yield
    noted = list(answers)
    answers.clear()
    if not noted:
        return
    from concert_site.tests.described import faults_of

    faults = [
        fault
        for method, path, status, headers, body in noted
        for fault in faults_of(method, path, status, dict(headers), body)
    ]
    if faults:
        pytest.fail("The API answered what its description doesn't have:\n" + "\n".join(faults), pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop what was started."""
    services.close()


def start_services() -> None:
    """Start PostgreSQL and Redis for this test run alone."""
    data_dir = free_data_dir()
    os.environ["MODE"] = TEST
    os.environ["DATA_DIR"] = str(data_dir.path)
    try:
        services.enter_context(services_for_command(data_dir, TEST, is_throwaway=True))
    except CannotStart as error:
        raise pytest.UsageError(str(error)) from error


def free_data_dir() -> DataDir:
    """The first of `.data/test`, `.data/test-2`... that no other run uses: they would drop each other's databases."""
    parent = PROJECT / ".data"
    parent.mkdir(exist_ok=True)
    for name in ("test", *(f"test-{number}" for number in range(2, MOST_RUNS_AT_ONCE + 1))):
        lock = FileLock(parent / f"{name}.lock")
        services.callback(lock.close)
        if lock.try_exclusive():
            return DataDir(parent / name)
    raise pytest.UsageError(f"{MOST_RUNS_AT_ONCE} test runs are under way in {parent}: wait for one of them")


def redis_of_worker(url: str, worker: str) -> str:
    """The Redis database of an xdist worker: gw0 has number 1, gw1 number 2."""
    number = int(worker.removeprefix("gw")) + 1
    if url.startswith("unix://"):
        return f"{url.partition('?')[0]}?db={number}"
    scheme, _, rest = url.partition("://")
    hosts, _, path = rest.partition("/")
    # Sentinels are told before it what they call the master.
    service = f"{path.partition('/')[0]}/" if scheme.endswith("sentinel") else ""
    return f"{scheme}://{hosts}/{service}{number}"


def refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """Let nothing out of this machine: a test that needs the network fails where there is none."""
    if event == "socket.getaddrinfo" and arguments[0] not in LOCAL_HOSTS:
        raise RuntimeError(f"a test looked up {arguments[0]!r} on the network")
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and address[0] not in LOCAL_HOSTS:
            raise RuntimeError(f"a test connected to {address[0]!r} over the network")


@pytest.fixture(scope="session", autouse=True)
def list_of_revocations_lasts() -> None:
    """Let a process read the list of revoked tokens no more than once a minute, or each count of statements may be
    one too high. Who ends a session or an account's tokens makes it read anew, and running sites do as they do.
    """
    # Only once Django is set up.
    from concert_site.accounts import revocations

    revocations.LEASE_SECONDS = revocations.WHOLE_SECONDS


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Start as a process that has answered nothing yet, with a Redis that knows nothing of an earlier test: it outlives
    that test's database, whose ids begin anew, and a trace that was left in it is a fact to whoever reads it.
    """
    # As above.
    from django.conf import settings

    from concert_site.house import queries as house
    from concert_site.lib.cache import clear_caches
    from concert_site.lib.redis import client
    from concert_site.lib.tasks import enqueuer

    # What an earlier test set off must not reach this one.
    enqueuer.wait()
    clear_caches()
    # Every page's foot asks for it once in 15 s, or each count of statements may be some too high.
    for language, _name in settings.LANGUAGES:
        house.houses.set(language, house.House(), 3600)
    client().flushdb()
