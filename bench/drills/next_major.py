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
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import debian_postgres
import psycopg
import stack  # debian_postgres has made it findable
from debian_postgres import Cluster
from sale import Sale, payments_in
from stack import Stack

from concert_site.embedded import postgres

TABLES = """
    select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seats", type=int, default=2000)
    parser.add_argument("--link", action="store_true", help="share files in place of copying: quicker, no way back")
    asked = parser.parse_args()
    # Whoever ends us ends what we have started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not debian_postgres.majors():
        raise SystemExit("This drill needs Debian's PostgreSQL: apt-get install postgresql-15")
    with tempfile.TemporaryDirectory(prefix="frontrow-major-") as folder:
        Path(folder).chmod(0o755)
        sys.exit(0 if drill(Path(folder), asked) else 1)


def drill(folder: Path, asked: argparse.Namespace) -> bool:
    old_major = debian_postgres.majors()[0]
    old, new = cluster_of(folder / "old", bin_of(old_major)), cluster_of(folder / "new", newest_bin(folder))
    old.create()
    old.start()
    try:
        with old.connect("postgres") as connection:
            connection.execute("create database frontrow")
        with stack.throwaway(Stack, DATABASE_URL=old.url, LOG_LEVEL="ERROR") as site:
            sell(site, asked.seats)
            is_sound = site.passes_audit()
        with old.connect() as connection:
            before = state_of(connection)
        print(f"PostgreSQL {old_major}: {sum(before[0].values()):,} rows, audit {'green' if is_sound else 'RED'}.")
    finally:
        old.stop()
    upgrade(old, new, link=asked.link)
    return is_sound and compare(new, before) and is_found_by_a_data_directory(new, folder, before)


def cluster_of(folder: Path, bin_dir: Path) -> Cluster:
    debian_postgres.give(folder)
    return Cluster(folder, bin_dir)


def bin_of(major: int) -> Path:
    return debian_postgres.DEBIAN / str(major) / "bin"


def newest_bin(folder: Path) -> Path:
    """Of Debian's and the embedded one, which is copied to where PostgreSQL's account can read it."""
    newest = bin_of(debian_postgres.majors()[-1])
    embedded = postgres.bin_dir()
    if major_of(embedded) <= major_of(newest):
        return newest
    # Its programs find their libraries beside the package that they are in.
    package = embedded.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    for each in (package, libraries):
        shutil.copytree(each, folder / "embedded" / each.name, symlinks=True)
    return folder / "embedded" / embedded.relative_to(package.parent)


def major_of(bin_dir: Path) -> int:
    said = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.split()[2].split(".")[0])


def sell(site: Stack, seats: int) -> None:
    with stack.launched(site):
        selling = Sale(site, site.make_audience(seats), 60)
        selling.resume()
        time.sleep(10)
        selling.end()
        print(f"{len(selling.paid)} payments answered.")


def state_of(connection: psycopg.Connection[Any]) -> tuple[dict[str, int], set[tuple[int, int]]]:  # Any: any rows
    """The rows of each table, and the payments."""
    counted: dict[str, int] = {}
    for (table,) in connection.execute(TABLES).fetchall():
        ((counted[table],),) = connection.execute(f'select count(*) from "{table}"').fetchall()
    return counted, payments_in(connection)


def upgrade(old: Cluster, new: Cluster, *, link: bool) -> None:
    """As docs/backup.md has it: checksums as they were, pg_upgrade --check, pg_upgrade."""
    checksums = "Data page checksum version:           0" not in old.run(old.bin / "pg_controldata", old.data).stdout
    options = ["--data-checksums"] if checksums else ["--no-data-checksums"] if major_of(new.bin) > 17 else []
    new.create((*debian_postgres.LOCALE, *options))
    words: list[str | Path] = [new.bin / "pg_upgrade", "-b", old.bin, "-B", new.bin, "-d", old.data, "-D", new.data]
    words += [
        "-U",
        "frontrow",
        "-s",
        new.folder,
        "-p",
        str(old.port),
        "-P",
        str(new.port),
        *(["--link"] if link else []),
    ]
    # It writes its log into the folder that it is started in.
    inside: list[str | Path] = ["env", "-C", new.folder]
    print(new.run(*inside, *words, "--check").stdout.strip().splitlines()[-1])
    started = time.monotonic()
    new.run(*inside, *words)
    print(
        f"pg_upgrade to PostgreSQL {major_of(new.bin)}: {time.monotonic() - started:.1f} s"
        f" ({'linked' if link else 'copied'})."
    )


def compare(new: Cluster, before: tuple[dict[str, int], set[tuple[int, int]]]) -> bool:
    new.start()
    try:
        started = time.monotonic()
        new.run(
            new.bin / "vacuumdb",
            "--all",
            "--analyze-in-stages",
            "-h",
            "127.0.0.1",
            "-p",
            str(new.port),
            "-U",
            "frontrow",
        )
        print(f"Statistics: {time.monotonic() - started:.1f} s.")
        with new.connect() as connection:
            after = state_of(connection)
        with stack.throwaway(Stack, DATABASE_URL=new.url, LOG_LEVEL="ERROR") as site:
            is_sound = site.passes_audit()
            sell(site, 50)
            is_sound = is_sound and site.passes_audit()
        print(
            f"PostgreSQL {major_of(new.bin)}: {'the same rows' if after == before else 'OTHER ROWS'},"
            f" audit {'green' if is_sound else 'RED'}, also after it sold on."
        )
        return is_sound and after == before
    finally:
        new.stop()


def is_found_by_a_data_directory(new: Cluster, folder: Path, before: tuple[dict[str, int], object]) -> bool:
    """The upgraded cluster as that of an embedded PostgreSQL of the same major."""
    if major_of(new.bin) != major_of(postgres.bin_dir()):
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
