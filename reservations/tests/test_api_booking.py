"""Booking as an app sees it."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from concert_site.accounts.tests.factories import api_of
from concert_site.tests.api_errors import errors_of
from concert_site.tests.unchanged import nothing_changed
from queueing.models import WaitingToken
from reservations.models import ConcertSchedule, Reservation
from reservations.tests.factories import make_fan
from reservations.tests.scenes import LAPSED, NOW, hold, in_order, let_in, make_sale, token_of

HOLDS = "/api/v1/reservations/"

pytestmark = pytest.mark.django_db


def post(fan, sale, *nth, body=None, token=..., key=None):
    """Ask for the nth seats of a sale, or for whatever the body says."""
    if token is ...:
        inside = token_of(fan, sale)
        token = inside.token if inside else let_in(fan, sale)
    headers = {"X-Queue-Token": str(token)} if token is not None else {}
    headers |= {"Idempotency-Key": key} if key else {}
    body = {"schedule": sale.pk, "seats": [sale.seats[each] for each in nth]} if body is None else body
    return api_of(fan).post(HOLDS, body, format="json", headers=headers)


def extend(fan, pk):
    return api_of(fan).post(f"{HOLDS}{pk}/extend/")


def instant(text):
    return datetime.fromisoformat(text)


# --- Holding -----------------------------------------------------------------------------------


def test_a_hold_answers_the_booking():
    fan, sale = make_fan(), make_sale(price=77_000)

    response = post(fan, sale, 0, 2)

    booked = list(Reservation.objects.order_by("pk"))
    shown = response.json()
    assert response.status_code == 201
    assert {name: shown[name] for name in ("booking_reference", "total", "currency", "substituted")} == {
        "booking_reference": booked[0].booking_reference,
        "total": 154_000,
        "currency": "KRW",
        "substituted": [],
    }
    assert instant(shown["expired_at"]) == booked[0].expired_at
    assert [each["id"] for each in shown["reservations"]] == [each.pk for each in booked]
    assert list(shown) == ["booking_reference", "expired_at", "total", "currency", "substituted", "reservations"]


def test_a_reservation_in_an_answer_has_everything_an_app_shows():
    fan, sale = make_fan(), make_sale()

    (shown,) = post(fan, sale, 1).json()["reservations"]

    booked = Reservation.objects.get()
    for name in ("expired_at", "created_at", "updated_state_at"):
        assert instant(shown.pop(name)) == getattr(booked, name)
    assert shown == {
        "id": booked.pk,
        "booking_reference": booked.booking_reference,
        "schedule": sale.pk,
        "concert_name": sale.schedule.concert.name,
        "concert_date": "2031-05-31",
        "concert_at": "2031-05-31T10:00:00Z",
        "moved_from": None,
        "date_canceled_at": None,
        "seat": {
            "id": sale.seats[1],
            "section": "A",
            "row": "1",
            "seat_number": 2,
            "seat_label": "A-1-2",
            "seat_price": 50_000,
            "category": "R",
            "x": 20.0,
            "y": 20.0,
            "accessible": False,
        },
        "price": 50_000,
        "status": "RESERVING",
        "payment": None,
        "cancellation": {
            "fee": 0,
            "refund": 0,
            "tiers": [
                {"until": "2031-05-21", "fee_percent": 0, "refund": 50_000},
                {"until": "2031-05-24", "fee_percent": 10, "refund": 45_000},
                {"until": "2031-05-28", "fee_percent": 20, "refund": 40_000},
                {"until": "2031-05-30", "fee_percent": 30, "refund": 35_000},
            ],
        },
    }


def test_all_answers_show_a_reservation_alike():
    fan, sale = make_fan(), make_sale()
    held = post(fan, sale, 0).json()["reservations"]

    api = api_of(fan)
    assert post(fan, sale, 0).json()["reservations"] == held
    assert api.get(HOLDS).json()["results"] == held
    assert api.get(f"{HOLDS}{held[0]['id']}/").json() == held[0]


@pytest.mark.parametrize("key", [None, "a"])
def test_a_hold_again_is_200_and_the_same(key):
    fan, sale = make_fan(), make_sale()
    first = post(fan, sale, 0, 1, key=key)

    again = post(fan, sale, 0, 1, key=key)

    assert (again.status_code, again.json()) == (200, first.json())
    assert Reservation.objects.count() == 2


def test_a_key_with_another_body_is_409():
    fan, sale = make_fan(), make_sale()
    post(fan, sale, 0, key="a")

    assert errors_of(post(fan, sale, 1, key="a")) == (409, [("idempotency_key_reused", None)])


def test_the_order_of_a_bodys_fields_makes_no_other_body():
    fan, sale = make_fan(), make_sale()
    post(fan, sale, 0, key="a")

    again = post(fan, sale, body={"seats": sale.seats[:1], "schedule": sale.pk}, key="a")

    assert again.status_code == 200


@pytest.mark.parametrize("key", ["   ", "x" * 256, "a\tb"])
def test_a_key_that_is_none_names_the_header(key):
    fan, sale = make_fan(), make_sale()

    assert errors_of(post(fan, sale, 0, key=key)) == (400, [("invalid", "Idempotency-Key")])
    assert not Reservation.objects.exists()


# --- Refusals ----------------------------------------------------------------------------------


def test_each_seat_that_is_gone_is_an_error_of_its_own():
    fan, sale = make_fan(), make_sale()
    hold(make_fan(), sale, 1, 3, now=None)

    assert errors_of(post(fan, sale, 0, 1, 2, 3)) == (
        409,
        [("seat_unavailable", "seats.1"), ("seat_unavailable", "seats.3")],
    )


def test_hold_refusal_has_the_error_shape():
    fan, sale = make_fan(), make_sale()
    hold(make_fan(), sale, 0)

    assert post(fan, sale, 0).json() == {
        "type": "client_error",
        "errors": [{"code": "seat_unavailable", "detail": "This seat is taken.", "attr": "seats.0"}],
    }


def test_more_than_the_limit_is_409():
    fan, sale = make_fan(), make_sale(tickets_per_fan=2)

    assert errors_of(post(fan, sale, 0, 1, 2)) == (409, [("ticket_limit_exceeded", None)])


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"reservation_available_at": NOW}, "sale_not_open"),
        ({"deadline_at": datetime.fromisoformat("2026-01-02T00:00Z")}, "sale_closed"),
    ],
)
def test_outside_the_sale_is_409(columns, code):
    fan, sale = make_fan(), make_sale()
    opens = {"reservation_available_at": datetime.fromisoformat("2026-01-01T00:00Z")}
    ConcertSchedule.objects.update(**opens | columns)

    assert errors_of(post(fan, sale, 0)) == (409, [(code, None)])


def test_no_token_or_garbage_is_403():
    sale = make_sale()

    for token in (None, "", "x", "null", "0", "é", "' or 1=1", uuid4(), "6f1c1f0e-5d53-4a2c-8f43", "x" * 5000):
        assert errors_of(post(make_fan(), sale, 0, token=token)) == (403, [("queue_token_required", None)]), token


def test_a_token_that_waits_or_is_over_is_403():
    fan, sale = make_fan(), make_sale()
    waiting = WaitingToken.objects.create(user=fan, concert_schedule_id=sale.pk, number=10**6).token
    over = let_in(fan, sale, status="EXPIRED", expired_reason="LEFT")

    for token in (waiting, over):
        assert errors_of(post(fan, sale, 0, token=token)) == (403, [("queue_token_inactive", None)])


def test_seats_of_another_schedule_are_400_and_named():
    fan, sale, other = make_fan(), make_sale(), make_sale()
    body = {"schedule": sale.pk, "seats": [sale.seats[0], other.seats[0], 2**62]}

    assert errors_of(post(fan, sale, body=body)) == (
        400,
        [("does_not_exist", "seats.1"), ("does_not_exist", "seats.2")],
    )


def test_an_unknown_schedule_is_400_and_named():
    fan, sale = make_fan(), make_sale()

    response = post(fan, sale, body={"schedule": 2**62, "seats": sale.seats[:1]})

    assert errors_of(response) == (400, [("does_not_exist", "schedule")])


def test_what_is_no_id_is_400_and_named():
    sale = make_sale()
    nonsense = (None, "2", "x", 1.0, 1.5, True, False, [], {}, [1], 0, -1, -(2**63), 2**63, 2**64 - 1, 10**30)
    wrong = [({"seats": seats}, "seats") for seats in (None, "x", 1, 1.5, True, {}, {"a": 1}, [], list(range(1, 102)))]
    wrong += [({"seats": [1, each]}, "seats.1") for each in nonsense]
    wrong += [({"schedule": each}, "schedule") for each in nonsense]
    fans = [make_fan() for _ in wrong]

    with nothing_changed():
        for fan, (change, field) in zip(fans, wrong, strict=True):
            body = {"schedule": sale.pk, "seats": sale.seats[:1]} | change
            status, found = errors_of(post(fan, sale, body=body, token=None))
            assert (status, [attr for _, attr in found]) == (400, [field]), change


def test_an_empty_body_names_both_fields():
    fan, sale = make_fan(), make_sale()

    assert errors_of(post(fan, sale, body={})) == (400, [("required", "schedule"), ("required", "seats")])


def test_a_body_that_is_no_object_is_400():
    for body in ("[]", "null", "1", '"x"', "true", "1.5", "", "{", "[" * 5000, "\x00", "NaN"):
        response = api_of(make_fan()).post(HOLDS, body, content_type="application/json")
        assert response.status_code == 400, body
        assert response.json()["errors"]


def test_booking_api_without_an_account_is_401():
    nobody = api_of()

    answers = [nobody.post(HOLDS, {}), nobody.get(HOLDS), nobody.get(f"{HOLDS}1/"), nobody.post(f"{HOLDS}1/extend/")]

    assert [errors_of(answer) for answer in answers] == [(401, [("not_authenticated", None)])] * 4
    assert {answer["WWW-Authenticate"] for answer in answers} == {"Bearer"}


# --- Looking, and extending --------------------------------------------------------------------


def test_others_reservations_and_unknown_ones_are_404():
    sale = make_sale()
    (theirs,) = in_order(hold(make_fan(), sale, 0))
    api = api_of(make_fan())

    for pk in (theirs, 0, 10**17):
        for answer in (api.get(f"{HOLDS}{pk}/"), api.post(f"{HOLDS}{pk}/extend/")):
            assert errors_of(answer) == (404, [("not_found", None)])
    assert api.get(HOLDS).json()["results"] == []


def test_booking_api_malformed_id_is_404():
    api = api_of(make_fan())

    assert {api.get(f"{HOLDS}{pk}/").status_code for pk in ("x", "-1", "1.5", "9" * 19, "1' or 1=1")} == {404}


def test_own_reservations_come_newest_first_in_pages():
    fan, sale = make_fan(), make_sale(seats=3)
    booked = in_order(hold(fan, sale, 0, 1, 2))
    api = api_of(fan)

    first = api.get(HOLDS, {"page_size": 2}).json()
    second = api.get(first["next"]).json()

    assert [each["id"] for each in first["results"] + second["results"]] == booked[::-1]
    assert (first["previous"], second["next"]) == (None, None)


def test_a_hold_that_is_over_reads_canceled_before_it_is_tidied():
    fan, sale = make_fan(), make_sale()
    long_ago = datetime.fromisoformat("2026-01-01T00:00Z")
    ConcertSchedule.objects.update(reservation_available_at=long_ago)
    (lapsed,) = in_order(hold(fan, sale, 0, now=long_ago))

    shown = api_of(fan).get(f"{HOLDS}{lapsed}/").json()

    assert Reservation.objects.get().status == "RESERVING"
    assert (shown["status"], shown["payment"], shown["cancellation"]) == ("CANCELED", None, None)
    assert errors_of(extend(fan, lapsed)) == (409, [("hold_expired", None)])


def test_extending_answers_the_reservation_with_its_new_end_and_again_the_same():
    fan, sale = make_fan(), make_sale()
    one, two = in_order(hold(fan, sale, 0, 1))

    response = extend(fan, one)

    assert response.status_code == 200
    assert instant(response.json()["expired_at"]) == LAPSED + timedelta(seconds=300)
    assert extend(fan, one).json() == response.json()
    assert extend(fan, two).json()["expired_at"] == response.json()["expired_at"]


# --- What it costs -----------------------------------------------------------------------------


@pytest.mark.parametrize("nth", [(0,), (0, 1, 2, 3)])
def test_a_hold_is_one_statement_and_its_repeat_two(nth, django_assert_num_queries):
    fan, sale = make_fan(), make_sale()
    token = let_in(fan, sale)

    for statements, status in ((1, 201), (2, 200)):
        with django_assert_num_queries(statements):
            assert post(fan, sale, *nth, token=token).status_code == status


def test_lists_cost_the_same_for_one_row_and_for_three():
    costs = []
    for nth in [(0,), (1, 2, 3)]:
        fan, sale = make_fan(), make_sale()
        hold(fan, sale, *nth)
        api = api_of(fan)
        with CaptureQueriesContext(connection) as asked:
            assert len(api.get(HOLDS).json()["results"]) == len(nth)
        costs.append(len(asked))

    assert costs == [1, 1]
