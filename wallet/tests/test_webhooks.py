"""Messages of providers as they arrive: forged, late, twice, too long; kept, and answered at once."""

import logging
import time

import pytest
from django.db import connection
from django.test import Client

from concert_site.front.routes import PLAIN_LIMIT, route_of
from concert_site.lib.rate_limits import LIMITS
from concert_site.tests.away import postgres_away, redis_away
from wallet.domain import provider_events
from wallet.domain.provider_events import record
from wallet.models import ProviderEvent
from wallet.providers.base import WebhookMessage
from wallet.tests.signed_provider import OLDEST_SECONDS, Signed, message, sign
from wallet.views.webhooks import LONGEST_BODY

ADDRESS = f"/webhooks/{Signed.name}/"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("signed")]


def send(body: bytes, headers: dict[str, str], address: str = ADDRESS, **options):
    return Client(enforce_csrf_checks=True).post(
        address, body, content_type="application/json", headers=headers, **options
    )


def kept():
    return list(ProviderEvent.objects.order_by("pk").values_list("event_id", "kind", "reference", "state"))


def test_a_message_is_kept_word_for_word_and_asked_to_be_worked_on(monkeypatch):
    asked = []
    monkeypatch.setattr("wallet.views.webhooks.enqueue_soon", asked.append)
    body, headers = message("evt_1", "r1")

    answer = send(body, headers)

    event = ProviderEvent.objects.get()
    assert (answer.status_code, answer["Content-Type"], answer.content) == (
        200,
        "text/plain; charset=utf-8",
        b"Received.\n",
    )
    assert kept() == [("evt_1", "payment.changed", "r1", "RECEIVED")]
    assert (event.provider, bytes(event.body), event.attempts) == (Signed.name, body, 0)
    assert event.next_attempt_at == event.received_at
    assert asked == ["wallet.handle_events"]


def test_a_message_that_comes_again_is_answered_and_does_nothing(monkeypatch):
    asked = []
    monkeypatch.setattr("wallet.views.webhooks.enqueue_soon", asked.append)
    body, headers = message("evt_1", "r1")
    other, others = message("evt_1", "something else")

    assert [send(*each).status_code for each in ((body, headers), (body, headers), (other, others))] == [200] * 3

    assert kept() == [("evt_1", "payment.changed", "r1", "RECEIVED")]
    assert len(asked) == 1


def test_the_same_number_of_another_provider_is_another_message():
    record("other", WebhookMessage(event_id="evt_1", kind="", reference=""), b"")

    send(*message("evt_1"))

    assert ProviderEvent.objects.count() == 2


FORGED = {
    "no signature": lambda body, headers: (body, {}),
    "no time": lambda body, headers: (body, {"x-signature": headers["x-signature"].split(",")[1]}),
    "another body": lambda body, headers: (body + b" ", headers),
    "another secret": lambda body, headers: (body, {"x-signature": headers["x-signature"][:-1] + "x"}),
    "a new time": lambda body, headers: (body, {"x-signature": f"{int(time.time()) + 1},{sign('0', body)}"}),
}


@pytest.mark.parametrize("how", FORGED)
def test_what_is_forged_is_refused_in_a_word_and_kept_nowhere(how):
    answer = send(*FORGED[how](*message("evt_1", "r1")))

    assert (answer.status_code, answer["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert b"signature" in answer.content
    assert len(answer.content) < 100
    assert kept() == []


@pytest.mark.parametrize("age", [OLDEST_SECONDS + 5, -OLDEST_SECONDS - 5])
def test_what_is_recorded_and_sent_again_later_is_refused(age):
    assert send(*message("evt_1", age=age)).status_code == 400
    assert send(*message("evt_1", age=age // 2)).status_code == 200


@pytest.mark.parametrize("event_id", ["", "x" * 256, "a\0b"])
def test_a_number_that_cant_be_kept_is_refused(event_id):
    assert send(*message(event_id)).status_code == 400
    assert kept() == []


def test_a_body_may_be_as_long_as_the_front_takes_it_and_no_longer():
    assert LONGEST_BODY == PLAIN_LIMIT == route_of("POST", ADDRESS).limit
    body, headers = message("x" * LONGEST_BODY)

    assert send(body, headers).status_code == 413
    assert kept() == []


@pytest.mark.parametrize("name", ["nobody", "os.path", "wallet.tests.card_provider.Card", "..", "stripe%00"])
def test_a_provider_that_is_none_of_ours_is_not_found_and_imported_from_nowhere(name):
    answer = send(*message("evt_1"), address=f"/webhooks/{name}/")

    assert answer.status_code == 404
    assert name == ".." or answer["Content-Type"] == "text/plain; charset=utf-8"
    assert kept() == []


def test_the_sandbox_sends_none():
    assert send(*message("evt_1"), address="/webhooks/sandbox/").status_code == 400


def test_a_read_is_told_how_to_send():
    answer = Client().get(ADDRESS)

    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_it_costs_one_statement_and_no_session(django_assert_num_queries):
    with django_assert_num_queries(1):
        answer = send(*message("evt_1"))

    assert not answer.cookies
    assert "Vary" not in answer or "Cookie" not in answer["Vary"]


def test_no_limit_of_fans_stands_in_its_way(settings, monkeypatch):
    settings.THROTTLE = True
    for name in LIMITS:
        monkeypatch.setitem(LIMITS, name, 1)

    assert {send(*message(f"evt_{nth}")).status_code for nth in range(5)} == {200}


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_the_provider_is_asked_to_send_it_again():
    with postgres_away():
        answer = send(*message("evt_1"))

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer["Content-Type"].startswith("text/plain")


def test_a_webhook_is_kept_while_the_broker_is_away():
    with redis_away():
        assert send(*message("evt_1")).status_code == 200

    assert len(kept()) == 1


def test_a_refusal_is_in_the_log_without_the_message(caplog):
    body, _headers = message("evt_1", "secret")

    with caplog.at_level(logging.WARNING):
        send(body, {})

    assert "no_signature" in caplog.text
    assert "secret" not in caplog.text


def test_control_without_the_unique_number_it_is_kept_twice(monkeypatch):
    clause = "on conflict (provider, event_id) do nothing"
    assert clause in provider_events.RECORD
    monkeypatch.setattr(provider_events, "RECORD", provider_events.RECORD.replace(clause, ""))
    with connection.cursor() as cursor:
        cursor.execute("alter table provider_event drop constraint provider_event_once")

    for _ in range(2):
        send(*message("evt_1"))

    assert len(kept()) == 2
