"""Environment variables that are judged as they are read: a wrong one is named, with what it must be."""

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from email.utils import parseaddr
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import environ
from django.core.exceptions import ImproperlyConfigured

from concert_site.embedded import redis_address

T = TypeVar("T")

WEB_ADDRESS = re.compile(r"https?://[^\s/?#\"'<>@]+(/[^\s?#\"'<>]*)?", re.IGNORECASE)
BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([\w/-]*[\w-]))?/?", re.ASCII)
TIER = re.compile(r"(\d+):(\d+)", re.ASCII)
HOST = re.compile(r"(\*|\.?[A-Za-z0-9_*]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]+\])")
ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9_.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
A_DAY = 86_400.0
SENDER = re.compile(r"[^<>@\s]+@[^<>@\s]+")
SWITCHES = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
# Beyond it neither PostgreSQL's integers nor Redis' times go.
MOST = 2**31 - 1
QUOTED = re.compile(r"(['\"])(.*)\1", re.DOTALL)

# Of postgresql://user:password@one:5432,two:5432/name?option=value.
SEVERAL_HOSTS = re.compile(r"(?P<before>\w+://(?:[^/?#]*@)?)(?P<hosts>[^/?#@]*,[^/?#@]*)(?P<after>[/?#].*|)", re.DOTALL)
ONE_HOST = re.compile(r"(?P<host>\[[\da-fA-F:.]+\]|[^:\[\],]+)(?::(?P<port>\d+))?", re.ASCII)


def hosts_and_ports(text: str) -> dict[str, str]:
    """The hosts of an address with several (`one,two:5433`), and as many ports, each list as libpq takes it.

    :raises ValueError: if one isn't written so
    """
    found = [ONE_HOST.fullmatch(one) for one in text.split(",")]
    if not all(found):
        raise ValueError("a host of several is not host:port")
    hosts = [one["host"].strip("[]") for one in found if one]
    return {"HOST": ",".join(hosts), "PORT": ",".join(one["port"] or "5432" for one in found if one)}


def is_web_address(text: str, shape: re.Pattern[str] = WEB_ADDRESS) -> bool:
    """Whether a browser takes it: of this shape, with brackets that close and a port that there is."""
    try:
        return shape.fullmatch(text) is not None and urlsplit(text).port != 0
    except ValueError:
        return False


def is_sender(text: str) -> bool:
    return SENDER.fullmatch(parseaddr(text)[1]) is not None and "\n" not in text


class Env(environ.Env):  # type: ignore[misc]  # django-environ comes without types
    """django-environ's, with the kinds of value that a typing error must not turn into a rule of booking."""

    # By any of them in this process.
    names_read: ClassVar[set[str]] = set()

    def get_value(
        self,
        var: str,
        cast: Any = None,  # Any: django-environ's own
        default: Any = environ.Env.NOTSET,
        parse_default: bool = False,  # noqa: FBT002  likewise
    ) -> Any:
        """The value as it was meant: without the quotes around it that some readers of env files leave.

        A `$` at its beginning is one, too: django-environ would look for another variable of that name.
        :raises ImproperlyConfigured: if there is none, and no default
        """
        self.names_read.add(var)
        text = self.ENVIRON.get(var)
        if text is None and default is self.NOTSET:
            raise ImproperlyConfigured(f"{var} is not set.")
        if text is None:
            return self.parse_value(default, cast) if parse_default and default is not None else default
        quoted = QUOTED.fullmatch(text)
        return self.parse_value(quoted[2] if quoted else text, cast)

    def whole(self, name: str, *, default: int, least: int = 1, most: int = MOST) -> int:
        """A whole number of at least `least`, and no more than is stored anywhere.

        :raises ImproperlyConfigured: if it is none
        """
        text = self.str(name, default=str(default))
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise ImproperlyConfigured(f"{name}={text} is not a whole number of at least {least}.")
        if number > most:
            raise ImproperlyConfigured(f"{name}={text} is above {most}.")
        return number

    def days_to_keep(self, name: str, *, default: int, least: int) -> int:
        """For how many days something is kept: 0 for ever, else `least` or more.

        :raises ImproperlyConfigured: if it is something else
        """
        days = self.whole(name, default=default, least=0)
        if 0 < days < least:
            raise ImproperlyConfigured(f"{name}={days} is too few: 0 keeps all for ever, else {least} or more.")
        return days

    def duration(self, name: str, *, default: float, least: float = 0.0) -> float:
        """A number of seconds, more than none and a day at most: no socket and no PostgreSQL takes an endless one.

        :param least: the shortest that works
        :raises ImproperlyConfigured: if it is none, shorter, or longer
        """
        text = self.str(name, default=str(default))
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds < math.inf:
            raise ImproperlyConfigured(f"{name}={text} is not a number above 0.")
        if seconds < least:
            raise ImproperlyConfigured(f"{name}={text} is too short: {least} s at least.")
        if seconds > A_DAY:
            raise ImproperlyConfigured(f"{name}={text} is too long: a day ({A_DAY:.0f} s) at most.")
        return seconds

    def like(self, name: str, is_fit: Callable[[str], object], refusal: str, *, default: str) -> str:
        """A text that is fit.

        :param refusal: what is said of one that isn't, after the variable and its value
        :raises ImproperlyConfigured: if it isn't
        """
        text: str = self.str(name, default=default)
        if not is_fit(text):
            raise ImproperlyConfigured(f"{name}={text} is {refusal}.")
        return text

    def one_of(self, name: str, words: Sequence[str], *, default: str) -> str:
        """One of these words."""
        return self.like(name, words.__contains__, f"unknown: use {' or '.join(words)}", default=default)

    def all_like(
        self, name: str, is_fit: Callable[[str], object], example: str, *, default: Sequence[str]
    ) -> Sequence[str]:
        """A list whose every word is fit.

        :raises ImproperlyConfigured: if one isn't, or there is none where there should be
        """
        words: list[str] = [word.strip() for word in self.list(name, default=default)]
        wrong = next((word for word in words if not is_fit(word)), None)
        if wrong is not None:
            raise ImproperlyConfigured(f"{name}: '{wrong}' is not like {example}.")
        if default and not words:
            raise ImproperlyConfigured(f"{name} is empty: write {example}.")
        return words

    def zone(self, name: str, *, default: str) -> str:
        """A time zone by its name."""
        return self.like(name, available_timezones().__contains__, "no time zone such as Asia/Seoul", default=default)

    def currency(self, name: str, *, default: str) -> str:
        """A currency's code of ISO 4217."""

        def is_currency(text: str) -> bool:
            if text == default:
                return True
            # Only who has set the variable waits for the import.
            from babel.core import get_global

            return text in get_global("all_currencies")

        return self.like(name, is_currency, "no currency's code such as KRW", default=default)

    def sender(self, name: str, *, default: str) -> str:
        """Whom mails are from: an address, perhaps with a name before it."""
        return self.like(name, is_sender, "not like Frontrow <tickets@example.com>", default=default)

    def mail_server(self, name: str, *, default: str) -> dict[str, Any]:  # Any: values of several types
        """Django's settings of how mails are sent.

        :raises ImproperlyConfigured: if it is no way to send them; it may hold a password, so it is not shown
        """
        refusal = f"{name} is no way to send mails: write smtp+tls://user:password@host:587, special signs as %2F."
        try:
            found: dict[str, Any] = self.email_url(name, default=default)
        except (ValueError, ImproperlyConfigured):
            # Their words may quote a part of the password.
            raise ImproperlyConfigured(refusal) from None
        if "smtp" in found["EMAIL_BACKEND"] and not found["EMAIL_HOST"]:
            raise ImproperlyConfigured(refusal)
        return found

    def tiers(self, name: str, *, default: list[str]) -> list[tuple[int, int]]:
        """Days before the concert, and the fee in percent from there on.

        :raises ImproperlyConfigured: if one is not written so, or takes more than all
        """
        tiers = []
        for word in self.list(name, default=default):
            found = TIER.fullmatch(word.strip())
            if not found or int(found[2]) > 100:  # noqa: PLR2004  percent
                raise ImproperlyConfigured(
                    f"{name}: '{word}' is not days:percent, such as 7:10 (days from 0, percent from 0 to 100)."
                )
            tiers.append((int(found[1]), int(found[2])))
        if tiers != sorted(set(tiers), key=lambda tier: -tier[0]) or len({days for days, _ in tiers}) < len(tiers):
            raise ImproperlyConfigured(f"{name}: each tier has fewer days than the one before it.")
        if not tiers:
            raise ImproperlyConfigured(f"{name} is empty: write 0:0 where canceling is free to the end.")
        return tiers

    def ed25519(self, name: str) -> str:
        """A private Ed25519 key in PEM; empty if there is none.

        :raises ImproperlyConfigured: if it is something else; it is secret, so it is not shown
        """
        pem: str = self.str(name, multiline=True, default="")
        if not pem:
            return ""
        # Only who has set the variable waits for the import.
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            is_fit = isinstance(load_pem_private_key(pem.encode(), password=None), Ed25519PrivateKey)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            is_fit = False
        if not is_fit:
            raise ImproperlyConfigured(
                f"{name} is not an unencrypted Ed25519 key in PEM: make one by `openssl genpkey -algorithm ed25519`."
            )
        return pem

    def web_address(self, name: str, *, default: str) -> str:
        """Where a site is that a browser or we go to; without a slash at the end."""
        refusal = "not an address such as https://tickets.example.com/"
        return self.like(name, is_web_address, refusal, default=default).rstrip("/")

    def file_address(self, name: str, *, default: str) -> str:
        """Where a file lies, as it is written."""
        return self.like(name, is_web_address, "not an address such as https://example.com/file.js", default=default)

    def optional_address(self, name: str) -> str:
        """As `web_address`; empty if there is none."""
        return self.web_address(name, default="") if self.str(name, default="") else ""

    def bucket(self, name: str) -> tuple[str, str]:
        """A bucket of an S3-compatible store, and what names in it begin with; both empty if there is none.

        :raises ImproperlyConfigured: if it isn't written so
        """
        text: str = self.str(name, default="")
        if not text:
            return "", ""
        found = BUCKET.fullmatch(text)
        if not found:
            raise ImproperlyConfigured(f"{name}={text} is not a bucket such as s3://posters or s3://posters/frontrow.")
        return found[1], found[2] or ""

    def key(self, name: str, shape: str, looks_like: str, *, needed: bool) -> str:
        """A key of somebody else's service; empty if there is none.

        :param shape: a regular expression
        :raises ImproperlyConfigured: if it is needed and missing, or can't be one; it may be secret, so it is not shown
        """
        text: str = self.str(name, default="")
        if not text and needed:
            raise ImproperlyConfigured(f"{name} is not set: it looks like {looks_like}.")
        if text and not re.fullmatch(shape, text, re.ASCII):
            raise ImproperlyConfigured(f"{name} is not such a key: it looks like {looks_like}.")
        return text

    def postgres(self, name: str, *, default: str) -> dict[str, Any]:  # Any: values of several types
        """Django's settings of a PostgreSQL database; of several hosts they name all, as libpq has it.

        :raises ImproperlyConfigured: if it is no address of one; it may hold a password, so it is not shown
        """
        refusal = f"{name} is not the address of a PostgreSQL: write postgresql://user:password@host:port/name."
        # Asked first, since django-environ warns of other schemes and goes on.
        text: str = self.str(name, default=default)
        if not text.startswith(("postgresql://", "postgres://")):
            raise ImproperlyConfigured(refusal)
        several = SEVERAL_HOSTS.fullmatch(text)
        try:
            if several:
                # django-environ leaves out the ports that aren't said, and libpq takes what is left for all.
                found: dict[str, Any] = self.db_url_config(f"{several['before']}one{several['after']}")
                return found | hosts_and_ports(several["hosts"])
            found = self.db_url_config(text)
        except ValueError:
            # Its words may quote a part of the password.
            raise ImproperlyConfigured(refusal) from None
        if not found["NAME"]:
            raise ImproperlyConfigured(refusal)
        return found

    def redis(self, name: str, *, default: str) -> str:
        """The address of a Redis, of sentinels or of a cluster; empty if that is the default, and none is said.

        :raises ImproperlyConfigured: if it is none; it may hold a password, so it is not shown
        """
        text: str = self.str(name, default=default)
        if text or default:
            said_of(name, lambda: redis_address.parse(text))
        return text

    def readable(self, name: str, *, along_with: str = "") -> str:
        """The path of a file; empty if there is none.

        :param along_with: a variable that is set as well, or neither
        :raises ImproperlyConfigured: if the file can't be read, or the other variable is missing
        """
        path: str = self.str(name, default="")
        if path and not (Path(path).is_file() and os.access(path, os.R_OK)):
            raise ImproperlyConfigured(f"{name}={path} is not a file that can be read.")
        if path and along_with and not self.str(along_with, default=""):
            raise ImproperlyConfigured(f"{name} is set and {along_with} is not: they belong together.")
        return path

    def bool(self, var: str, default: Any = environ.Env.NOTSET) -> bool:  # Any: django-environ's own
        """A switch.

        :raises ImproperlyConfigured: if it is neither on nor off: it would otherwise be off, whatever was meant
        """
        text = self.get_value(var, default=default)
        if isinstance(text, bool):
            return text
        if str(text).strip().lower() not in SWITCHES:
            raise ImproperlyConfigured(f"{var}={text} is neither on nor off.")
        return SWITCHES[str(text).strip().lower()]


def broker_settings(
    name: str, url: str, *, files: Mapping[str, str], sentinel_password: str
) -> dict[str, Any]:  # Any: values of several types
    """Celery's settings of a broker at an address that the variable `name` holds.

    :raises ImproperlyConfigured: if no broker can be there
    """
    address = redis_address.parse(url)
    return said_of(name, lambda: redis_address.broker_of(address, files, sentinel_password=sentinel_password))


def said_of(name: str, step: Callable[[], T]) -> T:
    """What a step answers, whose refusal is said of a variable.

    :raises ImproperlyConfigured: if it refuses
    """
    try:
        return step()
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} {error}") from None
