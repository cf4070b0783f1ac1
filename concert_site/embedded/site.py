"""`manage.py up`: the whole site in the foreground, from the first process to the last."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field

import psutil

from concert_site.embedded import reachable, secret_files, services, stamps, web
from concert_site.embedded.attach import attached
from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.drain import RENEW, STOP, DrainFiles, drain
from concert_site.embedded.errors import CannotStart
from concert_site.embedded.locks import FileLock
from concert_site.embedded.modes import PRODUCTION
from concert_site.embedded.notify import READY, STOPPING, Notifier
from concert_site.embedded.programs import Program, do_nothing
from concert_site.embedded.roles import PROGRAMS, SERVICES, WEB, Roles, listed
from concert_site.embedded.services import Services
from concert_site.embedded.signals import StopRequested, StopSignals
from concert_site.embedded.supervisor import POLL_SECONDS, Supervisor

# A command that just ends still needs a moment to stop its services.
OWNER_SECONDS = 5.0
READY_SECONDS = 60.0
# What answers no probe is taken to run once it has lived for so long.
SETTLED_SECONDS = 2.0
# For how long connections of a web server that is renewed end with their next answer, at least.
RENEW_DRAIN_SECONDS = 2.0
# First those who take requests, then those who work for them, then what they all write to.
STOP_ORDER = (("web", "beat"), ("ticks", "worker", "lines", "tasks", "metrics"), *services.STOP_ORDER)


@dataclass(frozen=True)
class Site:
    """What is to run, and where."""

    data_dir: DataDir
    services: Services
    address: web.Address
    workers: int
    roles: Roles = field(default_factory=Roles)
    # For how long web goes on, and says that it ends, before it does.
    drain_seconds: float = 0.0
    notifier: Notifier = field(default_factory=Notifier)

    def run(self, prepare: Callable[[], list[str]]) -> None:
        """Run until a signal says stop.

        `prepare` is called once PostgreSQL and Redis answer; the lines it returns are shown
        before the address.
        :raises CannotStart: if something is in the way
        """
        with ExitStack() as locks:
            names = locks.enter_context(owned(self.data_dir, self.roles))
            signals = StopSignals()
            if not self.roles.owns_services:
                with signals.interruptible():
                    locks.enter_context(self._foreign_services())
            self._supervise(signals, prepare, names)

    def _foreign_services(self) -> AbstractContextManager[None]:
        """The embedded services, where they are used and another process runs them: it, or a daemon."""
        return nullcontext() if self.services.is_empty else attached(self.data_dir, self.services)

    def _supervise(self, signals: StopSignals, prepare: Callable[[], list[str]], names: set[str]) -> None:
        # Whatever an `up` that was killed left behind ends here, also what may still hold the port.
        supervisor = Supervisor(self.data_dir, report, names, self.data_dir.records_of(self.roles.named))
        files = DrainFiles(self.data_dir.sockets())
        try:
            address = self._start(supervisor, signals, prepare, files)
            self.notifier.tell(READY)
            while True:
                signals.stop_if_asked()
                if signals.take_reload():
                    self._reload(supervisor, signals, address, files)
                supervisor.check()
                self.notifier.tell_alive()
                time.sleep(POLL_SECONDS)
        except StopRequested:
            report("stopping")
        finally:
            self.notifier.tell(STOPPING)
            self._drain(supervisor, signals, files)
            supervisor.stop(STOP_ORDER, lambda: signals.is_hurried)

    def _reload(self, supervisor: Supervisor, signals: StopSignals, address: web.Address, files: DrainFiles) -> None:
        """Replace web, workers and beat, one after another, by what lies in the project's folder now."""
        report("reloading")
        self.notifier.tell_reloading()
        try:
            secret_files.reread(os.environ)
            for program in self.roles.make_anew(address, self.workers):
                if program.name == WEB:
                    self._renew_web(supervisor, signals, address, files, program)
                else:
                    supervisor.renew(program, has_settled, do_nothing, signals.stop_if_asked)
            report("reloaded")
        except CannotStart as error:
            report(f"not reloaded: {error}")
        self.notifier.tell(READY)

    def _renew_web(
        self, supervisor: Supervisor, signals: StopSignals, address: web.Address, files: DrainFiles, program: Program
    ) -> None:
        old = files.current
        program = files.for_next(program)

        def retire() -> None:
            drain(old, RENEW)
            supervisor.check_for(max(self.drain_seconds, RENEW_DRAIN_SECONDS), lambda: signals.count > 0)

        if not supervisor.renew(program, lambda pid: web.listens(pid, address.port), retire, signals.stop_if_asked):
            files.give_up_next()
        old.unlink(missing_ok=True)

    def _drain(self, supervisor: Supervisor, signals: StopSignals, files: DrainFiles) -> None:
        """Have web say that it ends while it still serves, for as long as a load balancer takes to notice."""
        if self.roles.has_web and self.drain_seconds and supervisor.has(WEB) and not signals.is_hurried:
            report(f"draining for {self.drain_seconds:.0f} s; a second signal stops at once")
            drain(files.current, STOP)
            supervisor.check_for(self.drain_seconds, lambda: signals.is_hurried)

    def _start(
        self,
        supervisor: Supervisor,
        signals: StopSignals,
        prepare: Callable[[], list[str]],
        files: DrainFiles,
    ) -> web.Address:
        address = web.require_free(self.address) if self.roles.has_web else self.address
        with signals.interruptible():
            reachable.require(others(self.services), ("DATABASE_URL", "REDIS_URL", "BROKER_URL"))
        report(f"starting in {self.data_dir.path} (MODE={os.environ['MODE']}); logs: {self.data_dir.log}")
        if self.roles.owns_services:
            self.services.start(supervisor, self.data_dir)
            self.services.wait(supervisor, self.data_dir, signals.stop_if_asked)
        if os.environ["MODE"] != PRODUCTION:
            # Mails lead here, unless told otherwise; what is started below inherits it.
            os.environ.setdefault("SITE_URL", address.reachable_url)
        with signals.interruptible():
            stamps.require(os.environ["DATABASE_URL"], os.environ["MODE"], is_ours=self.services.has_postgres)
            lines = prepare()
        for program in self.roles.make(address, self.workers):
            supervisor.start(files.for_next(program) if program.name == WEB else program)
        self._wait_ready(supervisor, signals, address)
        for line in (*lines, self._ready_line(address)):
            print(line, flush=True)
        return address

    def _wait_ready(self, supervisor: Supervisor, signals: StopSignals, address: web.Address) -> None:
        if self.roles.has_web:
            what, is_ready = f"{address.url}readyz", lambda: web.is_ready(address)
        else:
            what, is_ready = listed(self.roles.named), lambda: supervisor.have_settled(SETTLED_SECONDS)
        supervisor.wait_for(is_ready, what, READY_SECONDS, signals.stop_if_asked)

    def _ready_line(self, address: web.Address) -> str:
        return f"Ready: {address.url}" if self.roles.has_web else f"Running: {listed(self.roles.named)}"


@contextmanager
def owned(data_dir: DataDir, roles: Roles) -> Iterator[set[str]]:
    """Hold the locks of what is to run here; yields the names of the programs that they are of.

    :raises CannotStart: naming who has one
    """
    names = set(roles.programs)
    with ExitStack() as held:
        if roles.owns_services:
            names.update(PROGRAMS[SERVICES])
            held.callback(own(data_dir).close)
        for name in roles.programs:
            held.callback(own_program(data_dir, name).close)
        yield names


def own_program(data_dir: DataDir, name: str) -> FileLock:
    """Take what only one `up` may run in this data directory.

    :raises CannotStart: naming who has it
    """
    lock = data_dir.program_lock(name)
    # An `up` that is being told to stop by the same script takes a moment; a probe holds it for none.
    if not lock.try_exclusive(OWNER_SECONDS if not is_alive(lock.read_note()) else 0.0):
        raise CannotStart(
            f"another `manage.py up` (process {lock.read_note()}) runs '{name}' in {data_dir.path}:"
            " stop it, or choose another data directory with --data-dir"
        )
    lock.note(str(os.getpid()))
    return lock


def has_settled(pid: int) -> bool:
    """Whether a process has loaded what it runs, as far as can be told from outside: it has lived for a while."""
    # A start takes a second or two of its own.
    return time.time() - psutil.Process(pid).create_time() > 2 * SETTLED_SECONDS


def is_alive(pid: str) -> bool:
    return pid.isdecimal() and psutil.pid_exists(int(pid))


def own(data_dir: DataDir) -> FileLock:
    """Take the data directory.

    :raises CannotStart: naming who has it
    """
    owner = data_dir.owner_lock()
    deadline = time.monotonic() + OWNER_SECONDS
    while not owner.try_exclusive():
        kind, _, pid = owner.read_note().partition(" ")
        # The note may be that of an earlier holder.
        if kind == "up" and is_alive(pid):
            raise CannotStart(
                f"another `manage.py up` (process {pid}) runs in {data_dir.path}:"
                " stop it, or choose another data directory with --data-dir and another --port"
            )
        if time.monotonic() > deadline:
            raise CannotStart(
                f"a manage.py command (process {pid}) uses {data_dir.path}:"
                " wait until it is done, or choose another with --data-dir"
            )
        time.sleep(POLL_SECONDS)
    owner.note(f"up {os.getpid()}")
    return owner


def others(embedded: Services) -> dict[str, str]:
    ours = {"DATABASE_URL": embedded.has_postgres, "REDIS_URL": embedded.has_redis, "BROKER_URL": False}
    return {name: os.environ[name] for name, is_ours in ours.items() if not is_ours and os.environ.get(name)}


def report(text: str) -> None:
    """Tell the person at the terminal. Standard output is for what a script may wait for."""
    print(f"frontrow: {text}", file=sys.stderr, flush=True)
