#!/usr/bin/env python
"""PostgreSQL over TLS with `sslmode=verify-full`: the right certificate, another's name, an unknown authority.

    .venv/bin/python bench/drills/postgres_tls.py [--binaries /usr/lib/postgresql/15/bin]

Needs a PostgreSQL that speaks TLS, which the wheel's doesn't: Debian's (apt-get install postgresql-15). With the right
certificate a site runs and sells, and each of its connections is encrypted; with any other, a file that isn't there, or
a server without TLS, every command ends within seconds, with one line that names DATABASE_URL and shows no password.
Ends with 1 on anything else.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import servers
import stack
import torture
from sale import Sale, payments_in
from servers import Cluster
from torture_proofs import Proof

from concert_site.tests.certificates import Certificates, make_certificates

HOST, PASSWORD = "localhost", "not-to-be-shown"
FANS, PER_SECOND = 60, 15.0
# Those of the site: this drill's own come over TLS as well, and are none of them.
IN_THE_CLEAR = """
select a.application_name from pg_stat_activity a join pg_stat_ssl s using (pid)
 where a.datname = 'frontrow' and a.pid <> pg_backend_pid() and not s.ssl
"""
COUNTED = "select count(*) from pg_stat_activity where datname = 'frontrow' and pid <> pg_backend_pid()"
COMMANDS = (["migrate", "-v0"], ["check", "--deploy"], ["audit"], ["up", "--only", "worker"])


def address(cluster: Cluster, ca: Path) -> str:
    return f"postgresql://{servers.USER}:{PASSWORD}@{HOST}:{cluster.port}/{servers.DATABASE}?sslmode=verify-full&sslrootcert={ca}"


def show(cluster: Cluster, tls: Certificates | None) -> None:
    """Start the server anew with this certificate, or without TLS."""
    cluster.stop()
    cluster.settings = {"ssl": "off"}
    if tls is not None:
        account = cluster.account
        for file in (tls.certificate, tls.key):
            file.chmod(0o600)
            if account:
                os.chown(file, account.uid, account.gid)
        cluster.settings = {"ssl": "on", "ssl_cert_file": str(tls.certificate), "ssl_key_file": str(tls.key)}
    cluster.start()


def sale(url: str) -> Iterator[Proof]:
    """A site that runs and sells over it."""
    with stack.running(DATABASE_URL=url) as site:
        selling = Sale(site, site.make_audience(FANS), PER_SECOND)
        selling.resume()
        time.sleep(FANS / PER_SECOND + 3)
        selling.end()
        with site.connect() as connection:
            clear = [name for (name,) in connection.execute(IN_THE_CLEAR).fetchall()]
            counted = connection.execute(COUNTED).fetchone()
            lost = {(each.reservation, each.fan) for each in selling.paid} - payments_in(connection)
        sold = f"{len(selling.paid)} paid"
        yield Proof("with the right certificate fans buy", sold, [] if len(selling.paid) == FANS else [sold])
        yield Proof("who was answered as paid has paid", sold, list(map(str, lost)))
        yield Proof("every connection is encrypted", f"{counted[0] if counted else 0} connections", clear)


def refusals(what: str, url: str, reason: str) -> Iterator[Proof]:
    """What commands say to an address that must not be used."""
    for words in COMMANDS:
        with stack.throwaway(stack.Stack, DATABASE_URL=url) as site:
            done = site.run(*words)
        lines = (done.stdout + done.stderr).strip().splitlines()
        is_so = done.returncode == 1 and len(lines) == 1 and "DATABASE_URL" in lines[0] and reason in lines[0]
        said = [] if is_so and PASSWORD not in lines[0] else [f"exit code {done.returncode}: {lines[-3:]}"]
        yield Proof(f"{what}: `{words[0]}` is refused", reason, said)


def drill(cluster: Cluster, folder: Path) -> Iterator[Proof]:
    right, unknown = (make_certificates(folder, HOST, called=name) for name in ("right", "unknown"))
    wrong = make_certificates(folder, "db.example.com", called="wrong")
    show(cluster, right)
    yield from sale(address(cluster, right.ca))
    yield from refusals("unknown authority", address(cluster, unknown.ca), "certificate verify failed")
    yield from refusals("no such file", address(cluster, folder / "nowhere.pem"), "does not exist")
    show(cluster, wrong)
    yield from refusals("another's name", address(cluster, wrong.ca), 'does not match host name "localhost"')
    show(cluster, None)
    yield from refusals("no TLS", address(cluster, right.ca), "server does not support SSL")


def main() -> int:
    parser = argparse.ArgumentParser(description="PostgreSQL over TLS, by certificates right and wrong.")
    parser.add_argument("--binaries", type=Path, help="the folder of its programs; else Debian's newest")
    options = parser.parse_args()
    programs = options.binaries or servers.binaries(servers.debian_versions()[-1])
    with servers.folder_for_servers() as folder, servers.served(programs, folder) as cluster:
        return 0 if torture.judge(list(drill(cluster, folder))) else 1


if __name__ == "__main__":
    sys.exit(main())
