"""Payments in the admin: the list, and the refunds of one, of some, and of a whole schedule."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from concert_site.accounts.tests.factories import make_clerk, make_staff
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_changed
from payments.admin import schedule_refunds
from payments.domain import refund_runs
from payments.models import Payment
from payments.tests.scenes import buy, make_fan, make_paid
from reservations.models import ConcertSchedule
from reservations.tests.scenes import hold, in_order, make_sale, statuses
from wallet.models import BalanceHistory
from wallet.tests.factories import balance_of

LIST = "/admin/payments/payment/"
REASON = {"fee": "1000", "note": "The singer is ill"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client):
    staff = make_staff()
    client.force_login(staff)
    return staff


def page_of_one(payment):
    return reverse("admin:payments_refund_reservation", args=[payment.reservation_id])


def page_of_schedule(schedule):
    return reverse("admin:payments_refund_schedule", args=[schedule.pk])


def page_of_selected(*payments):
    return f"{LIST}refund-selected/?ids={','.join(str(payment.pk) for payment in payments)}"


def pages(payment):
    return [page_of_one(payment), page_of_selected(payment), page_of_schedule(payment.reservation.concert_schedule)]


def states():
    return list(Payment.objects.order_by("pk").values_list("state", "refund_fee"))


# --- Who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "looks", "refunds"),
    [
        (make_fan, 302, 302),
        (make_clerk, 403, 403),
        (lambda: make_clerk("view_payment"), 200, 403),
        (lambda: make_clerk("refund_payment"), 403, 200),
        (make_staff, 200, 200),
    ],
    ids=["fan", "clerk without", "clerk who looks", "clerk who refunds", "superuser"],
)
def test_roles_that_look_and_that_refund(client, actor, looks, refunds):
    client.force_login(actor())

    assert client.get(LIST).status_code == looks
    for nth in range(3):
        where = pages(make_paid())[nth]
        assert client.get(where).status_code == refunds
        client.post(where, REASON)
    assert states() == [("CANCELED", 1_000) if refunds == 200 else ("COMPLETED", None)] * 3
    assert broken_invariants() == {}


def test_nobody_adds_changes_or_deletes_a_payment(client, boss):
    payment = make_paid()
    hostile = {"price": "1", "state": "CANCELED", "refund_fee": "0", "user": boss.pk, "post": "yes"}
    pages = [reverse(f"admin:payments_payment_{page}", args=[payment.pk]) for page in ("change", "delete")]

    with nothing_changed():
        assert [client.post(page, hostile).status_code for page in [LIST + "add/", *pages]] == [403] * 3
        client.post(LIST, {"action": "delete_selected", "_selected_action": [payment.pk], "post": "yes"})

    assert client.get(pages[0]).status_code == 200


# --- One ---------------------------------------------------------------------------------------


def test_a_refund_says_what_it_is_about_and_is_booked_and_logged(client, boss):
    payment = make_paid()

    page = client.get(page_of_one(payment)).content.decode()
    response = client.post(page_of_one(payment), REASON, follow=True)

    assert payment.user.email in page
    assert "₩50,000" in page
    assert "₩49,000 went back" in response.content.decode()
    entry = BalanceHistory.objects.get(kind="REFUND")
    assert (entry.amount, entry.note, entry.actor) == (49_000, "The singer is ill", boss)
    logged = LogEntry.objects.get()
    assert (logged.user, logged.object_id) == (boss, str(payment.pk))
    assert logged.get_change_message() == "Refunded ₩49,000, fee ₩1,000: The singer is ill"
    assert broken_invariants() == {}


def test_a_second_refund_is_told_that_there_is_nothing_left(client, boss):
    payment = make_paid()
    client.post(page_of_one(payment), REASON)

    with nothing_changed():
        answers = [
            client.get(page_of_one(payment), follow=True),
            client.post(page_of_one(payment), REASON, follow=True),
        ]

    assert ["isn’t paid, or was refunded" in answer.content.decode() for answer in answers] == [True, True]
    assert LogEntry.objects.count() == 1


def test_what_is_only_held_has_nothing_to_refund(client, boss):
    (held,) = in_order(hold(make_fan(), make_sale(), 0))

    with nothing_changed():
        assert client.post(reverse("admin:payments_refund_reservation", args=[held]), REASON).status_code == 302


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"fee": "-1"}, "fee"),
        ({"fee": "50001"}, "fee"),
        ({"note": ""}, "note"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_said_at_its_field_and_changes_nothing(client, boss, change, field):
    payment = make_paid()

    with nothing_changed():
        response = client.post(page_of_one(payment), REASON | change)

    assert list(response.context["form"].errors) == [field]


@pytest.mark.parametrize("name", ["payments_refund_reservation", "payments_refund_schedule"])
def test_what_does_not_exist_is_not_found(client, boss, name):
    assert client.post(reverse(f"admin:{name}", args=[10**9]), REASON).status_code == 404


def test_price_actor_and_state_are_not_the_forms_to_say(client, boss):
    payment = make_paid()

    client.post(
        page_of_one(payment), REASON | {"price": 1, "amount": 10**6, "actor": 1, "user": boss.pk, "now": "2000"}
    )

    entry = BalanceHistory.objects.get(kind="REFUND")
    assert (entry.amount, entry.user, entry.actor) == (49_000, payment.user, boss)


# --- Some --------------------------------------------------------------------------------------


def test_the_selected_are_refunded_with_one_fee_and_reason(client, boss):
    dear, cheap, other = make_paid(), make_paid(price=600), make_paid()
    chosen = {"action": "refund_selected", "_selected_action": [dear.pk, cheap.pk]}

    where = client.post(LIST, chosen).url
    client.post(where, REASON)
    again = client.get(where).content.decode()

    assert where == page_of_selected(dear, cheap)
    # A fee above a price takes all of it.
    assert states() == [("CANCELED", 1_000), ("CANCELED", 600), ("COMPLETED", None)]
    assert "nothing left to refund" in again
    assert LogEntry.objects.count() == 2
    assert balance_of(other.user) == 0
    assert broken_invariants() == {}


@pytest.mark.parametrize("ids", ["", "1,x", "9" * 30, ",".join(map(str, range(1, 102))), "١"])
def test_odd_selections_are_refused(client, boss, ids):
    make_paid()

    with nothing_changed():
        assert client.post(f"{LIST}refund-selected/?ids={ids}", REASON).url == LIST


def test_everything_can_not_be_selected_by_a_hidden_field(client, boss, monkeypatch):
    monkeypatch.setattr("payments.admin.refunds.MOST_SELECTED", 2)
    payments = [make_paid() for _ in range(3)]
    chosen = {"action": "refund_selected", "select_across": "1", "_selected_action": [payments[0].pk]}

    where = client.post(LIST, chosen).url

    with nothing_changed():
        assert client.post(where, REASON).url == LIST


# --- A whole schedule --------------------------------------------------------------------------


def test_a_schedule_is_refunded_round_by_round_and_logged_at_both_ends(client, boss, monkeypatch):
    monkeypatch.setattr(schedule_refunds, "ROUND_SECONDS", 0)
    sale, fan = make_sale(seats=4), make_fan(balance=150_000)
    buy(fan, sale, 0, 1, 2)
    where = page_of_schedule(sale)

    before = client.get(where).content.decode()
    first = client.post(where, REASON)
    going = dict(first.context["form"].data.items()) | {"going": "on"}
    answers = [client.post(where, going) for _ in range(3)]
    after = client.get(where).content.decode()

    assert "3 seats are paid, ₩150,000 together." in before
    assert "2 seats are left, ₩100,000 together." in first.content.decode()
    assert [answer.status_code for answer in answers] == [200, 200, 302]
    assert "3 seats were refunded so far: paid ₩150,000, fees kept ₩3,000." in after
    assert (statuses(sale), balance_of(fan)) == ("AAAA", 147_000)
    assert [entry.get_change_message()[:5] for entry in LogEntry.objects.order_by("pk")] == ["Began", "Refun"]
    assert broken_invariants() == {}


def test_a_second_clerk_is_told_of_the_run_and_continues_or_ends_it(client, boss, monkeypatch):
    monkeypatch.setattr(schedule_refunds, "ROUND_SECONDS", 0)
    sale, colleague = make_sale(seats=3), make_staff()
    buy(make_fan(balance=150_000), sale, 0, 1, 2)
    where = page_of_schedule(sale)
    client.post(where, REASON)
    client.force_login(colleague)

    refused = client.post(where, REASON | {"fee": "5000"}).content.decode()
    assert f"{boss.email} is refunding this date with a fee of ₩1,000" in refused
    assert 'value="5000"' in refused
    run = refund_runs.open_run(sale.pk)
    client.post(where, {"fee": "1000", "note": run.note, "refund_to": run.refund_to, "going": "on"})
    client.post(where, {"end_run": run.pk})
    client.post(where, REASON | {"fee": "5000"})

    assert states() == [("CANCELED", 1_000), ("CANCELED", 1_000), ("CANCELED", 5_000)]
    assert LogEntry.objects.filter(user=colleague, change_message__contains="Ended the refund").count() == 1


def test_an_open_sale_is_warned_of(client, boss):
    sale = make_sale()
    buy(make_fan(balance=50_000), sale, 0)
    warning = b"The sale is open"

    assert warning in client.get(page_of_schedule(sale)).content
    for change in ({"deadline_at": "2020-01-02T00:00Z", "reservation_available_at": "2020-01-01T00:00Z"},):
        ConcertSchedule.objects.filter(pk=sale.pk).update(**change)
    assert warning not in client.get(page_of_schedule(sale)).content


def test_the_page_that_goes_on_has_a_script_of_ours_and_a_button(client, boss, monkeypatch):
    monkeypatch.setattr(schedule_refunds, "ROUND_SECONDS", 0)
    sale = make_sale()
    buy(make_fan(balance=100_000), sale, 0, 1)

    page = client.post(page_of_schedule(sale), REASON).content.decode()

    assert "js/continue.js" in page
    assert "data-continue" in page
    assert 'value="The singer is ill"' in page


def test_a_reason_with_markup_stays_text(client, boss, monkeypatch):
    monkeypatch.setattr(schedule_refunds, "ROUND_SECONDS", 0)
    sale = make_sale()
    buy(make_fan(balance=100_000), sale, 0, 1)

    page = client.post(page_of_schedule(sale), REASON | {"note": '"><script>alert(1)</script>'}).content.decode()

    assert "<script>alert" not in page


# --- The list ----------------------------------------------------------------------------------


def test_the_list_costs_the_same_for_one_and_for_three(client, boss, django_assert_num_queries):
    for _ in range(2):
        make_paid()
        # The session, the actor, the schedules to filter by, and the page; nothing is counted.
        with django_assert_num_queries(5):
            assert client.get(LIST).status_code == 200
        make_paid()


def test_payments_are_found_by_address_reference_state_and_schedule(client, boss):
    first, second = make_paid(), make_paid()
    client.post(page_of_one(second), REASON)

    for query, found in [
        ({"q": first.user.email.upper()}, [first]),
        ({"q": second.reservation.booking_reference.lower()}, [second]),
        ({"q": "nobody"}, []),
        ({"state__exact": "CANCELED"}, [second]),
        ({"schedule": first.reservation.concert_schedule_id}, [first]),
        ({"schedule": "no"}, []),
        ({"schedule": "9" * 40}, []),
        ({"user__id__exact": first.user_id}, [first]),
    ]:
        assert (query, list(client.get(LIST, query).context["cl"].result_list)) == (query, found)
