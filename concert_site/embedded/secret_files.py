"""Variables of the environment as people write them: secrets from files, quotes around, keys on one line."""

from collections.abc import Mapping, MutableMapping
from pathlib import Path

from concert_site.embedded.errors import CannotStart

# Each is also taken from the file that NAME_FILE names. docs/settings.md marks the same ones; a test compares.
SECRETS = (
    "BROKER_URL",
    "DATABASE_URL",
    "EMAIL_URL",
    "GOOGLE_SECRET",
    "JWT_PRIVATE_KEY",
    "KAKAO_SECRET",
    "MEDIA_SECRET_ACCESS_KEY",
    "METRICS_TOKEN",
    "NAVER_SECRET",
    "REDIS_SENTINEL_PASSWORD",
    "REDIS_URL",
    "REPLICA_DATABASE_URL",
    "SECRET_KEY",
    "SENTRY_DSN",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "TICKET_PRIVATE_KEY",
    "TOSS_SECRET_KEY",
)
# Looked at before settings are loaded, beside secrets.
EARLY = ("MODE", "DATA_DIR")
SHORTEST_QUOTED = 2
# Where secrets of this process came from.
_files: dict[str, str] = {}
PEM = "-----BEGIN"


def resolve(environ: MutableMapping[str, str]) -> None:
    """Put secrets in their places from the files that are named, and values as they are meant.

    What it did is done: whoever inherits the environment finds nothing left to do.
    :raises CannotStart: naming the variable whose file can't be read, is empty, or is one value too many
    """
    for name in SECRETS:
        file = f"{name}_FILE"
        if path := plain(environ.get(file, "")):
            if environ.get(name):
                raise CannotStart(f"{name} and {file} are both set: unset one of them")
            environ[name] = read(file, path)
            _files[name] = path
        environ.pop(file, None)
    for name in (*SECRETS, *EARLY):
        if name in environ:
            environ[name] = plain(environ[name])


def reread(environ: MutableMapping[str, str]) -> None:
    """Take secrets from their files anew, for processes that are started from now on.

    :raises CannotStart: naming the file that can't be read; nothing is changed then
    """
    environ.update({name: plain(read(f"{name}_FILE", path)) for name, path in _files.items()})


def read(name: str, path: str) -> str:
    """What is in the file of a secret, without the line's end.

    :raises CannotStart: naming the variable; nothing of the file is shown
    """
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CannotStart(f"{name}={path} can't be read: {error.strerror}") from error
    except ValueError:
        raise CannotStart(f"{name}={path} is not a text file") from None
    if not text:
        raise CannotStart(f"{name}={path} is empty")
    return text


def plain(text: str) -> str:
    r"""A value without the quotes around it that some readers of such files leave, and a key with lines for `\n`."""
    if len(text) >= SHORTEST_QUOTED and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    if text.startswith(PEM):
        return text.replace("\\r", "").replace("\\n", "\n").replace("\r", "").strip()
    return text


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for programs that aren't ours: who may look at theirs learns nothing."""
    return {name: value for name, value in environ.items() if name not in SECRETS}
