"""Whatever setting can't work is refused in one line that names it, by whoever loads the settings."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from concert_site.embedded.data_dir import PROJECT
from concert_site.lib.web.static import HashedFiles
from concert_site.management.lookalikes import lookalikes
from concert_site.operations.folder_checks import backups_can_be_made, folders_are_usable
from concert_site.tests.up_process import clean_environment, manage

# What is set, and how the refusal begins; the settings that a test sets are on top of MODE=test.
REFUSED = [
    ("MODE=Production", "MODE=Production is not a mode: use production, demo, test."),
    ("ALLOWED_HOSTS=https://tickets.example.com", "ALLOWED_HOSTS: 'https://"),
    ("ALLOWED_HOSTS=a.example,b c", "ALLOWED_HOSTS: 'b c' is not like"),
    ("ALLOWED_HOSTS=", "ALLOWED_HOSTS is empty"),
    ("SITE_URL=tickets.example.com", "SITE_URL=tickets.example.com is not an address"),
    ("SITE_URL=https://[", "SITE_URL=https://[ is not an address"),
    ("SITE_URL=https://tickets.example.com:99999", "SITE_URL=https://tickets.example.com:99999 is not an address"),
    ("CSRF_TRUSTED_ORIGINS=tickets.example.com", "CSRF_TRUSTED_ORIGINS: 'tickets.example.com' is not like"),
    ("CSRF_TRUSTED_ORIGINS=https://a.example:99999", "CSRF_TRUSTED_ORIGINS: 'https://a.example:99999' is not like"),
    ("BEHIND_PROXY=maybe", "BEHIND_PROXY=maybe is neither on nor off"),
    ("THROTTLE=", "THROTTLE= is neither on nor off"),
    ("SECURE_SSL_REDIRECT=on", "SECURE_SSL_REDIRECT is on and BEHIND_PROXY is off"),
    ("SECURE_HSTS_SECONDS=-1", "SECURE_HSTS_SECONDS=-1 is not a whole number of at least 0"),
    ("LOG_LEVEL=LOUD", "LOG_LEVEL=LOUD is unknown"),
    ("DATABASE_URL=postgresql://u:s3cret@h:port/x", "DATABASE_URL is not the address"),
    ("DATABASE_URL=postgresql://u:s3cret@h", "DATABASE_URL is not the address"),
    ("DATABASE_SILENCE_SECONDS=0.05", "DATABASE_SILENCE_SECONDS=0.05 is too short: 0.3 s at least"),
    ("DATABASE_SILENCE_SECONDS=1e20", "DATABASE_SILENCE_SECONDS=1e20 is too long: a day"),
    ("REDIS_URL=http://:s3cret@h", "REDIS_URL is not the address"),
    ("REDIS_URL=", "REDIS_URL is not the address"),
    ("HOLD_SECONDS=-1", "HOLD_SECONDS=-1 is not a whole number"),
    ("HOLD_SECONDS=99999999999", "HOLD_SECONDS=99999999999 is above 2147483647"),
    ("CANCELLATION_TIERS=1:30,7:10", "CANCELLATION_TIERS: each tier has fewer days"),
    ("CANCELLATION_TIERS=7:10,7:20", "CANCELLATION_TIERS: each tier has fewer days"),
    ("CANCELLATION_TIERS=", "CANCELLATION_TIERS is empty"),
    ("SINGLE_SEATS=often", "SINGLE_SEATS=often is unknown"),
    ("WALLET_PROVIDER=paypal", "WALLET_PROVIDER=paypal is none"),
    ("WALLET_PROVIDER=stripe", "STRIPE_SECRET_KEY is not set"),
    ("TOP_UP_LEAST=100;TOP_UP_MOST=50", "TOP_UP_LEAST=100 is above TOP_UP_MOST=50"),
    ("TOP_UP_LEAST=10;TOP_UP_DAY_MOST=5", "TOP_UP_DAY_MOST=5 is below TOP_UP_LEAST=10"),
    ("TOP_UP_DAY_MOST=500;TOP_UP_MONTH_MOST=10", "TOP_UP_MONTH_MOST=10 is below TOP_UP_DAY_MOST=500"),
    ("CARD_HOLD_SECONDS=10", "CARD_HOLD_SECONDS=10 is below HOLD_SECONDS=300"),
    ("STRIPE_SECRET_KEY=sk_test_a;STRIPE_PUBLISHABLE_KEY=pk_live_b", "STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY"),
    ("TOSS_CLIENT_KEY=test_ck_a;TOSS_SECRET_KEY=live_sk_b", "TOSS_CLIENT_KEY and TOSS_SECRET_KEY are of two modes"),
    (
        "WALLET_PROVIDER=toss;TOSS_CLIENT_KEY=test_ck_a;TOSS_SECRET_KEY=test_sk_b;CURRENCY=USD",
        "WALLET_PROVIDER=toss takes won alone",
    ),
    ("GOOGLE_CLIENT_ID=abc", "GOOGLE_CLIENT_ID is set and GOOGLE_SECRET is not"),
    ("EMAIL_URL=smpt://localhost", "EMAIL_URL is no way to send mails"),
    ("EMAIL_URL=smtp+tls://u:s3cret/x@h:587", "EMAIL_URL is no way to send mails"),
    ("EMAIL_URL=smtp://", "EMAIL_URL is no way to send mails"),
    ("DEFAULT_FROM_EMAIL=nobody", "DEFAULT_FROM_EMAIL=nobody is not like"),
    ("LANGUAGE_CODE=xx", "LANGUAGE_CODE=xx is unknown"),
    ("TIME_ZONE=Asia/Soul", "TIME_ZONE=Asia/Soul is no time zone"),
    ("CURRENCY=won", "CURRENCY=won is no currency's code"),
    ("METRICS_ADDRESS=1:2:3", "METRICS_ADDRESS=1:2:3 is not host:port"),
    ("METRICS_ADDRESS=a.example:99999", "METRICS_ADDRESS=a.example:99999 is not host:port"),
    ("SENTRY_DSN=https://s3cret@h", "SENTRY_DSN is no such address"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", "OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318 is not an address"),
    ("BACKUP_TO=ftp://backups", "BACKUP_TO=ftp://backups is neither a folder nor like s3://bucket/prefix"),
    ("BACKUP_TO=s3://", "BACKUP_TO=s3:// is neither a folder nor"),
    ("BACKUP_RECIPIENT=AGE-SECRET-KEY-s3cret", "BACKUP_RECIPIENT is no public key of age"),
]
# Loads the settings anew for each line of standard input; one process for all, for loading Django takes long.
# What no setting can be; those that take any text take some of it.
NONSENSE = [
    *("", "x", "-1", "0", "0.5", "1e9", "nan", "inf", "9" * 20, "한글", "a b", "a\nb", "on"),
    *("http://[", "http://a:99999", "://", ",", ":", "/", "1:2:3", "a@b", "$HOME", "'"),
]
LOAD = """
import json, os, sys
from django.core.exceptions import ImproperlyConfigured
clean = dict(os.environ)
for line in sys.stdin:
    os.environ.clear()
    os.environ.update(clean | json.loads(line))
    for name in [name for name in sys.modules if name.startswith("concert_site.settings")]:
        del sys.modules[name]
    try:
        import concert_site.settings
        print("fine", flush=True)
    except ImproperlyConfigured as error:
        print(*str(error).split(), flush=True)
"""


def answers_to(settings):
    """What a process that loads the settings with each of these environments says of it; "fine" of a good one."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        input="".join(json.dumps({"MODE": "test"} | one) + "\n" for one in settings),
        env=clean_environment(),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def said():
    """What each of them says, by what is set."""
    settings = [dict(pair.split("=", 1) for pair in text.split(";")) for text, _ in REFUSED]
    *lines, untouched = answers_to([*settings, {}])
    assert untouched == "fine"
    return dict(zip([text for text, _ in REFUSED], lines, strict=True))


@pytest.mark.processes
@pytest.mark.parametrize(("text", "begins"), REFUSED)
def test_settings_that_can_not_work_are_named(said, text, begins):
    assert said[text].startswith(begins)
    assert "s3cret" not in said[text]


@pytest.mark.nightly
@pytest.mark.processes
def test_nonsense_in_any_setting_is_taken_or_refused_by_its_name():
    names = re.findall(r"^\| `([A-Z][A-Z0-9_]+)`", (PROJECT / "docs" / "settings.md").read_text(), re.MULTILINE)
    fed = [(name, value) for name in names for value in NONSENSE]
    answers = answers_to({name: value} for name, value in fed)

    assert [(one, line) for one, line in zip(fed, answers, strict=True) if line != "fine" and one[0] not in line] == []
    assert len({name for (name, _), line in zip(fed, answers, strict=True) if line != "fine"}) > 90


@pytest.mark.processes
@pytest.mark.parametrize("words", [["up", "--only=beat"], ["audit"]])
def test_any_command_says_it_in_one_line(tmp_path, words):
    done = manage(*words, MODE="test", DATA_DIR=str(tmp_path / "d"), BEHIND_PROXY="maybe")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "manage.py: BEHIND_PROXY=maybe is neither on nor off.\n"


@pytest.mark.processes
def test_settings_that_there_are_not_are_named():
    done = manage("check", MODE="test", DJANGO_SETTINGS_MODULE="concert_site.setting")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "manage.py: DJANGO_SETTINGS_MODULE=concert_site.setting is no module of settings\n"


def test_a_variable_that_is_misspelt_is_told():
    known = {"HOLD_SECONDS", "ALLOWED_HOSTS", "SECRET_KEY", "MODE"}
    environ = ["HOLD_SECOND", "ALLOW_HOSTS", "HOLD_SECONDS_FILE", "SECRET_KEY", "MODEL", "HOME", "LANG", "LC_ALL"]
    assert list(lookalikes(environ, known)) == [
        "ALLOW_HOSTS is no setting, and nobody reads it: did you mean ALLOWED_HOSTS?",
        "HOLD_SECOND is no setting, and nobody reads it: did you mean HOLD_SECONDS?",
        "HOLD_SECONDS_FILE is no setting: only secrets are taken from files",
    ]


def test_folders_that_can_not_be_written_are_named(settings, tmp_path):
    settings.MEDIA_ROOT, settings.STATIC_ROOT = tmp_path / "new" / "media", tmp_path
    assert folders_are_usable() == []

    settings.MEDIA_ROOT = settings.STATIC_ROOT = Path("/proc/nowhere")
    assert [(fault.id, "/proc/nowhere can't be written" in fault.msg) for fault in folders_are_usable()] == [
        ("site.E001", True),
        ("site.E002", True),
    ]


def test_a_folder_of_collected_files_needs_no_writing(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT, settings.STATIC_ROOT = tmp_path, Path("/proc")
    assert [fault.id for fault in folders_are_usable()] == ["site.E002"]

    # What `collectstatic` writes last, by whoever ran it.
    monkeypatch.setattr(HashedFiles, "manifest_name", "version")
    assert folders_are_usable() == []


@pytest.mark.parametrize(
    ("name", "value", "words"), [("WALLET_PROVIDER", "no.such", ["--only=worker"]), ("MEDIA_ROOT", "/proc/nowhere", [])]
)
def test_up_refuses_what_is_checked_for_a_start(settings, name, value, words):
    setattr(settings, name, value)

    with pytest.raises(CommandError, match=f"{name}={value}"):
        call_command("up", *words)


def test_files_of_backups_that_can_not_be_read_are_named(settings, tmp_path):
    settings.BACKUP_PASSPHRASE_FILE, settings.POSTGRES_BIN_DIR = str(tmp_path / "none"), str(tmp_path)
    assert [fault.msg for fault in backups_can_be_made()] == [
        f"BACKUP_PASSPHRASE_FILE={tmp_path}/none can't be read.",
    ]
