"""What an `up` runs: everything, or some of it beside others on this host or on others."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from concert_site.embedded import web
from concert_site.embedded.programs import Program

WEB, BEAT, METRICS, SERVICES = "web", "beat", "metrics", "services"
# Each role, and the programs that it is. A worker is two of them, so that lines move whatever else there is to do;
# whoever has machines to spare splits it into three pools by the queues.
PROGRAMS: dict[str, tuple[str, ...]] = {
    WEB: ("web",),
    "worker": ("ticks", "worker"),
    "ticks": ("ticks",),
    "lines": ("lines",),
    "tasks": ("tasks",),
    BEAT: ("beat",),
    METRICS: ("metrics",),
    SERVICES: ("postgres", "redis"),
}
MAKERS: dict[str, Callable[[], Program]] = {
    "ticks": web.ticks_program,
    "worker": web.worker_program,
    "lines": web.lines_program,
    "tasks": web.tasks_program,
    "beat": web.beat_program,
    "metrics": web.metrics_program,
}


@dataclass(frozen=True)
class Roles:
    """The roles of one `up`. All of them, unless some are named; then PostgreSQL and Redis are somebody else's."""

    named: tuple[str, ...] = ()

    @property
    def has_web(self) -> bool:
        return not self.named or WEB in self.named

    @property
    def has_site(self) -> bool:
        """Whether anything of ours runs, and not PostgreSQL and Redis alone."""
        return self.named != (SERVICES,)

    @property
    def owns_services(self) -> bool:
        """Whether the embedded services, as far as they are used, are run by this `up`."""
        return not self.named or SERVICES in self.named

    @property
    def programs(self) -> tuple[str, ...]:
        """Names of the programs of ours, in the order in which they start."""
        # Where some are named, others may run beside them and tell the same: so this one is named as well.
        every = (WEB, "worker", BEAT, METRICS) if os.environ.get("METRICS_ADDRESS") else (WEB, "worker", BEAT)
        names = [name for role in self.named or every for name in PROGRAMS[role]]
        return tuple(dict.fromkeys(name for name in names if name not in PROGRAMS[SERVICES]))

    def make_anew(self, address: web.Address, workers: int) -> list[Program]:
        """The same programs, of the code that lies there now: they load it by themselves."""
        return [replace(program, is_loaded=False) for program in self.make(address, workers)]

    def make(self, address: web.Address, workers: int) -> list[Program]:
        return [web.web_program(address, workers) if name == WEB else MAKERS[name]() for name in self.programs]


def read_roles(text: str) -> Roles:
    """Roles, with commas between them; ValueError says what is wrong."""
    named = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    if unknown := [name for name in named if name not in PROGRAMS]:
        raise ValueError(f"'{unknown[0]}' is no role: use {', '.join(PROGRAMS)}, with commas between them")
    return Roles(named)


def listed(names: Sequence[str]) -> str:
    return ", ".join(names)
