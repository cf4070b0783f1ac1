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


def refuse_root_in_folder_of_another(data_dir: Path) -> None:
    """Keep root from making files that the owner of the data directory could not write afterwards.

    :raises CannotStart: if we are root and the folder, or the one that it would be made in, is somebody else's
    """
    nearest = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    owner = nearest.stat().st_uid
    if os.geteuid() != 0 or owner == 0:
        return
    name = next((entry.pw_name for entry in pwd.getpwall() if entry.pw_uid == owner), f"user {owner}")
    raise CannotStart(
        f"{nearest} belongs to {name}, and what root makes there would lock {name} out: run this as {name}"
        " (where deploy/install.sh was run: `frontrow` and the command)"
    )


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
