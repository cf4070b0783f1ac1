"""Wallets and the ledger in the admin."""

import re
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from concert_site.accounts.tests.factories import make_clerk, make_staff
from concert_site.tests.audited import broken_invariants
from concert_site.tests.unchanged import nothing_changed
from wallet.models import Balance, BalanceHistory
from wallet.tests.factories import balance_of, entries_of, make_fan

LISTS = ["/admin/wallet/balance/", "/admin/wallet/balancehistory/"]

pytestmark = pytest.mark.django_db


def page_of(fan):
    return reverse("admin:wallet_adjust", args=[fan.pk])


def send(client, fan, **changes):
    form = {"key": str(uuid4()), "amount": "100", "note": "Cash at the desk"} | changes
    return client.post(page_of(fan), form)


def errors_of(response):
    return dict(response.context["form"].errors)


# --- Who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "lists", "adjusts"),
    [
        (make_fan, 302, 302),
        (make_clerk, 403, 403),
        (lambda: make_clerk("view_balance", "view_balancehistory"), 200, 403),
        (lambda: make_clerk("adjust_balance"), 403, 200),
        (make_staff, 200, 200),
    ],
    ids=["fan", "clerk without", "clerk who looks", "clerk who adjusts", "superuser"],
)
def test_roles_that_see_and_that_adjust_balances(client, actor, lists, adjusts):
    client.force_login(actor())
    fan = make_fan(balance=1_000)

    assert {client.get(address).status_code for address in LISTS} == {lists}
    assert client.get(page_of(fan)).status_code == adjusts
    send(client, fan)

    assert balance_of(fan) == (1_100 if adjusts == 200 else 1_000)


@pytest.mark.parametrize("model", [Balance, BalanceHistory])
def test_nobody_adds_changes_or_deletes_a_row(client, model):
    client.force_login(make_staff())
    fan = make_fan(balance=1_000)
    row, name = model.objects.get(), f"admin:wallet_{model._meta.model_name}"
    hostile = {"amount": "999999", "user": fan.pk, "actor": fan.pk, "kind": "CHARGE", "post": "yes"}
    addresses = [reverse(f"{name}_add")] + [reverse(f"{name}_{page}", args=[row.pk]) for page in ("change", "delete")]

    with nothing_changed():
        assert [client.post(address, hostile).status_code for address in addresses] == [403] * 3
        action = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        client.post(reverse(f"{name}_changelist"), action)

    assert client.get(addresses[1]).status_code == 200


# --- Adjusting ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("balance", "amount", "left"), [(1_000, "-400", 600), (1_000, "250", 1_250), (0, "5000", 5_000)]
)
def test_an_adjustment_is_booked_with_who_and_why(client, balance, amount, left):
    clerk, fan = make_clerk("adjust_balance", "view_balancehistory"), make_fan(balance=balance)
    client.force_login(clerk)

    response = send(client, fan, amount=amount, note="Cash at the desk")

    entry = BalanceHistory.objects.latest("pk")
    assert response.url == f"/admin/wallet/balancehistory/?user__id__exact={fan.pk}"
    assert (entry.kind, entry.amount, entry.amount_after) == ("ADJUSTMENT", int(amount), left)
    assert (entry.note, entry.actor, entry.user) == ("Cash at the desk", clerk, fan)
    logged = LogEntry.objects.get()
    assert (logged.user, logged.object_id) == (clerk, str(entry.balance_id))
    assert "Cash at the desk" in logged.get_change_message()
    assert broken_invariants() == {}


def test_a_form_that_is_sent_twice_adjusts_once_and_is_logged_once(client):
    client.force_login(make_staff())
    fan, key = make_fan(), str(uuid4())

    answers = [send(client, fan, key=key).status_code for _ in range(3)]

    assert answers == [302] * 3
    assert entries_of(fan) == [("ADJUSTMENT", 100, 100)]
    assert LogEntry.objects.count() == 1


def test_a_form_that_was_changed_after_it_was_sent_asks_to_look_first(client):
    client.force_login(make_staff())
    fan, key = make_fan(), str(uuid4())
    send(client, fan, key=key)

    response = send(client, fan, key=key, amount="200")

    assert "already sent" in errors_of(response)["__all__"][0]
    assert response.context["form"]["key"].value() != key
    assert balance_of(fan) == 100


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": "-1001"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "1e999999999"}, "amount"),
        ({"amount": "1e-999999999"}, "amount"),
        ({"amount": "9" * 5_000}, "amount"),
        ({"note": "  "}, "note"),
        ({"note": "a\nb"}, "note"),
        ({"key": "no uuid"}, "key"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_makes_no_sense_is_said_at_its_field_and_changes_nothing(client, change, field):
    client.force_login(make_staff())
    fan = make_fan(balance=1_000)

    with nothing_changed():
        response = send(client, fan, **change)

    assert list(errors_of(response)) == [field]
    assert not LogEntry.objects.exists()


def test_amounts_are_in_the_currencys_major_unit(client, settings):
    settings.CURRENCY = "USD"
    client.force_login(make_staff())
    fan = make_fan()

    send(client, fan, amount="12.34")
    response = send(client, fan, amount="12.345")

    assert balance_of(fan) == 1_234
    assert list(errors_of(response)) == ["amount"]


def test_who_is_adjusted_says_the_address_and_actor_nothing_else(client):
    boss, fan, other = make_staff(), make_fan(), make_fan()
    client.force_login(boss)

    send(client, fan, user=other.pk, user_id=other.pk, actor=other.pk, actor_id=other.pk, now="2000-01-01")

    assert (entries_of(other), BalanceHistory.objects.get().actor) == ([], boss)


def test_the_button_says_what_it_does(client):
    client.force_login(make_staff())

    page = client.get(page_of(make_fan(email="kim@example.com"))).content.decode()

    assert re.search(r'<button type="submit"[^>]*>\s*Adjust\s*</button>', page)
    assert "Adjust the wallet of kim@example.com" in page


def test_the_wallet_of_nobody_is_not_found(client):
    client.force_login(make_staff())

    assert client.get(reverse("admin:wallet_adjust", args=[10**9])).status_code == 404


# --- The lists ---------------------------------------------------------------------------------


@pytest.mark.parametrize("address", LISTS)
def test_a_list_costs_the_same_for_one_and_for_three(client, address, django_assert_num_queries):
    client.force_login(make_staff())
    for _ in range(2):
        make_fan(balance=1_000)
        # The session, the actor, and the page; nothing is counted.
        with django_assert_num_queries(4):
            assert client.get(address).status_code == 200
        make_fan(balance=1_000)


@pytest.mark.parametrize("address", LISTS)
def test_rows_are_found_by_the_fans_address(client, address):
    client.force_login(make_staff())
    make_fan(email="kim@example.com", balance=1_000)
    make_fan(balance=1_000)

    assert len(client.get(address, {"q": "KIM@exam"}).context["cl"].result_list) == 1
    assert len(client.get(address, {"q": "nobody"}).context["cl"].result_list) == 0


def test_the_ledger_is_filtered_by_fan_and_kind(client):
    client.force_login(make_staff())
    fan, _ = make_fan(balance=1_000), make_fan(balance=1_000)

    for query, found in [
        ({"user__id__exact": fan.pk}, 1),
        ({"kind__exact": "CHARGE"}, 2),
        ({"kind__exact": "REFUND"}, 0),
    ]:
        assert len(client.get(LISTS[1], query).context["cl"].result_list) == found
