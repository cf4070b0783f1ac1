"""The pages of what waits for a second person."""

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from concert_site.accounts.tests.factories import make_clerk, make_staff
from concert_site.approvals.models import Approval, Ceiling
from concert_site.approvals.tests.test_deciding import ask, make_colleague
from payments.models import Payment, PaymentState, RefundRun
from payments.tests.scenes import make_paid
from wallet.queries import wallet_of
from wallet.tests.factories import make_fan

pytestmark = pytest.mark.django_db
LIST = "/admin/approvals/approval/"


def page_of(approval):
    return reverse("admin:approvals_approval_change", args=[approval.pk])


def step(name, approval):
    return reverse(f"admin:approvals_{name}", args=[approval.pk])


def lower_ceiling(role, permission, amount=1_000):
    Ceiling.objects.filter(group__name=role, permission=permission).update(amount=amount)


def test_a_clerks_form_above_the_ceiling_leads_to_what_waits(client):
    clerk, fan = make_colleague("box office"), make_fan()
    client.force_login(clerk)
    where = reverse("admin:wallet_adjust", args=[fan.pk])
    form = {"key": "11111111-1111-4111-8111-111111111111", "amount": "90000000", "note": "Cash"}

    for _nth in range(2):
        response = client.post(where, form)
        waiting = Approval.objects.get()
        assert response["Location"] == page_of(waiting)

    page = client.get(page_of(waiting)).content.decode()
    assert wallet_of(fan.pk).amount == 0
    assert "90,000,000" in page
    assert step("confirm", waiting) not in page
    assert client.post(step("confirm", waiting)).status_code == 302
    assert Approval.objects.get().state == "PENDING"


def test_a_colleague_sees_how_many_wait_and_confirms(client):
    fan, second = make_fan(), make_colleague("finance")
    asked = ask(make_colleague("box office"), fan)
    client.force_login(second)

    assert '<span class="' in client.get("/admin/").content.decode()
    page = client.get(page_of(asked)).content.decode()
    assert step("confirm", asked) in page
    assert fan.email in page
    assert client.post(step("confirm", asked), follow=True).status_code == 200

    assert wallet_of(fan.pk).amount == 400_000
    assert Approval.objects.get().state == "CONFIRMED"


def test_declining_needs_a_reason(client):
    fan = make_fan()
    asked = ask(make_colleague("box office"), fan)
    client.force_login(make_colleague("finance"))

    assert client.post(step("decline", asked), {"answer": ""}).status_code == 200
    assert Approval.objects.get().state == "PENDING"
    client.post(step("decline", asked), {"answer": "Ask the fan first"})

    assert "Ask the fan first" in client.get(page_of(asked)).content.decode()
    assert Approval.objects.get().state == "DECLINED"


@pytest.mark.parametrize("who", [make_clerk, lambda: make_colleague("door")])
def test_staff_without_approvals_see_and_decide_nothing(client, who):
    asked = ask(make_colleague("box office"), make_fan())
    client.force_login(who())

    assert [client.get(where).status_code for where in (LIST, page_of(asked))] == [403, 403]
    for name in ("confirm", "decline", "again"):
        assert client.post(step(name, asked), {"answer": "No"}).status_code == 403
        assert client.get(step(name, asked)).status_code == 405
    assert Approval.objects.get().state == "PENDING"


def test_the_list_finds_what_has_lapsed_as_what_it_reads(client, settings):
    settings.APPROVAL_SECONDS = 0.001
    asked = ask(make_colleague("box office"), make_fan())
    client.force_login(make_colleague("finance"))

    found = {state: client.get(LIST, {"state": state}).context["cl"].queryset for state in ("PENDING", "EXPIRED")}

    assert asked.state == "PENDING"
    assert {state: list(rows) for state, rows in found.items()} == {"PENDING": [], "EXPIRED": [asked]}


def test_the_list_asks_a_fixed_number_of_queries(client, django_assert_max_num_queries):
    clerk = make_colleague("box office")
    for nth in range(5):
        ask(clerk, make_fan(), key=str(nth))
    client.force_login(make_colleague("finance"))

    with django_assert_max_num_queries(15):
        assert client.get(LIST).status_code == 200


def test_a_ceiling_is_a_superusers_to_change(client):
    row = Ceiling.objects.get(group__name="box office", permission="wallet.adjust_balance")
    where = reverse("admin:approvals_ceiling_change", args=[row.pk])
    client.force_login(make_colleague("finance", "event manager"))
    assert client.post(where, {"amount": "1"}).status_code == 403

    client.force_login(make_staff())
    assert client.get(where).status_code == 200
    assert client.post(where, {"amount": "500000"}).status_code == 302
    assert Ceiling.objects.get(pk=row.pk).amount == 500_000
    client.post(where, {"amount": ""})

    assert Ceiling.objects.get(pk=row.pk).amount is None


# --- Refunds -----------------------------------------------------------------------------------


def test_a_refund_above_the_ceiling_waits_and_is_made_once_confirmed(client):
    payment = make_paid()
    lower_ceiling("box office", "payments.refund_payment")
    client.force_login(make_colleague("box office"))
    where = reverse("admin:payments_refund_reservation", args=[payment.reservation_id])

    response = client.post(where, {"fee": "500", "note": "Ill", "refund_to": "wallet"})
    asked = Approval.objects.get()
    assert (response["Location"], asked.amount) == (page_of(asked), payment.price - 500)
    assert Payment.objects.get().state == PaymentState.COMPLETED
    client.force_login(make_colleague("event manager"))
    assert str(payment.reservation.concert_seat) in client.get(page_of(asked)).content.decode()
    client.post(step("confirm", asked))

    refunded = Payment.objects.get()
    assert (refunded.state, refunded.refund_fee) == (PaymentState.CANCELED, 500)


def test_small_refunds_that_are_chosen_together_count_together(client):
    payments = [make_paid() for _nth in range(3)]
    price = payments[0].price
    lower_ceiling("box office", "payments.refund_payment", price)
    client.force_login(make_colleague("box office"))
    ids = ",".join(str(payment.pk) for payment in payments)
    where = f"{reverse('admin:payments_refund_selected')}?ids={ids}"

    client.post(where, {"fee": "0", "note": "Rain", "refund_to": "wallet"})

    asked = Approval.objects.get()
    assert asked.amount == 3 * price
    assert {payment.state for payment in Payment.objects.all()} == {PaymentState.COMPLETED}
    client.force_login(make_colleague("finance"))
    client.post(step("confirm", asked))
    assert {payment.state for payment in Payment.objects.all()} == {PaymentState.CANCELED}


def test_a_whole_date_waits_and_its_run_is_begun_by_who_confirms(client):
    payment = make_paid()
    schedule = payment.reservation.concert_schedule_id
    lower_ceiling("event manager", "payments.refund_payment")
    asker = make_colleague("event manager")
    client.force_login(asker)
    where = reverse("admin:payments_refund_schedule", args=[schedule])
    form = {"fee": "0", "note": "Canceled", "refund_to": "wallet"}

    for _nth in range(2):
        asked = Approval.objects.get() if Approval.objects.exists() else None
        response = client.post(where, form)
    assert response["Location"] == page_of(asked)
    assert not RefundRun.objects.exists()
    client.force_login(make_colleague("finance"))
    client.post(step("confirm", asked))
    assert RefundRun.objects.get().actor == asker
    client.post(where, form)

    assert Payment.objects.get().state == PaymentState.CANCELED
    assert RefundRun.objects.get().ended_at is not None


def test_a_permission_without_a_role_has_the_settings_ceiling(client, settings):
    settings.STAFF_CEILING = 1_000
    payment = make_paid()
    client.force_login(make_clerk("refund_payment"))

    client.post(
        reverse("admin:payments_refund_reservation", args=[payment.reservation_id]),
        {"fee": "0", "note": "Ill", "refund_to": "wallet"},
    )

    assert Payment.objects.get().state == PaymentState.COMPLETED
    assert Group.objects.filter(name="box office").exists()
    assert Approval.objects.count() == 1
