"""The environment that settings read, prepared before Django is loaded: mode, secrets, services."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from concert_site.embedded import keys, modes, os_accounts, postgres, reachable, secret_files, stamps
from concert_site.embedded.attach import attached
from concert_site.embedded.data_dir import PROJECT, DataDir
from concert_site.embedded.services import embedded_services

# They read code, not data: no database is started for them, and no secret asked for.
WITHOUT_SERVICES = {
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "draw_states",
    "findstatic",
    "help",
    "lint_migrations",
    "makemessages",
    "makemigrations",
    "spectacular",
    "startapp",
    "verify_draw",
    "version",
}
# Even those do with one of these.
WITH_SERVICES_AFTER_ALL = {"--database", "--deploy"}
HELP = {"-h", "--help", "--version"}


@contextmanager
def prepared(argv: Sequence[str]) -> Iterator[list[str]]:
    """Prepare `os.environ` for a manage.py command line; yields that line without our own options.

    Embedded services are there for the duration of the block, except for `up`, which runs its own.
    :raises CannotStart: if that can't be had
    """
    secret_files.resolve(os.environ)
    path, words = take_data_dir(argv)
    command = next((word for word in words[1:] if not word.startswith("-")), "help")
    data_dir = DataDir(path)
    os.environ["DATA_DIR"] = str(path)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concert_site.settings")
    if is_without_services(command, words):
        prepare_without_services(data_dir)
        yield words
        return
    is_demo = command == "up" and "--demo" in words
    asked = modes.asked_mode(os.environ, is_demo=is_demo)
    # Judged before anything is made: a refusal leaves no trace.
    mode = modes.decide_mode(asked, path)
    if mode == modes.PRODUCTION:
        keys.require(os.environ)
        os_accounts.refuse_root_in_folder_of_another(path)
    if command == "up":
        set_up(data_dir, mode)
        yield words
        return
    with services_for_command(data_dir, mode):
        yield words


def take_data_dir(argv: Sequence[str]) -> tuple[Path, list[str]]:
    """Take `--data-dir DIR` out of a command line: every command has it, Django knows nothing of it."""
    given = os.environ.get("DATA_DIR")
    words = []
    rest = iter(argv)
    for word in rest:
        if word == "--data-dir":
            given = next(rest, given)
        elif word.startswith("--data-dir="):
            given = word.partition("=")[2]
        else:
            words.append(word)
    return (Path(given).expanduser().resolve() if given else PROJECT / ".data"), words


def is_without_services(command: str, words: Sequence[str]) -> bool:
    if HELP.intersection(words):
        return True
    if command == "check_ticket":
        # At the door: with a key of its own and without a look at the database it needs neither data nor secrets.
        return "--offline" in words and any(word.partition("=")[0] == "--key" for word in words)
    asks_for_data = any(word.partition("=")[0] in WITH_SERVICES_AFTER_ALL for word in words)
    return command in WITHOUT_SERVICES and not asks_for_data


def prepare_without_services(data_dir: DataDir) -> None:
    """Give settings something to read, and leave the disk alone."""
    os.environ["MODE"] = os.environ.get("MODE") or modes.remembered_mode(data_dir.path) or modes.PRODUCTION
    os.environ.update(keys.throwaway_secrets(os.environ))
    os.environ.update(embedded_services(os.environ, data_dir).urls(data_dir))


def set_up(data_dir: DataDir, mode: str) -> None:
    """Make the data directory if need be, and export what is in it.

    :raises CannotStart: if it can't be written, or has meanwhile become one of another mode
    """
    services = embedded_services(os.environ, data_dir)
    with data_dir.being_set_up():
        modes.decide_mode(mode, data_dir.path)
        modes.remember_mode(data_dir.path, mode)
        os.environ["MODE"] = mode
        if mode != modes.PRODUCTION:
            os.environ.update(keys.stored_secrets(data_dir.path, os.environ))
    os.environ.update(services.urls(data_dir))
    if services.has_postgres:
        os.environ["PATH"] = f"{postgres.bin_dir()}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


@contextmanager
def services_for_command(data_dir: DataDir, mode: str, *, is_throwaway: bool = False) -> Iterator[None]:
    """Attach to the services, start the embedded ones if they don't run.

    :raises CannotStart: if they can't be had
    """
    services = embedded_services(os.environ, data_dir)
    if not services.has_postgres:
        # Redis holds nothing that a command could not do without; PostgreSQL it needs.
        reachable.require(os.environ, ("DATABASE_URL",))
    set_up(data_dir, mode)
    with nullcontext() if services.is_empty else attached(data_dir, services, is_throwaway=is_throwaway):
        stamps.require(os.environ["DATABASE_URL"], mode, is_ours=services.has_postgres)
        yield
