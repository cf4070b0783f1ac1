"""Retention: what is old goes, what money stands on stays, and nothing is broken by it."""

import io
import os
from datetime import timedelta
from uuid import uuid4

import pgtrigger
import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from concert_site.accounts.models import KnownNetwork, SpentProof, User
from concert_site.accounts.tests.factories import make_staff
from concert_site.env_vars import Env
from concert_site.operations import audit, pruning, tasks
from concert_site.tests.pooled import session_settings
from concert_site.tests.site import Site
from concert_site.trace.models import Change
from payments.models import Payment
from queueing.models import WaitingToken
from reservations.models import ConcertSchedule, Reservation, StaffNote
from wallet.models import Balance, BalanceHistory, ProviderEvent, TopUp

pytestmark = pytest.mark.django_db(transaction=True)

ALL = [rule.setting for rule in pruning.RULES]
FIVE_YEARS_AGO = timezone.now() - timedelta(days=5 * 365)


@pytest.fixture
def site(settings):
    for name in ALL:
        setattr(settings, name, 0)
    return Site()


@pytest.fixture
def old_site(site):
    """The same site, years later."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update reservation set created_at = created_at - interval '9 years',"
            " updated_state_at = updated_state_at - interval '9 years'"
        )
        cursor.execute(
            "update concert_schedule set reservation_available_at = reservation_available_at - interval"
            " '9 years', deadline_at = deadline_at - interval '9 years',"
            " concert_at = concert_at - interval '9 years'"
        )
    TopUp.objects.update(created_at=FIVE_YEARS_AGO)
    KnownNetwork.objects.update(last_login_at=FIVE_YEARS_AGO)
    SpentProof.objects.update(expired_at=FIVE_YEARS_AGO)
    ProviderEvent.objects.update(received_at=FIVE_YEARS_AGO, state="DONE", handled_at=FIVE_YEARS_AGO)
    with pgtrigger.ignore("trace.Change:trace_is_append_only"):
        Change.objects.update(at=FIVE_YEARS_AGO)
    return site


def test_the_task_of_the_night_prunes_by_the_rules_that_are_on(old_site, settings):
    settings.KEEP_SPENT_PROOFS_DAYS = 1
    SpentProof.objects.create(nonce="x" * 32, expired_at=FIVE_YEARS_AGO)
    networks = KnownNetwork.objects.count()

    tasks.prune()

    assert not SpentProof.objects.exists()
    assert KnownNetwork.objects.count() == networks


def held_and_given_back(site):
    """A booking of which nothing was ever paid."""
    paid = Reservation.objects.get(pk=site.ids["paid"])
    paid.pk, paid.status, paid.idempotency_key, paid.request_hash = None, "CANCELED", None, None
    paid.save()
    return paid.pk


def counts():
    models = (Reservation, Payment, Balance, BalanceHistory, TopUp, WaitingToken, KnownNetwork, Change, ProviderEvent)
    return {model.__name__: model.objects.count() for model in models}


def breaches():
    return {finding.invariant: finding.samples for finding in audit.run() if finding.breaches}


def test_nothing_is_pruned_by_default(old_site):
    held_and_given_back(old_site)
    before = counts()
    printed = io.StringIO()
    call_command("prune", at_once=True, stdout=printed)
    assert counts() == before
    assert "No rule is on" in printed.getvalue()


def test_old_rows_go_and_what_was_paid_stays(old_site, settings):
    given_back = held_and_given_back(old_site)
    before, broken = counts(), breaches()
    for name in ALL:
        setattr(settings, name, 30)

    would = io.StringIO()
    call_command("prune", dry_run=True, stdout=would)
    assert counts() == before
    taken = list(pruning.prune(is_patient=False))

    # The dry run has told the truth.
    assert [f"Would take {each}" for each in taken] == would.getvalue().splitlines()
    after = counts()
    assert after["Reservation"] == before["Reservation"] - 1
    assert not Reservation.objects.filter(pk=given_back).exists()
    assert WaitingToken.objects.filter(status="EXPIRED").count() == 0
    assert after["WaitingToken"] > 0
    kept = ("Payment", "Balance", "BalanceHistory", "TopUp")
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert (after["KnownNetwork"], after["Change"], after["ProviderEvent"]) == (0, 0, 0)
    assert Reservation.objects.exclude(idempotency_key=None).count() == 0
    assert breaches() == broken
    assert [each.rows for each in pruning.prune(is_patient=False)] == [0] * len(pruning.rules_on())


def test_rows_younger_than_their_retention_stay(site, settings):
    for name in ALL:
        setattr(settings, name, 30)
    held_and_given_back(site)
    before = counts()
    list(pruning.prune(is_patient=False))
    assert counts() == before


def test_hold_that_a_card_was_asked_for_stays(old_site, settings):
    given_back = held_and_given_back(old_site)
    TopUp.objects.update(purpose="BOOKING", reservations=[given_back], outcome="KEPT")
    settings.KEEP_CANCELED_HOLDS_DAYS = 30
    list(pruning.prune(is_patient=False))
    assert Reservation.objects.filter(pk=given_back).exists()


@pytest.mark.parametrize("what", ["ticket", "note"])
def test_given_back_ticket_that_cost_nothing_and_hold_with_a_note_stay(old_site, settings, what):
    given_back = Reservation.objects.filter(pk=held_and_given_back(old_site))
    if what == "ticket":
        given_back.update(complimentary=True, price=0)
    else:
        reference = given_back.get().booking_reference
        StaffNote.objects.create(booking_reference=reference, text="called twice", actor=make_staff(), key=uuid4())
    settings.KEEP_CANCELED_HOLDS_DAYS = 30
    list(pruning.prune(is_patient=False))
    assert given_back.exists()


def test_nothing_is_taken_while_a_sale_is_young(old_site, settings):
    settings.KEEP_CANCELED_HOLDS_DAYS = 30
    given_back = held_and_given_back(old_site)
    now = timezone.now()
    ConcertSchedule.objects.update(
        reservation_available_at=now, deadline_at=now + timedelta(1), concert_at=now + timedelta(2)
    )
    assert [each.rows for each in pruning.prune()] == [0]
    assert Reservation.objects.filter(pk=given_back).exists()


def test_large_table_goes_in_batches(site, settings, monkeypatch):
    monkeypatch.setattr(pruning, "BATCH_ROWS", 100)
    settings.KEEP_NETWORKS_DAYS = 30
    KnownNetwork.objects.bulk_create(
        KnownNetwork(account=f"{n:032}", network="n", last_login_at=FIVE_YEARS_AGO) for n in range(250)
    )
    rule = pruning.rules_on()[0]
    assert list(pruning.apply(rule, is_patient=False)) == [99, 100, 51]


def test_row_that_somebody_works_on_is_left_and_anything_else_is_an_error(site, settings, caplog):
    caplog.set_level("INFO", logger="concert_site.operations.pruning")
    settings.KEEP_NETWORKS_DAYS = 30
    KnownNetwork.objects.create(account="0", network="n", last_login_at=FIVE_YEARS_AGO)
    rule = pruning.rules_on()[0]
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, dbname=connection.settings_dict["NAME"]) as other:
        other.execute("select from known_network for update")
        assert list(pruning.apply(rule, is_patient=False)) == [0]
        assert "are left to another night, somebody works on one" in caplog.text

        # As by ALTER ROLE ... SET statement_timeout: were it taken for the same, nothing would ever go.
        with (
            session_settings(statement_timeout="50ms"),
            pytest.raises(OperationalError, match="statement timeout"),
        ):
            list(pruning.apply(rule, is_patient=False))
    assert list(pruning.apply(rule, is_patient=False)) == [1]


def test_accounts_that_nobody_uses_are_erased_but_not_with_money(site, settings):
    settings.KEEP_UNUSED_ACCOUNTS_YEARS = 3
    for name, login in (("gone", FIVE_YEARS_AGO), ("here", timezone.now()), ("never", None), ("rich", FIVE_YEARS_AGO)):
        user = User.objects.create_user(f"{name}@example.com")
        User.objects.filter(pk=user.pk).update(last_login=login)
        if name == "rich":
            Balance.objects.create(user=user, amount=100, last_updated_at=FIVE_YEARS_AGO)
    assert [str(each) for each in pruning.count()] == ["2 accounts that nobody uses, 1 of them must stay"]
    assert [str(each) for each in pruning.prune(is_patient=False)] == [
        "2 accounts that nobody uses, 1 of them must stay"
    ]
    left = set(User.objects.values_list("email", flat=True))
    assert {"here@example.com", "never@example.com", "rich@example.com"} < left
    assert "gone@example.com" not in left


def test_a_retention_of_too_few_days_is_refused(monkeypatch):
    monkeypatch.setenv("KEEP_CANCELED_HOLDS_DAYS", "1")
    with pytest.raises(ImproperlyConfigured, match="KEEP_CANCELED_HOLDS_DAYS=1 is too few"):
        Env().days_to_keep("KEEP_CANCELED_HOLDS_DAYS", default=0, least=2)
