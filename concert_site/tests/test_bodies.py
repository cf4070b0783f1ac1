"""What the API takes in a body: fields that it knows, each once."""

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from concert_site.accounts.tests.factories import api_of
from concert_site.lib.api.fields import Body, Id, validated
from concert_site.tests.unchanged import nothing_changed
from concert_site.views.api_docs import schema
from queueing.models import WaitingToken
from reservations.models import Reservation
from reservations.tests.factories import make_fan
from reservations.tests.scenes import hold, in_order, let_in, make_sale, token_of
from wallet.models import BalanceHistory

pytestmark = pytest.mark.django_db

TOKEN = "a0b1c2d3-0000-4000-8000-00000000000f"
WRITES = [
    (method, path.replace("{token}", TOKEN).replace("{id}", "1"))
    for path, operations in schema()["paths"].items()
    for method in operations
    if method in ("post", "put", "patch", "delete") and path.startswith("/api/v1/")
]


def send(fan, method, path, body, **headers):
    """A body as it stands."""
    return getattr(api_of(fan), method)(path, body, content_type="application/json", headers=headers)


def errors_of(response):
    return response.status_code, {(error["code"], error["attr"]) for error in response.json()["errors"]}


def test_the_writes_of_the_api_are_known():
    assert ("post", "/api/v1/reservations/") in WRITES
    assert ("delete", f"/api/v1/queue-tokens/{TOKEN}/") in WRITES
    assert len(WRITES) >= 8


@pytest.mark.parametrize(("method", "path"), WRITES, ids=lambda value: value)
def test_every_write_refuses_fields_that_it_does_not_know(method, path):
    with nothing_changed():
        response = send(make_fan(), method, path, '{"colour": 1, "agreed-fee": 2}', **{"Idempotency-Key": "a"})

    status, errors = errors_of(response)
    assert status == 400
    assert errors >= {("unknown_field", "colour"), ("unknown_field", "agreed-fee")}
    assert {code for code, _ in errors} <= {"unknown_field", "required"}


@pytest.mark.parametrize(("method", "path"), WRITES, ids=lambda value: value)
@pytest.mark.parametrize("body", ['{"a": 1, "a": 1}', '{"b": [{"a": 1, "a": 2}]}'], ids=["top", "nested"])
def test_every_write_refuses_a_field_that_is_named_twice(method, path, body):
    response = send(make_fan(), method, path, body, **{"Idempotency-Key": "a"})

    assert errors_of(response) == (400, {("duplicate_field", "a")})


def test_a_field_too_much_beside_a_proper_request_holds_nothing():
    fan, sale = make_fan(), make_sale()
    token = let_in(fan, sale)
    body = f'{{"schedule": {sale.pk}, "seats": [{sale.seats[0]}], "seat": 1}}'

    with nothing_changed():
        response = send(fan, "post", "/api/v1/reservations/", body, **{"X-Queue-Token": str(token)})

    assert errors_of(response) == (400, {("unknown_field", "seat")})


def test_a_field_twice_beside_a_proper_request_books_nothing():
    response = send(
        make_fan(), "post", "/api/v1/wallet/charges/", '{"amount": 5, "amount": 5}', **{"Idempotency-Key": "a"}
    )

    assert errors_of(response) == (400, {("duplicate_field", "amount")})
    assert not BalanceHistory.objects.exists()


def test_an_unknown_field_is_named_beside_the_fault_of_a_known_one():
    response = send(
        make_fan(), "post", "/api/v1/wallet/charges/", '{"amount": "5", "x": 1}', **{"Idempotency-Key": "a"}
    )

    assert errors_of(response) == (400, {("invalid", "amount"), ("unknown_field", "x")})


class OrderLine(Body):
    """One of several things in a body."""

    seat = Id()


class Order(Body):
    """A body with things inside it."""

    lines = OrderLine(many=True)
    first = OrderLine(required=False)


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"lines": [{"seat": 1}, {"seat": 2, "row": 3}]}, ["lines", 1, "row"]),
        ({"lines": [], "first": {"seat": 1, "x": 1}}, ["first", "x"]),
    ],
)
def test_fields_are_refused_at_any_depth(body, attr):
    with pytest.raises(ValidationError) as caught:
        validated(Order, body)

    found = caught.value.detail
    for step in attr:
        found = found[step]
    assert [each.code for each in found] == ["unknown_field"]


def test_a_body_of_nothing_but_strange_fields_is_answered_with_a_few():
    body = "{" + ",".join(f'"f{n}": 1' for n in range(10_000)) + "}"

    status, errors = errors_of(send(make_fan(), "post", "/api/v1/payments/", body))

    assert (status, len(errors)) == (400, 21)


@pytest.mark.parametrize("body", ["[" * 100_000, "[" * 900 + "]" * 900, "1" * 5000, "NaN", '{"a": NaN}', '"\\ud800"'])
def test_a_body_that_is_made_to_hurt_is_refused(body):
    response = send(make_fan(), "post", "/api/v1/payments/", body)

    assert response.status_code == 400


def test_all_that_takes_a_body_is_made_to_refuse_strange_fields():
    """Whoever adds a request and forgets Body meets this."""
    found = serializers.Serializer.__subclasses__()
    plain = [each.__name__ for each in found if ".tests." not in each.__module__]

    assert [name for name in plain if name.endswith("Request")] == []


def test_what_takes_no_body_ignores_one_that_is_no_json():
    fan, sale = make_fan(), make_sale()
    let_in(fan, sale)

    response = api_of(fan).post(f"/api/v1/schedules/{sale.pk}/queue-tokens/", "a=b", content_type="text/plain")

    assert response.status_code == 200


# --- The same thing written otherwise ----------------------------------------------------------


def test_a_token_may_be_written_in_capitals_wherever_it_stands():
    fan, sale = make_fan(), make_sale(seats=2)
    shout = str(let_in(fan, sale, token="a0b1c2d3-aaaa-4bbb-8ccc-00000000000f")).upper()
    api = api_of(fan)

    read = api.get(f"/api/v1/queue-tokens/{shout}/")
    held = send(
        fan,
        "post",
        "/api/v1/reservations/",
        f'{{"schedule": {sale.pk}, "seats": [{sale.seats[0]}]}}',
        **{"X-Queue-Token": shout},
    )
    entered = api.post(f"/api/v1/queue-tokens/{shout}/enter/")
    left = api.delete(f"/api/v1/queue-tokens/{shout}/")

    assert [answer.status_code for answer in (read, held, entered, left)] == [200, 201, 200, 200]
    assert read.json()["token"] == str(WaitingToken.objects.get().token)


@pytest.mark.parametrize("token", [TOKEN.replace("-", ""), "{" + TOKEN + "}", TOKEN + "0", TOKEN[:-1] + "g"])
def test_what_is_no_token_is_not_found(token):
    assert api_of(make_fan()).get(f"/api/v1/queue-tokens/{token}/").status_code == 404


def test_the_same_seats_in_another_order_are_the_same_request():
    fan, sale = make_fan(), make_sale()
    headers = {"X-Queue-Token": str(let_in(fan, sale)), "Idempotency-Key": "a"}
    one, other = sale.seats[:2]

    def post(*seats):
        body = f'{{"seats": {list(seats)}, "schedule": {sale.pk}}}'
        return send(fan, "post", "/api/v1/reservations/", body, **headers)

    first, again, less = post(one, other), post(other, one), post(one)

    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    assert errors_of(less) == (409, {("idempotency_key_reused", None)})
    assert errors_of(post(one, one)) == (400, {("invalid", "seats.1")})
    assert Reservation.objects.count() == 2


def test_a_repeat_of_a_hold_that_lapsed_says_that_nothing_is_held():
    fan, sale = make_fan(), make_sale()
    headers = {"X-Queue-Token": str(let_in(fan, sale)), "Idempotency-Key": "a"}
    body = f'{{"seats": {sale.seats[:2]}, "schedule": {sale.pk}}}'
    send(fan, "post", "/api/v1/reservations/", body, **headers)
    Reservation.objects.update(expired_at="2020-01-01T00:00:00Z")

    shown = send(fan, "post", "/api/v1/reservations/", body, **headers).json()

    assert shown["expired_at"] is None
    assert {each["status"] for each in shown["reservations"]} == {"CANCELED"}


def test_a_repeat_of_a_hold_of_which_a_part_was_paid_says_when_the_rest_ends():
    fan, sale = make_fan(), make_sale()
    booking = hold(fan, sale, 0, 1, key="a", now=None)
    Reservation.objects.filter(pk=in_order(booking)[0]).update(status="RESERVED", expired_at=None)
    body = f'{{"seats": {sale.seats[:2]}, "schedule": {sale.pk}}}'
    headers = {"X-Queue-Token": str(token_of(fan, sale).token), "Idempotency-Key": "a"}

    shown = send(fan, "post", "/api/v1/reservations/", body, **headers).json()

    assert shown["expired_at"] == shown["reservations"][1]["expired_at"] is not None
