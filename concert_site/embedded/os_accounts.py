"""The account that PostgreSQL runs under: it refuses to be root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from concert_site.embedded.errors import CannotStart


@dataclass(frozen=True)
class Account:
    """A user of the operating system."""

    uid: int
    gid: int


def account_for(cluster: Path) -> Account | None:
    """Who runs PostgreSQL: ourselves (None), or for root the cluster's owner, or nobody.

    No account is made for it: `nobody` is everywhere, initdb wants one that has a name, and a
    cluster that an ordinary user made stays that user's when root runs it.
    :raises CannotStart: if root finds no other account
    """
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    others = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    for entry in sorted(others, key=lambda entry: entry.pw_name != "nobody"):
        return Account(entry.pw_uid, entry.pw_gid)
    raise CannotStart("PostgreSQL refuses to run as root, and there is no other account: add one with useradd")


def chown(folder: Path, account: Account | None) -> None:
    """Make a folder that only this account may enter.

    :raises CannotStart: if it may not be given away
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    if not account:
        return
    try:
        os.chown(folder, account.uid, account.gid)
    except PermissionError as error:
        raise CannotStart(
            "PostgreSQL refuses to run as root, and root may not give it a folder here: run this as an ordinary user"
        ) from error
