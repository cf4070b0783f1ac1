"""What is due is found by an index of its own, in tables as full as after a season of sales."""

from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from concert_site.tests import scans
from concert_site.tests.mutants import run
from wallet.domain import claims, provider_events, reconciler
from wallet.models import ProviderEvent, TopUp
from wallet.queries import providers_with_due_events, providers_with_due_top_ups, top_up_at_provider
from wallet.tests.factories import make_fan

ROWS, DUE = 25_000, 50
FILL = """
set local session_replication_role = replica;
insert into top_up (user_id, amount, currency, purpose, reservations, provider, reference, provider_reference, state,
    request_hash, created_at, expires_at, updated_state_at, next_look_at)
select {fan}, 1000, 'KRW', 'WALLET', '{{}}', case when n % 2 = 0 then 'stripe' else 'toss' end, 'r' || n, 'p' || n,
       case when n <= {due} then 'PENDING' else 'FAILED' end, '', now(), now(), now(),
       case when n <= {due} then now() - interval '1 minute' end
  from generate_series(1, {rows}) n;
insert into provider_event (provider, event_id, kind, reference, body, state, received_at, next_attempt_at)
select case when n % 2 = 0 then 'stripe' else 'toss' end, 'e' || n, '', 'r' || n, '',
       case when n <= {due} then 'RECEIVED' else 'DONE' end, now(),
       case when n <= {due} then now() - interval '1 minute' end
  from generate_series(1, {rows}) n;
set local session_replication_role = origin;
"""

scans_of = partial(scans.scans_of, tables=["top_up", "provider_event"])

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def full_tables(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        with transaction.atomic():
            run(FILL.format(fan=make_fan().pk, rows=ROWS, due=DUE), "analyze top_up, provider_event")
            yield
            transaction.set_rollback(True)
        run("vacuum users, top_up, provider_event")


def claim(module):
    """Inside of this module's transaction; also once psycopg has seen the statement so often that it prepares it."""

    def step():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(claims, "claim", claims.claim.__wrapped__)
            for _ in range(8):
                assert module.claim_next("stripe")

    return step


@pytest.mark.parametrize("module", [reconciler, provider_events], ids=lambda module: module.__name__)
def test_taking_up_what_is_due_reads_that_alone(module):
    whole, fetched = scans_of(claim(module))

    assert whole == set()
    assert 0 < sum(fetched.values()) <= 8 * (DUE + 5)


@pytest.mark.parametrize("names", [providers_with_due_top_ups, providers_with_due_events], ids=lambda f: f.__name__)
def test_whose_work_is_due_is_read_from_the_same_index(names):
    found = []

    whole, fetched = scans_of(lambda: found.extend(names() for _ in range(8)))

    assert found == [["stripe", "toss"]] * 8
    assert whole == set()
    assert sum(fetched.values()) <= 8 * DUE


@pytest.mark.parametrize(
    ("model", "due", "index"),
    [(TopUp, "next_look_at", "top_up_due"), (ProviderEvent, "next_attempt_at", "provider_event_due")],
    ids=["top-ups", "events"],
)
def test_the_plan_names_the_partial_index(model, due, index):
    rows = model.objects.filter(provider="stripe", **{f"{due}__lte": timezone.now()}).order_by(due)

    assert f"using {index} on" in rows[:1].explain()


def test_control_without_the_index_the_whole_table_is_read():
    with transaction.atomic():
        run("drop index top_up_due")
        whole, _fetched = scans_of(claim(reconciler))
        transaction.set_rollback(True)

    assert whole == {"top_up"}


def test_the_top_up_that_a_message_means_is_found_by_index():
    found = []

    whole, _fetched = scans_of(
        lambda: found.extend(top_up_at_provider("stripe", name) for name in ("r2", "p4", "nobody's") * 4)
    )

    assert [each and each.reference for each in found[:3]] == ["r2", "r4", None]
    assert whole == set()
