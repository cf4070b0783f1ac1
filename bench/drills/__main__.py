"""The drills: which there are, what each needs and takes, and a way to run some of them, one after the other.

    make drills                                   lists them
    make drills ONLY=failover,redis_cluster       runs these
    make drills ONLY=failover ARGS="--rounds 10"  with options of its own

A drill starts what it needs on this machine alone, prints what it saw, stops by itself, and ends with an exit code
other than 0 if anything was lost. So does this if one did, or if one could not be run.
"""

import argparse
import ast
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
# What isn't brought along: programs or files, and Debian's package of each.
PACKAGES = {
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "nginx": "nginx",
    "ip": "iproute2",
    "pgbackrest": "pgbackrest",
    "/usr/lib/postgresql/*/bin/postgres": "postgresql",
    "prometheus": "prometheus",
    "redis-server": "redis-server",
    "runc": "runc",
    "systemd-nspawn": "systemd-container",
}
POSTGRES = "/usr/lib/postgresql/*/bin/postgres"


@dataclass(frozen=True)
class Drill:
    """A script beside this one, and how long it takes on two cores that have little else to do."""

    name: str
    minutes: int
    needs: tuple[str, ...] = ()
    as_root: bool = False
    script: str = ""
    options: tuple[str, ...] = ()
    # What it does that the script doesn't without these options.
    does: str = ""

    @property
    def path(self) -> Path:
        return HERE / f"{self.script or self.name}.py"

    @property
    def line(self) -> str:
        """What it does, in a line: the first of its own description."""
        said = ast.get_docstring(ast.parse(self.path.read_text())) or ""
        return self.does or said.splitlines()[0]

    @property
    def wants(self) -> str:
        """What it needs, in words."""
        packages = sorted({PACKAGES[each] for each in self.needs})
        return ", ".join([*(["root"] if self.as_root else []), *packages]) or "–"

    def missing(self) -> Iterator[str]:
        """What this machine lacks for it."""
        if self.as_root and os.geteuid():
            yield "root"
        path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        for each in self.needs:
            if not (any(Path("/").glob(each[1:])) if each[0] == "/" else shutil.which(each, path=path)):
                yield f"apt-get install {PACKAGES[each]}"


DRILLS = (
    Drill("alerts", 11, ("prometheus",)),
    Drill("backup_at_size", 4),
    Drill("backup_elsewhere", 4),
    Drill("bare_host", 12, ("mmdebstrap", "systemd-nspawn"), as_root=True),
    Drill("beat_lease", 2),
    Drill("containers", 6, ("buildah", "runc", "mmdebstrap", POSTGRES, "redis-server"), as_root=True),
    Drill("failover", 4),
    Drill("next_major", 2, (POSTGRES,), as_root=True),
    Drill("point_in_time", 2, (POSTGRES, "pgbackrest"), as_root=True),
    Drill("postgres_tls", 2, (POSTGRES,)),
    Drill("prune_beside_holds", 2),
    Drill("redis_failover", 2),
    Drill(
        "redis_cluster",
        2,
        ("redis-server",),
        script="redis_failover",
        options=("--cluster", "--tls", "--server", "redis-server"),
        does="The same on a cluster with replicas, all of it over TLS.",
    ),
    Drill("replica", 2),
    Drill("rolling_restart", 2),
    Drill("two_nodes", 2, ("nginx",)),
    Drill(
        "two_networks",
        3,
        ("nginx", "ip"),
        as_root=True,
        script="two_nodes",
        options=("--namespaces",),
        does="The same, each host in a network of its own: one node loses PostgreSQL, Redis and the balancer.",
    ),
)


def table() -> str:
    """All of them, as CONTRIBUTING.md has it."""
    rows = [f"| `{each.name}` | {each.line} | {each.wants} | {each.minutes} min |" for each in DRILLS]
    return "\n".join(["| drill | | needs | takes |", "| --- | --- | --- | --- |", *rows])


def run(drill: Drill, more: list[str]) -> str:
    """Run one; how it ended, in words that begin with "ok" if it did."""
    if lacking := "; ".join(drill.missing()):
        return f"not run: {lacking}"
    began = time.monotonic()
    done = subprocess.run([sys.executable, str(drill.path), *drill.options, *more], check=False)
    return f"{'ok' if done.returncode == 0 else 'FAILED'} after {time.monotonic() - began:.0f} s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="?", default="", help="names, with commas between them")
    parser.add_argument("--args", type=shlex.split, default=[], help="options of the drill, if one is named")
    asked = parser.parse_args()
    named = {each.name: each for each in DRILLS}
    wanted = [each for each in asked.only.split(",") if each]
    if unknown := [each for each in wanted if each not in named]:
        raise SystemExit(f"There is no drill {', '.join(unknown)}: say some of {', '.join(named)}.")
    if asked.args and len(wanted) != 1:
        raise SystemExit("Options are those of one drill: name it by ONLY.")
    if not wanted:
        print(table())
        print("\nRun some of them: make drills ONLY=failover,redis_failover")
        return 0
    ended: dict[str, str] = {}
    for name in wanted:
        print(f"== {name}: {named[name].line}", flush=True)
        ended[name] = run(named[name], asked.args)
    print("\n".join(f"{name}: {how}" for name, how in ended.items()))
    return int(any(not how.startswith("ok") for how in ended.values()))


if __name__ == "__main__":
    sys.exit(main())
