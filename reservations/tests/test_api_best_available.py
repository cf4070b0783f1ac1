"""Best available and substitutes as an app sees them; which seats are chosen is in test_best_available."""

import pytest

from concert_site.tests.api_errors import errors_of
from reservations.models import Reservation
from reservations.tests.factories import make_fan
from reservations.tests.halls import hall_of, make_hall_sale
from reservations.tests.scenes import hold
from reservations.tests.test_api_booking import post

pytestmark = pytest.mark.django_db


def wish(sale, quantity=2, **options):
    return {"schedule": sale.pk, "best_available": {"quantity": quantity, **options}}


def numbers(response):
    return sorted(each["seat"]["seat_number"] for each in response.json()["reservations"])


def test_best_available_answers_a_booking_and_its_repeat_the_same():
    sale, fan = make_hall_sale(hall_of("RRRR", "SSSS")), make_fan()
    body = wish(sale, section="A", category="S", accessible=False)

    response = post(fan, sale, body=body, key="a")

    shown = response.json()
    assert response.status_code == 201
    assert list(shown) == ["booking_reference", "expired_at", "total", "currency", "substituted", "reservations"]
    assert {each["seat"]["row"] for each in shown["reservations"]} == {"2"}
    assert (shown["total"], shown["substituted"]) == (60_000, [])
    again = post(fan, sale, body=body, key="a")
    assert (again.status_code, again.json()["booking_reference"]) == (200, shown["booking_reference"])
    other = post(fan, sale, body=wish(sale, section="A", category="S"), key="a")
    assert errors_of(other) == (409, [("idempotency_key_reused", None)])


def test_a_seat_that_is_gone_is_replaced_if_the_body_says_so():
    sale, fan = make_hall_sale(hall_of("RRRR")), make_fan()
    hold(make_fan(), sale, 3)
    body = {"schedule": sale.pk, "seats": [sale.seats[3], sale.seats[2]], "on_conflict": "best_available"}

    response = post(fan, sale, body=body, key="a")

    assert response.status_code == 201
    assert response.json()["substituted"] == [{"seat": sale.seats[3], "by": sale.seats[1]}]
    assert numbers(response) == [2, 3]
    again = post(fan, sale, body=body, key="a")
    assert (again.status_code, again.json()["substituted"]) == (200, response.json()["substituted"])
    plain = post(fan, sale, body={name: body[name] for name in ("schedule", "seats")}, key="a")
    assert errors_of(plain) == (409, [("idempotency_key_reused", None)])


@pytest.mark.parametrize(
    ("body", "at_fault"),
    [
        ({}, [("required", "seats")]),
        ({"seats": [1], "best_available": {"quantity": 1}}, [("invalid", "best_available")]),
        ({"best_available": {"quantity": 1}, "on_conflict": "best_available"}, [("invalid", "on_conflict")]),
        ({"seats": [1], "on_conflict": "wait"}, [("invalid_choice", "on_conflict")]),
        ({"best_available": {}}, [("required", "best_available.quantity")]),
        ({"best_available": {"quantity": 0}}, [("min_value", "best_available.quantity")]),
        ({"best_available": {"quantity": True}}, [("invalid", "best_available.quantity")]),
        ({"best_available": {"quantity": 1, "accessible": "yes"}}, [("invalid", "best_available.accessible")]),
        ({"best_available": {"quantity": 1, "grade": "R"}}, [("unknown_field", "best_available.grade")]),
        ({"best_available": {"quantity": 1, "section": "Z"}}, [("does_not_exist", "best_available.section")]),
        ({"best_available": {"quantity": 1, "category": "Z"}}, [("does_not_exist", "best_available.category")]),
        (
            {"best_available": {"quantity": 1, "section": "a\x00"}},
            [("null_characters_not_allowed", "best_available.section")],
        ),
        ({"best_available": None}, [("null", "best_available")]),
    ],
)
def test_what_makes_no_sense_names_its_field(body, at_fault):
    sale = make_hall_sale(hall_of("RR"))

    assert errors_of(post(make_fan(), sale, body={"schedule": sale.pk} | body)) == (400, at_fault)
    assert not Reservation.objects.exists()


def test_too_few_together_is_a_conflict_of_the_wish():
    sale = make_hall_sale(hall_of("RR"))

    response = post(make_fan(), sale, body=wish(sale, 3))

    assert errors_of(response) == (409, [("seat_unavailable", "best_available")])
    assert response.json()["errors"][0]["detail"].endswith("The most that can be had is 2 together.")


def test_a_single_seat_is_refused_only_where_the_house_demands_it(settings):
    sale, fan = make_hall_sale(hall_of("RRRRRRRR")), make_fan()

    assert post(fan, sale, 1).status_code == 201
    settings.SINGLE_SEATS = "demand"
    assert errors_of(post(make_fan(), sale, 3)) == (409, [("single_seat_left", "seats")])
