"""Korean is complete: what the code says today is what has been translated, and what was compiled."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings

pytestmark = pytest.mark.processes

MESSAGES = Path("locale/ko/LC_MESSAGES")
PLACES = ["concert_site", "payments", "queueing", "reservations", "wallet", "templates", "locale"]


def catalog_of(path):
    with path.open("rb") as file:
        return (read_mo if path.suffix == ".mo" else read_po)(file)


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    """The catalogue as it would be if the messages were collected now: from a copy, so that nothing here changes."""
    if shutil.which("xgettext") is None:
        assert not os.environ.get("CI"), "CI installs gettext"
        pytest.skip("gettext is not installed")
    copy = tmp_path_factory.mktemp("sources")
    without = shutil.ignore_patterns("tests", "__pycache__", "*.pyc", "*.mo")
    for name in PLACES:
        shutil.copytree(settings.BASE_DIR / name, copy / name, ignore=without)
    shutil.copy(settings.BASE_DIR / "manage.py", copy)
    collect = [sys.executable, "manage.py", "makemessages", "--locale", "ko", "--verbosity", "0"]
    subprocess.run(collect, cwd=copy, check=True, capture_output=True, text=True)
    return catalog_of(copy / MESSAGES / "django.po")


def told(text):
    """A message or its translation, alone or in the forms of its plural, as a tuple."""
    return (text,) if isinstance(text, str) else tuple(text)


def texts_of(catalog):
    """The translations of each message, by its text and context."""
    return {(told(each.id), context_of(each)): told(each.string) for each in catalog if each.id}


def context_of(message):
    """What tells two messages of one text apart; Babel hands it on as bytes where it was compiled."""
    return message.context.decode() if isinstance(message.context, bytes) else message.context


def wanting(catalog):
    """The messages that have no Korean, or one that somebody has to look at again."""
    unsure = [told(message.id) for message in catalog if message.id and message.fuzzy]
    return unsure + [said for (said, _), translated in texts_of(catalog).items() if not all(translated)]


def test_every_message_has_its_korean(extracted):
    assert wanting(extracted) == []


def test_nothing_is_translated_that_nobody_says(extracted):
    written = catalog_of(settings.BASE_DIR / MESSAGES / "django.po")

    assert texts_of(written).keys() == texts_of(extracted).keys()
    assert not written.obsolete


def test_what_was_compiled_is_what_was_written():
    written = catalog_of(settings.BASE_DIR / MESSAGES / "django.po")
    compiled = catalog_of(settings.BASE_DIR / MESSAGES / "django.mo")

    assert texts_of(written) == texts_of(compiled)
    # No placeholder is lost or misspelled.
    assert not [message.id for message in written if list(message.check())]
