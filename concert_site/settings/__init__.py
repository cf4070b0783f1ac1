"""Settings: environment variables alone. Each one is described in docs/settings.md."""

from concert_site.settings.accounts import *
from concert_site.settings.api import *
from concert_site.settings.backup import *
from concert_site.settings.base import *
from concert_site.settings.booking import *
from concert_site.settings.celery import *
from concert_site.settings.databases import *
from concert_site.settings.mail import *
from concert_site.settings.money import *
from concert_site.settings.observability import *
from concert_site.settings.retention import *
from concert_site.settings.security import *

from concert_site.settings import consistency as _consistency  # noqa: F401  isort: skip
