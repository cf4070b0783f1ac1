"""No process starts with a provider's keys missing, misspelt or refused: a line says so, and keys aren't shown."""

import subprocess
import sys
from runpy import run_path

import pytest
from django.core.exceptions import ImproperlyConfigured

from concert_site.embedded.data_dir import PROJECT
from concert_site.tests.test_strength import PROCESSES, PRODUCTION
from concert_site.tests.up_process import clean_environment
from wallet.tests.provider_server.stripe_api import PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET

pytestmark = pytest.mark.processes

STRIPE = {
    "WALLET_PROVIDER": "stripe",
    "STRIPE_SECRET_KEY": SECRET_KEY,
    "STRIPE_PUBLISHABLE_KEY": PUBLISHABLE_KEY,
    "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
}
TOSS = {"WALLET_PROVIDER": "toss", "TOSS_CLIENT_KEY": "test_gck_1", "TOSS_SECRET_KEY": "test_gsk_1"}


def run(tmp_path, words, environment):
    prepared = PRODUCTION | {"DATA_DIR": str(tmp_path / "data")} | environment
    return subprocess.run(
        [sys.executable, *words],
        cwd=PROJECT,
        env=clean_environment(**prepared),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# That each kind of process loads the same settings is what test_strength says.
def test_no_process_starts_without_a_key(tmp_path):
    done = run(tmp_path, PROCESSES["web"], STRIPE | {"STRIPE_WEBHOOK_SECRET": ""})

    assert done.returncode != 0
    assert "STRIPE_WEBHOOK_SECRET is not set: it looks like whsec_..." in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (STRIPE | {"STRIPE_SECRET_KEY": "pk_test_swapped"}, "STRIPE_SECRET_KEY"),
        (STRIPE | {"STRIPE_PUBLISHABLE_KEY": "sk_test_swapped"}, "STRIPE_PUBLISHABLE_KEY"),
        (TOSS | {"TOSS_SECRET_KEY": "test_gck_swapped"}, "TOSS_SECRET_KEY"),
        (TOSS | {"TOSS_API_BASE": "api.swapped"}, "TOSS_API_BASE"),
    ],
)
def test_what_cant_be_a_key_is_named_and_not_shown(monkeypatch, wrong, name):
    for each, value in wrong.items():
        monkeypatch.setenv(each, value)

    with pytest.raises(ImproperlyConfigured, match=f"^{name}") as refused:
        run_path(str(PROJECT / "concert_site" / "settings" / "money.py"))

    assert ("swapped" in str(refused.value)) == (name == "TOSS_API_BASE")


def test_up_says_in_a_line_which_provider_settings_are_wrong(tmp_path):
    done = run(tmp_path, PROCESSES["up"], STRIPE | {"STRIPE_SECRET_KEY": "pk_test_swapped"})

    assert done.returncode != 0
    (said,) = done.stderr.splitlines()
    assert said.startswith("manage.py: STRIPE_SECRET_KEY")
    assert "swapped" not in said


# What the provider's check says, and that it says nothing while the provider is away, is tested beside the provider.
def test_a_key_that_the_provider_refuses_is_named_and_not_shown(tmp_path, server):
    wrong = STRIPE | {"STRIPE_API_BASE": server.url, "STRIPE_SECRET_KEY": "sk_test_mistyped"}

    done = run(tmp_path, PROCESSES["up"], wrong)

    assert done.returncode != 0
    assert f"STRIPE_SECRET_KEY is refused by {server.url} (unauthorized)" in done.stderr
    assert "mistyped" not in done.stdout + done.stderr
    assert not (tmp_path / "data" / "postgres").exists()
