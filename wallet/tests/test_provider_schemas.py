"""The tests' provider answers as the real ones document, and our code reads no field that they don't have."""

import json
from collections import UserDict
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from wallet.providers import stripe as stripe_module
from wallet.providers import toss as toss_module
from wallet.tests.provider_orders import make_order, make_refund

SCHEMAS = Path(__file__).parent / "schemas"


@cache
def schemas(provider):
    """Every schema of a provider, whole, since one may name another."""
    return json.loads((SCHEMAS / f"{provider}.json").read_text())


def faults_of(provider, name, said):
    """What is wrong with an object."""
    schema = {**schemas(provider), "$ref": f"#/$defs/{name}"}
    return [error.message for error in Draft202012Validator(schema).iter_errors(said)]


class Read(UserDict):
    """An object that knows what was read of it."""

    def __init__(self, said):
        super().__init__(said)
        self.fields = set()

    def __getitem__(self, name):
        self.fields.add(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.fields.add(name)
        return super().get(name, default)


@pytest.fixture
def life(stripe, toss, server):
    """A payment of each, paid and given back in part, one that was declined, one canceled."""
    order = make_order()
    intent = stripe.start(order).provider_reference
    server.stripe.decline(order.reference)
    server.stripe.pay(order.reference)
    stripe.refund(make_refund(order, intent, 1_000))
    server.stripe.close_card(order.reference)
    stripe.refund(make_refund(order, intent, 2_000))
    given_up = make_order()
    stripe.cancel(given_up, stripe.start(given_up).provider_reference)
    server.toss.decline()
    for easy in ("", "네이버페이", ""):
        toss.confirm(order, None, server.toss.begin(order.reference, order.amount, easy))
    toss.refund(make_refund(order, toss.look_up(order, None).provider_reference, 1_000))
    return server


def test_stripes_part_answers_as_documented(life):
    shown = {
        "payment_intent": list(life.stripe.intents.values()),
        "charge": list(life.stripe.charges.values()),
        "refund": list(life.stripe.refunds.values()),
        "balance_transaction": life.stripe.entries,
        "event": life.stripe.events,
    }

    assert {name: len(each) for name, each in shown.items()} == {
        "payment_intent": 2,
        "charge": 2,
        "refund": 2,
        "balance_transaction": 4,
        "event": 7,
    }
    assert [fault for name, each in shown.items() for said in each for fault in faults_of("stripe", name, said)] == []


def test_tosss_part_answers_as_documented(life):
    shown = {
        "payment": list(life.toss.payments.values()),
        "transaction": life.toss.transactions,
        "webhook": life.toss.events,
    }

    assert {name: len(each) for name, each in shown.items()} == {"payment": 3, "transaction": 2, "webhook": 3}
    assert [fault for name, each in shown.items() for said in each for fault in faults_of("toss", name, said)] == []


def test_a_schema_finds_what_is_missing_misspelt_or_of_another_type(life):
    intent = next(iter(life.stripe.intents.values()))

    for broken in (
        {name: value for name, value in intent.items() if name != "status"},
        intent | {"amont": 1},
        intent | {"amount": "66000"},
        intent | {"status": "done"},
    ):
        assert len(faults_of("stripe", "payment_intent", broken)) == 1


def test_of_stripes_objects_we_read_what_they_have(life):
    intent = Read(next(iter(life.stripe.intents.values())) | {"latest_charge": Read({}), "payment_method": None})
    refund = Read(next(iter(life.stripe.refunds.values())))
    charge = Read(next(iter(life.stripe.charges.values())))
    entry = Read(life.stripe.entries[0] | {"source": charge})
    event = Read(next(iter(life.stripe.intents.values())))

    stripe_module.outcome_of(intent)
    stripe_module.refund_outcome_of(refund)
    stripe_module.line_of(entry)
    stripe_module.subject_of(event)

    read = {
        "payment_intent": intent.fields | event.fields,
        "refund": refund.fields,
        "charge": charge.fields | intent["latest_charge"].fields,
        "balance_transaction": entry.fields,
    }
    unknown = {name: fields - schemas("stripe")["$defs"][name]["properties"].keys() for name, fields in read.items()}
    assert all(read.values())
    assert {name: fields for name, fields in unknown.items() if fields} == {}


def test_of_tosss_objects_we_read_what_they_have(life):
    done = next(each for each in life.toss.payments.values() if each["cancels"])
    cancel = Read(done["cancels"][0])
    payment = Read(done | {"cancels": [cancel]})
    entry = Read(life.toss.transactions[0])

    toss_module.outcome_of(payment)
    toss_module.refund_in(payment, "nothing")
    toss_module.refund_in(payment, cancel["cancelReason"].rpartition("(")[2].rstrip(")"))
    toss_module.line_of(entry)

    read = {"payment": payment.fields, "cancel": cancel.fields, "transaction": entry.fields}
    unknown = {name: fields - schemas("toss")["$defs"][name]["properties"].keys() for name, fields in read.items()}
    assert all(read.values())
    assert {name: fields for name, fields in unknown.items() if fields} == {}


# Of their documentation, word for word where it matters.
DOCUMENTED = {
    "mId": "tosspayments",
    "lastTransactionKey": "9C62B18EEF0DE3EB7F4422EB6D14BC6E",
    "paymentKey": "5EnNZRJGvaBX7zk2yd8ydw26XvwXkLrx9POLqKQjmAw4b0e1",
    "orderId": "a4CWyWY5m89PNh7xJwhk1",
    "orderName": "토스 티셔츠 외 2건",
    "taxExemptionAmount": 0,
    "status": "DONE",
    "requestedAt": "2024-02-13T12:17:57+09:00",
    "approvedAt": "2024-02-13T12:18:14+09:00",
    "useEscrow": False,
    "cultureExpense": False,
    "card": {"issuerCode": "71", "acquirerCode": "71", "number": "12345678****000*", "amount": 1000},
    "virtualAccount": None,
    "cancels": None,
    "secret": None,
    "type": "NORMAL",
    "easyPay": {"provider": "토스페이", "amount": 0, "discountAmount": 0},
    "country": "KR",
    "failure": None,
    "isPartialCancelable": True,
    "currency": "KRW",
    "totalAmount": 1000,
    "balanceAmount": 1000,
    "suppliedAmount": 909,
    "vat": 91,
    "taxFreeAmount": 0,
    "method": "카드",
    "version": "2022-11-16",
}


def test_what_toss_payments_documents_is_read():
    assert faults_of("toss", "payment", DOCUMENTED) == []

    stands = toss_module.outcome_of(DOCUMENTED)

    assert (stands.status, stands.amount, stands.method) == ("SUCCEEDED", 1000, "토스페이")
