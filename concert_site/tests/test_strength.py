"""Production starts with good secrets and settings alone, whichever process is started."""

import os
import secrets
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from django.core.exceptions import ImproperlyConfigured

from concert_site.embedded import keys
from concert_site.embedded.data_dir import PROJECT
from concert_site.embedded.strength import complaint
from concert_site.operations.production_checks import require_safe
from concert_site.tests.up_process import clean_environment

GOOD = "mZ3vN8qXw1Rk7TjYb5LcGd0HsPfUe9AoViQx2MtCnKrEyWzBJh4gDl6pS"
OTHER = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
WEAK = [
    ("a", "shorter than"),
    ("", "shorter than"),
    (GOOD[:49], "shorter than 50"),
    ("x" * 60, "repeats itself"),
    ("abc123" * 10, "repeats itself"),
    (GOOD[:20] * 3, "repeats itself"),
    ("0123456789abcdef" * 4, "repeats itself"),
    ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "neighbouring"),
    ("django-insecure-" + GOOD, "tries first"),
    (f"ChangeMe{GOOD}", "tries first"),
    ("your-secret-key-here-" + GOOD, "tries first"),
]


def pem(key, encryption=None):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()


@cache
def good_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(("text", "said"), WEAK)
def test_a_weak_secret_is_refused_by_name_and_not_shown(text, said):
    found = complaint("SECRET_KEY", text)

    assert found.startswith("SECRET_KEY ")
    assert said in found
    assert len(text) < 5 or text not in found


def test_secrets_that_are_made_up_are_never_refused():
    for _round in range(2_000):
        assert complaint("SECRET_KEY", keys.MAKERS["SECRET_KEY"]()) == ""
        assert complaint("JWT_PRIVATE_KEY", keys.MAKERS["JWT_PRIVATE_KEY"]()) == ""
        assert complaint("SECRET_KEY", secrets.token_hex(25)) == ""


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (lambda: pem(rsa.generate_private_key(65537, 1024)), "less than 2048 bits"),
        (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "not an unencrypted RSA key"),
        (lambda: pem(good_key(), BestAvailableEncryption(b"x")), "not an unencrypted RSA key"),
        (lambda: "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----", "not an unencrypted RSA key"),
        (lambda: " " + pem(good_key()), "not an unencrypted RSA key"),
    ],
    ids=["small", "another kind", "encrypted", "nonsense", "blank before it"],
)
def test_a_key_that_signs_nothing_or_too_little(key, said):
    found = complaint("JWT_PRIVATE_KEY", key())

    assert found.startswith("JWT_PRIVATE_KEY is ")
    assert said in found


def test_a_good_key_signs():
    assert complaint("JWT_PRIVATE_KEY", pem(good_key())) == ""


SAFE = {
    "secrets": {"SECRET_KEY": GOOD, "JWT_PRIVATE_KEY": OTHER},
    "hosts": ["tickets.example.com"],
    "origins": ["https://tickets.example.com"],
    "email_backend": "django.core.mail.backends.smtp.EmailBackend",
    "site_url": "https://tickets.example.com",
}


@pytest.mark.parametrize(
    ("unsafe", "said"),
    [
        ({"secrets": {"SECRET_KEY": GOOD, "JWT_PRIVATE_KEY": GOOD}}, "SECRET_KEY and JWT_PRIVATE_KEY are the same"),
        ({"hosts": ["tickets.example.com", "*"]}, "ALLOWED_HOSTS"),
        ({"hosts": ["."]}, "ALLOWED_HOSTS"),
        ({"email_backend": "django.core.mail.backends.console.EmailBackend"}, "EMAIL_URL"),
        ({"email_backend": "django.core.mail.backends.dummy.EmailBackend"}, "EMAIL_URL"),
        ({"site_url": "http://tickets.example.com"}, "SITE_URL"),
        ({"origins": ["http://tickets.example.com"]}, "CSRF_TRUSTED_ORIGINS"),
    ],
)
def test_other_unsafe_settings_are_refused(unsafe, said):
    require_safe(**SAFE)
    require_safe(**SAFE | {"site_url": "http://localhost:8000"})
    with pytest.raises(ImproperlyConfigured, match=said):
        require_safe(**SAFE | unsafe)


PRODUCTION = {
    "MODE": "production",
    "SECRET_KEY": GOOD,
    "JWT_PRIVATE_KEY": OTHER,
    "ALLOWED_HOSTS": "tickets.example.com",
    "BEHIND_PROXY": "on",
    "DATABASE_URL": "postgresql://frontrow@127.0.0.1:1/frontrow",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "DJANGO_SETTINGS_MODULE": "concert_site.settings",
}
PROCESSES = {
    "web": ["-m", "granian", "--interface", "rsgi", "--port", "0", "concert_site.rsgi:application"],
    "worker": ["-m", "celery", "--app=concert_site.celery:app", "worker", "--pool=threads"],
    "beat": ["-m", "celery", "--app=concert_site.celery:app", "beat"],
    "up": ["manage.py", "up", "--port=0"],
    "migrate": ["manage.py", "migrate"],
}


def run(tmp_path: Path, words, **environment):
    return subprocess.run(
        [sys.executable, *words],
        cwd=PROJECT,
        env=clean_environment(**PRODUCTION | {"DATA_DIR": str(tmp_path / "data")} | environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.processes
@pytest.mark.parametrize("process", PROCESSES)
def test_no_process_starts_with_a_weak_secret(tmp_path, process):
    weak = "0123456789abcdef" * 4

    done = run(tmp_path, PROCESSES[process], JWT_PRIVATE_KEY=weak)

    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "JWT_PRIVATE_KEY repeats itself" in said
    assert weak not in said
    assert GOOD not in said
    assert not (tmp_path / "data" / "postgres").exists()


# One process for all that it is asked: what settings there are, what Django says of them, and of one that is wrong.
ASK = """
import django
from django.conf import settings
from django.core.checks import run_checks
django.setup()
names = "SESSION_COOKIE_NAME CSRF_COOKIE_NAME SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE SESSION_COOKIE_HTTPONLY"
names = f"{names} CSRF_COOKIE_HTTPONLY SESSION_COOKIE_SAMESITE CSRF_COOKIE_SAMESITE SESSION_COOKIE_DOMAIN"
print(*[getattr(settings, name) for name in names.split()])
print([each.id for each in run_checks(include_deployment_checks=True) if not each.is_silenced()])
settings.SECURE_SSL_REDIRECT = False
print([each.id for each in run_checks(tags=["security"], include_deployment_checks=True) if not each.is_silenced()])
"""


@pytest.mark.processes
def test_a_deployment_has_cookies_of_its_host_and_https_alone_and_django_finds_nothing_to_say_of_it(tmp_path):
    done = run(tmp_path, ["-c", ASK])

    cookies, nothing, redirect = done.stdout.splitlines()
    assert cookies == "__Host-sessionid __Host-csrftoken True True True True Lax Lax None"
    assert (nothing, redirect) == ("[]", "['security.W008']")
    assert os.environ["MODE"] == "test"
