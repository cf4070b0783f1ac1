#!/usr/bin/env python
"""Take a site's PostgreSQL to a later major by pg_upgrade, and look at everything before and after.

    .venv/bin/python bench/drills/next_major.py [--seats 2000] [--link]

From the oldest of Debian's PostgreSQLs that is installed (apt-get install postgresql-15) to the newest there is, be it
Debian's or the embedded one; runs as root or postgres. Seats are sold, the audit looks, tables are counted, pg_upgrade
checks and then works, the audit looks again, tables are compared, and a seat is held and paid on the new one. Last, the
upgraded cluster is put into a data directory as the embedded PostgreSQL's, where a command must find all of it.
Ends with 1 on any difference.
"""

import argparse
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import servers
import stack
from sale import Sale, payments_in
from servers import Cluster
from stack import Stack

TABLES = """
    select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1
"""
# The rows of each table; reservation and fan of each payment.
State = tuple[dict[str, int], set[tuple[int, int]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seats", type=int, default=2000)
    parser.add_argument("--link", action="store_true", help="share files in place of copying: quicker, no way back")
    asked = parser.parse_args()
    # Whoever ends us ends what we have started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with servers.folder_for_servers() as folder:
        sys.exit(0 if drill(folder, asked) else 1)


def drill(folder: Path, asked: argparse.Namespace) -> bool:
    oldest, *others = servers.debian_versions()
    old = Cluster(folder / "old", servers.binaries(oldest))
    new = Cluster(folder / "new", servers.binaries(max([*others, servers.EMBEDDED_VERSION])))
    try:
        # As Debian makes its clusters, and pg_upgrade wants the new one.
        old.initialize(servers.C_LOCALE)
        with stack.throwaway(Stack, DATABASE_URL=old.url, LOG_LEVEL="ERROR") as site:
            sell(site, asked.seats)
            is_sound = site.passes_audit()
            before = state_of(site)
        print(f"PostgreSQL {oldest}: {sum(before[0].values()):,} rows, audit {'green' if is_sound else 'RED'}.")
    finally:
        old.stop()
    upgrade(old, new, link=asked.link)
    return is_sound and compare(new, before) and is_found_by_a_data_directory(new, folder, before)


def sell(site: Stack, seats: int) -> None:
    with stack.launched(site):
        selling = Sale(site, site.make_audience(seats), 60)
        selling.resume()
        time.sleep(10)
        selling.end()
        print(f"{len(selling.paid)} payments answered.")


def state_of(site: Stack) -> State:
    """The rows of each table, and the payments."""
    counted: dict[str, int] = {}
    with site.connect() as connection:
        for (table,) in connection.execute(TABLES).fetchall():
            counted[table] = stack.one(connection, f'select count(*) from "{table}"')
        return counted, payments_in(connection)


def upgrade(old: Cluster, new: Cluster, *, link: bool) -> None:
    """As docs/backup.md has it: checksums as they were, pg_upgrade --check, pg_upgrade."""
    checksums = "Data page checksum version:           0" not in old.run("pg_controldata", old.data)
    options = ["--data-checksums"] if checksums else ["--no-data-checksums"] if new.version > 17 else []
    new.create(servers.C_LOCALE, *options)
    words = ["-b", old.programs, "-B", new.programs, "-d", old.data, "-D", new.data, "-p", old.port, "-P", new.port]
    words += ["-U", servers.USER, "-s", new.folder, *(["--link"] if link else [])]
    # It writes its log into the folder that it is started in.
    inside = ("-C", new.folder, new.programs / "pg_upgrade")
    print(new.run("/usr/bin/env", *inside, *words, "--check").strip().splitlines()[-1])
    started = time.monotonic()
    new.run("/usr/bin/env", *inside, *words)
    took, how = time.monotonic() - started, "linked" if link else "copied"
    print(f"pg_upgrade to PostgreSQL {new.version}: {took:.1f} s ({how}).")


def compare(new: Cluster, before: State) -> bool:
    new.start()
    try:
        started = time.monotonic()
        new.run("vacuumdb", "--all", "--analyze-in-stages", "-h", new.host, "-p", new.port, "-U", servers.USER)
        print(f"Statistics: {time.monotonic() - started:.1f} s.")
        with stack.throwaway(Stack, DATABASE_URL=new.url, LOG_LEVEL="ERROR") as site:
            after = state_of(site)
            is_sound = site.passes_audit()
            sell(site, 50)
            is_sound = is_sound and site.passes_audit()
        print(
            f"PostgreSQL {new.version}: {'the same rows' if after == before else 'OTHER ROWS'},"
            f" audit {'green' if is_sound else 'RED'}, also after it sold on."
        )
        return is_sound and after == before
    finally:
        new.stop()


def is_found_by_a_data_directory(new: Cluster, folder: Path, before: State) -> bool:
    """The upgraded cluster as that of an embedded PostgreSQL of the same major."""
    if new.version != servers.EMBEDDED_VERSION:
        print("The embedded PostgreSQL is of another major: not tried.")
        return True
    data_dir = folder / "data"
    data_dir.mkdir(mode=0o711)
    shutil.move(new.data, data_dir / "postgres")
    with stack.throwaway(Stack, DATA_DIR=str(data_dir), LOG_LEVEL="ERROR") as site:
        is_sound = site.passes_audit()
    print(f"As the embedded PostgreSQL of a data directory: audit {'green' if is_sound else 'RED'}.")
    return is_sound and bool(before)


if __name__ == "__main__":
    main()
