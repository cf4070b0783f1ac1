"""Paying and canceling as an app sees it."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from concert_site.accounts.tests.factories import api_of
from concert_site.tests.api_errors import errors_of
from concert_site.tests.unchanged import nothing_changed, nothing_written
from payments.models import Payment
from payments.tests.scenes import buy, make_fan, make_paid
from reservations.models import ConcertSchedule, ConcertSeat, Reservation
from reservations.tests.scenes import hold, in_order, make_sale, statuses
from wallet.tests.factories import balance_of

PAYMENTS = "/api/v1/payments/"
RESERVATIONS = "/api/v1/reservations/"

pytestmark = pytest.mark.django_db


def pay(fan, *reservations):
    return api_of(fan).post(PAYMENTS, {"reservations": list(reservations)}, format="json")


def cancel(fan, reservation):
    return api_of(fan).post(f"{RESERVATIONS}{reservation}/cancel/")


def as_shown(payment):
    """A payment as every answer shows it, without its instants."""
    return {
        "id": payment.pk,
        "reservation": payment.reservation_id,
        "price": payment.price,
        "state": payment.state,
        "refund_fee": payment.refund_fee,
    }


def without_instants(shown):
    for name in ("created_at", "updated_state_at"):
        assert datetime.fromisoformat(shown[name])
    return {name: value for name, value in shown.items() if name not in ("created_at", "updated_state_at")}


# --- Paying ------------------------------------------------------------------------------------


def test_paying_answers_payments_and_balance():
    fan, sale = make_fan(balance=120_000), make_sale()
    one, two = in_order(hold(fan, sale, 0, 1))

    response = pay(fan, one, two)

    shown = response.json()
    assert response.status_code == 201
    assert list(shown) == ["payments", "balance"]
    assert shown["balance"] == 20_000
    assert [without_instants(each) for each in shown["payments"]] == [
        as_shown(payment) for payment in Payment.objects.order_by("reservation_id")
    ]
    assert [each["reservation"] for each in shown["payments"]] == [one, two]


def test_paying_again_is_200_and_the_same():
    fan, sale = make_fan(balance=50_000), make_sale()
    (reservation,) = in_order(hold(fan, sale, 0))
    first = pay(fan, reservation)

    with nothing_changed():
        again = pay(fan, reservation)

    assert (again.status_code, again.json()) == (200, first.json())


def test_paying_some_of_what_was_paid_and_some_new_is_201():
    fan, sale = make_fan(balance=100_000), make_sale()
    one, two = in_order(hold(fan, sale, 0, 1))
    pay(fan, one)

    response = pay(fan, one, two)

    assert (response.status_code, response.json()["balance"]) == (201, 0)


def test_a_paid_reservation_shows_its_payment_and_what_canceling_gives_back():
    payment = make_paid()

    shown = api_of(payment.user).get(f"{RESERVATIONS}{payment.reservation_id}/").json()

    assert (shown["status"], shown["expired_at"]) == ("RESERVED", None)
    assert without_instants(shown["payment"]) == as_shown(payment)
    assert (shown["cancellation"]["fee"], shown["cancellation"]["refund"]) == (0, 50_000)


def test_payments_are_shown_alike_everywhere():
    fan, sale = make_fan(balance=50_000), make_sale()
    (paid,) = pay(fan, *in_order(hold(fan, sale, 0))).json()["payments"]

    api = api_of(fan)

    assert api.get(PAYMENTS).json()["results"] == [paid]
    assert api.get(f"{PAYMENTS}{paid['id']}/").json() == paid


def test_pay_with_insufficient_balance_is_402():
    fan, sale = make_fan(balance=49_999), make_sale()

    response = pay(fan, *in_order(hold(fan, sale, 0)))

    assert errors_of(response) == (402, [("insufficient_balance", None)])
    assert balance_of(fan) == 49_999


def test_pay_of_a_lapsed_hold_is_409_and_named():
    fan, sale = make_fan(balance=100_000), make_sale()
    long_ago = datetime.fromisoformat("2026-01-01T00:00Z")
    ConcertSchedule.objects.update(reservation_available_at=long_ago)
    (live,) = in_order(hold(fan, sale, 0))
    (lapsed,) = in_order(hold(fan, sale, 1, now=long_ago))

    assert errors_of(pay(fan, live, lapsed)) == (409, [("hold_expired", "reservations.1")])
    assert not Payment.objects.exists()


def test_what_is_someone_elses_is_404_and_named():
    fan, sale = make_fan(balance=100_000), make_sale()
    (mine,), (theirs,) = in_order(hold(fan, sale, 0)), in_order(hold(make_fan(), sale, 1))

    assert errors_of(pay(fan, mine, theirs, 2**62)) == (
        404,
        [("not_found", "reservations.1"), ("not_found", "reservations.2")],
    )
    assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("reservations", "field"),
    [
        *((nonsense, "reservations") for nonsense in (None, "x", 1, {"a": 1}, [], list(range(1, 102)))),
        *(([1, nonsense], "reservations.1") for nonsense in (None, "2", 1.0, True, [1], 0, 2**63, 10**30, 1)),
    ],
)
def test_reservations_that_are_none_are_400_and_named(reservations, field):
    fan = make_fan(balance=100_000)

    with nothing_changed():
        status, found = errors_of(api_of(fan).post(PAYMENTS, {"reservations": reservations}, format="json"))

    assert (status, [attr for _, attr in found]) == (400, [field])


def test_an_empty_body_names_the_field():
    response = api_of(make_fan()).post(PAYMENTS, {}, format="json")

    assert errors_of(response) == (400, [("required", "reservations")])


# Others are tried in wallet/tests/test_api.py.
@pytest.mark.parametrize("body", ["[]", "{"])
def test_a_body_that_is_no_object_is_400(body):
    response = api_of(make_fan()).post(PAYMENTS, body, content_type="application/json")

    assert response.status_code == 400
    assert response.json()["errors"]


# --- Canceling ---------------------------------------------------------------------------------


def test_canceling_what_was_paid_answers_what_came_back():
    payment = make_paid(balance=60_000)

    response = cancel(payment.user, payment.reservation_id)

    payment.refresh_from_db()
    shown = response.json()
    assert response.status_code == 200
    assert list(shown) == ["reservation", "fee", "refund", "balance", "withdrawals"]
    assert (shown["fee"], shown["refund"], shown["balance"]) == (0, 50_000, 60_000)
    assert (shown["reservation"]["status"], shown["reservation"]["cancellation"]) == ("CANCELED", None)
    assert without_instants(shown["reservation"]["payment"]) == as_shown(payment)
    assert payment.state == "CANCELED"


def test_canceling_a_hold_frees_the_seat():
    fan, sale = make_fan(), make_sale(seats=1)
    (reservation,) = in_order(hold(fan, sale, 0))

    shown = cancel(fan, reservation).json()

    assert (shown["reservation"]["status"], shown["reservation"]["payment"]) == ("CANCELED", None)
    assert (shown["fee"], shown["refund"], shown["balance"]) == (0, 0, 0)
    assert statuses(sale) == "A"


def test_canceling_too_late_is_409():
    payment = make_paid()
    ConcertSchedule.objects.update(concert_date="2026-01-01")

    with nothing_written():
        response = cancel(payment.user, payment.reservation_id)

    assert errors_of(response) == (409, [("refund_closed", None)])


# --- What isn't the caller's -------------------------------------------------------------------


def test_others_payments_and_reservations_are_404():
    payment = make_paid()
    api = api_of(make_fan())

    with nothing_changed():
        answers = [api.get(f"{PAYMENTS}{pk}/") for pk in (payment.pk, 0, 10**17)]
        answers += [api.post(f"{RESERVATIONS}{pk}/cancel/") for pk in (payment.reservation_id, 0, 10**17)]

    assert [errors_of(answer) for answer in answers] == [(404, [("not_found", None)])] * 6
    assert api.get(PAYMENTS).json()["results"] == []


def test_payments_api_without_an_account_is_401():
    nobody = api_of()

    answers = [
        nobody.post(PAYMENTS, {}),
        nobody.get(PAYMENTS),
        nobody.get(f"{PAYMENTS}1/"),
        nobody.post(f"{RESERVATIONS}1/cancel/"),
    ]

    assert [errors_of(answer) for answer in answers] == [(401, [("not_authenticated", None)])] * 4
    assert {answer["WWW-Authenticate"] for answer in answers} == {"Bearer"}


# --- What it costs -----------------------------------------------------------------------------


@pytest.mark.parametrize("nth", [(0,), (0, 1, 2, 3)])
def test_paying_is_one_statement_and_so_is_its_repeat(nth, django_assert_num_queries):
    fan, sale = make_fan(balance=200_000), make_sale()
    reservations = in_order(hold(fan, sale, *nth))

    for status in (201, 200):
        with django_assert_num_queries(1):
            assert pay(fan, *reservations).status_code == status


@pytest.mark.parametrize("address", [PAYMENTS, RESERVATIONS])
def test_lists_cost_the_same_for_one_row_and_for_three(address):
    costs = []
    for nth in [(0,), (1, 2, 3)]:
        fan, sale = make_fan(balance=200_000), make_sale()
        buy(fan, sale, *nth)
        api = api_of(fan)
        with CaptureQueriesContext(connection) as asked:
            assert len(api.get(address).json()["results"]) == len(nth)
        costs.append(len(asked))

    assert costs == [1, 1]


# --- For the fee that was agreed to --------------------------------------------------------------


def cancel_for(fan, reservation, agreed_fee):
    return api_of(fan).post(f"{RESERVATIONS}{reservation}/cancel/", {"agreed_fee": agreed_fee}, format="json")


def days_before(days):
    """Have every show be so many days from today, at the venue."""
    ConcertSchedule.objects.update(concert_date=timezone.localdate() + timedelta(days=days))


def test_a_paid_seat_is_canceled_for_the_fee_that_was_agreed_to():
    payment = make_paid()
    days_before(8)

    response = cancel_for(payment.user, payment.reservation_id, 5_000)

    shown = response.json()
    assert (response.status_code, shown["fee"], shown["refund"], shown["balance"]) == (200, 5_000, 45_000, 45_000)


@pytest.mark.parametrize("agreed", [0, 5_001])
def test_for_another_fee_nothing_is_canceled(agreed):
    payment = make_paid()
    days_before(8)

    with nothing_written():
        response = cancel_for(payment.user, payment.reservation_id, agreed)

    assert errors_of(response) == (409, [("fee_changed", None)])


def test_a_fee_that_midnight_brought_is_not_taken():
    """What the app showed a moment before it, the fan did not agree to a moment after."""
    payment = make_paid()
    days_before(7)
    shown = api_of(payment.user).get(f"{RESERVATIONS}{payment.reservation_id}/").json()["cancellation"]["fee"]
    days_before(6)

    refused = cancel_for(payment.user, payment.reservation_id, shown)
    taken = cancel(payment.user, payment.reservation_id)

    assert errors_of(refused) == (409, [("fee_changed", None)])
    assert (shown, taken.json()["fee"]) == (5_000, 10_000)


def test_giving_back_a_hold_costs_nothing_and_is_agreed_to_as_that():
    fan, sale = make_fan(), make_sale(seats=1)
    (reservation,) = in_order(hold(fan, sale, 0, now=None))

    with nothing_written():
        refused = cancel_for(fan, reservation, 1)
    taken = cancel_for(fan, reservation, 0)

    assert errors_of(refused) == (409, [("fee_changed", None)])
    assert (taken.status_code, taken.json()["fee"], statuses(sale)) == (200, 0, "A")


def test_a_hold_that_is_over_reads_canceled_and_is_so_whatever_is_agreed_to():
    fan, sale = make_fan(), make_sale(seats=1)
    (reservation,) = in_order(hold(fan, sale, 0, now=None))
    for rows in (Reservation.objects, ConcertSeat.objects):
        rows.update(expired_at=timezone.now() - timedelta(seconds=1))

    assert cancel_for(fan, reservation, 1).status_code == 200
    assert statuses(sale) == "A"


def test_canceling_again_is_the_same_whatever_is_agreed_to():
    payment = make_paid()
    first = cancel(payment.user, payment.reservation_id)

    with nothing_written():
        again = [cancel_for(payment.user, payment.reservation_id, fee) for fee in (0, 7)]
        again.append(cancel(payment.user, payment.reservation_id))

    assert [(each.status_code, each.json()) for each in again] == [(200, first.json())] * 3


@pytest.mark.parametrize("fee", [-1, "0", None])
def test_a_fee_that_is_no_amount_is_refused(fee):
    payment = make_paid()

    with nothing_changed():
        response = cancel_for(payment.user, payment.reservation_id, fee)

    assert response.status_code == 400
    assert response.json()["errors"][0]["attr"] == "agreed_fee"


@pytest.mark.parametrize("seats", [1, 4])
def test_extending_is_one_statement_giving_back_and_returning_a_ticket_are_two(seats):
    fan, sale = make_fan(balance=500_000), make_sale(seats=4)
    first, *_rest = in_order(hold(fan, sale, *range(seats), now=None))
    api = api_of(fan)

    def cost(call, **body):
        with CaptureQueriesContext(connection) as asked:
            assert api.post(call, body, format="json").status_code in (200, 201)
        return len(asked)

    costs = [cost(f"{RESERVATIONS}{first}/extend/") for _ in range(2)]
    costs += [cost(PAYMENTS, reservations=[first])]
    costs += [cost(f"{RESERVATIONS}{first}/cancel/", agreed_fee=0) for _ in range(2)]
    assert costs == [1, 1, 1, 2, 2]

    fan, sale = make_fan(), make_sale(seats=4)
    first, *_rest = in_order(hold(fan, sale, *range(seats), now=None))
    api = api_of(fan)
    # And a look whether a payment by card is under way for it, which has nothing left to pay.
    assert [cost(f"{RESERVATIONS}{first}/cancel/") for _ in range(2)] == [2, 2]
