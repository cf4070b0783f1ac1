"""The page "Needs attention", and the admin of money on its way: who sees what, and what each button does."""

import json
from datetime import date, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from concert_site.accounts.tests.factories import make_clerk, make_staff
from wallet.domain import provider_events, settlements, top_ups
from wallet.domain.ledger import LedgerKind, book
from wallet.domain.stuck import count_stuck
from wallet.models import ProviderEvent, SettlementDay, TopUp, Withdrawal
from wallet.providers.base import BookLine, ProviderAway, WebhookMessage
from wallet.tests.factories import balance_of, make_fan, start_top_up
from wallet.tests.signed_provider import Signed

STUCK = "/admin/wallet/topup/stuck/"
LISTS = {"topup": TopUp, "withdrawal": Withdrawal, "providerevent": ProviderEvent, "settlementday": SettlementDay}

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("signed")]


def differing(signed) -> TopUp:
    top_up = start_top_up()
    signed.pay(top_up, amount=4_000)
    return top_ups.settle(top_up, top_ups.look_up(top_up))


def too_large(signed) -> TopUp:
    top_up = start_top_up()
    signed.pay(top_up)
    TopUp.objects.filter(pk=top_up.pk).update(failure="balance_too_large", next_look_at=None)
    return top_up


def giving_back(signed) -> TopUp:
    top_up = differing(signed)
    TopUp.objects.filter(pk=top_up.pk).update(failure="giving_back", state="FAILED")
    return top_up


def late(signed) -> TopUp:
    top_up = start_top_up()
    TopUp.objects.filter(pk=top_up.pk).update(expires_at=timezone.now() - timedelta(hours=3))
    return top_up


def failed_event(signed) -> ProviderEvent:
    said = WebhookMessage(
        event_id=f"evt_{ProviderEvent.objects.count()}", kind="paid", reference=start_top_up().reference
    )
    provider_events.record(Signed.name, said, json.dumps({"said": "<script>alert(1)</script>"}).encode())
    event = ProviderEvent.objects.latest("pk")
    ProviderEvent.objects.filter(pk=event.pk).update(
        state="FAILED", error="ProviderAway: timeout", next_attempt_at=None
    )
    return event


def late_withdrawal(signed) -> Withdrawal:
    fan = make_fan()
    top_up = start_top_up(fan)
    signed.pay(top_up)
    top_ups.settle(top_up, top_ups.look_up(top_up))
    long_ago = timezone.now() - timedelta(days=2)
    return Withdrawal.objects.create(
        top_up=top_up,
        user=fan,
        amount=5_000,
        reference=f"w{top_up.reference}"[:32],
        entry=book(user_id=fan.pk, kind=LedgerKind.WITHDRAWAL, amount=-5_000),
        created_at=long_ago,
        updated_state_at=long_ago,
        next_look_at=long_ago,
    )


def differing_day(signed) -> SettlementDay:
    at = timezone.now()
    day = date(2031, 1, 1 + SettlementDay.objects.count())
    signed.lines[day] = [BookLine(reference="=x", provider_reference="", amount=900, currency="KRW", at=at)]
    return settlements.settle_day(Signed.name, day)


KINDS = {
    "amount_differs": differing,
    "balance_too_large": too_large,
    "giving_back": giving_back,
    "top_up_late": late,
    "withdrawal_late": late_withdrawal,
    "event_failed": failed_event,
    "day_differs": differing_day,
}


def codes(client):
    """What the page shows, and whether its HTML has it."""
    response = client.get(STUCK)
    shown = [item.code for item in response.context["items"]]
    assert all(f'data-stuck="{code}"' in response.content.decode() for code in shown or ["nothing"])
    return shown


def seen(row):
    row.refresh_from_db()
    return row


# --- The page ----------------------------------------------------------------------------------


def test_where_nothing_is_stuck_the_page_and_the_first_page_say_so(client):
    client.force_login(make_staff())
    start_top_up()

    assert codes(client) == []
    assert "Nothing needs attention" in client.get(STUCK).content.decode()
    assert 'data-stuck="0"' in client.get("/admin/").content.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_shown_in_words_and_counted(client, signed, kind):
    client.force_login(make_staff())
    KINDS[kind](signed)

    assert codes(client) == [kind]
    assert count_stuck() == 1


def test_the_stuck_page_asks_as_many_queries_for_three_of_each_kind(client, signed, django_assert_max_num_queries):
    client.force_login(make_staff())
    for make in KINDS.values():
        make(signed)
    client.get(STUCK)
    with django_assert_max_num_queries(14) as first:
        client.get(STUCK)
    for make in KINDS.values():
        make(signed)
    with django_assert_max_num_queries(len(first)):
        client.get(STUCK)


def test_a_day_without_a_settlement_is_shown_and_made(client, signed):
    client.force_login(make_staff())
    start_top_up()
    today = timezone.localdate()
    TopUp.objects.update(created_at=timezone.now() - timedelta(days=4))
    for back in (6, 5, 4, 2, 1):
        settlements.settle_day(Signed.name, today - timedelta(days=back))
    assert codes(client) == ["day_missing"]
    (item,) = client.get(STUCK).context["items"]

    client.post(item.steps[0].url)

    assert codes(client) == []
    assert SettlementDay.objects.filter(day=today - timedelta(days=3)).exists()


def test_a_day_that_isnt_missing_is_not_made_by_its_address(client):
    client.force_login(make_staff())

    for provider, day in (("os.path", "2031-01-01"), (Signed.name, "2031-01-01"), (Signed.name, "none")):
        assert client.post(reverse("admin:wallet_settle_day", args=[provider, day])).status_code == 404


@pytest.mark.parametrize(
    ("actor", "status", "steps"),
    [
        (make_fan, 302, None),
        (make_clerk, 403, None),
        (lambda: make_clerk("view_topup"), 200, 1),
        (lambda: make_clerk("view_topup", "replay_event"), 200, 2),
        (lambda: make_clerk("view_topup", "settle_top_up"), 200, 12),
        (make_staff, 200, 13),
    ],
    ids=["fan", "clerk without", "clerk who looks", "clerk who replays", "clerk who settles", "superuser"],
)
def test_roles_that_see_the_stuck_page_and_their_steps(client, signed, actor, status, steps):
    for make in KINDS.values():
        make(signed)
    client.force_login(actor())

    response = client.get(STUCK)

    assert response.status_code == status
    if steps is not None:
        assert sum(len(item.steps) for item in response.context["items"]) == steps


def test_steps_need_their_permission_and_a_form(client, signed):
    top_up, event, day = differing(signed), failed_event(signed), differing_day(signed)
    steps = {
        "settle_top_up": [("ask", top_up), ("book", top_up), ("give_back", top_up), ("settle_again", day)],
        "replay_event": [("replay", event)],
    }
    steps["settle_top_up"].append(("explain", day))
    signed.asked.clear()
    for permission, pages in steps.items():
        addresses = [reverse(f"admin:wallet_{name}", args=[row.pk]) for name, row in pages]
        client.force_login(make_clerk("view_topup", "view_settlementday"))
        assert {client.post(address, {"note": "why"}).status_code for address in addresses} == {403}
        client.force_login(make_clerk("view_topup", permission))
        assert {client.get(address).status_code for address in addresses} <= {200, 302}

    assert signed.asked == []
    assert (seen(event).state, seen(top_up).failure, seen(day).note) == ("FAILED", "amount_differs", "")


# --- The steps ---------------------------------------------------------------------------------


def test_asking_the_provider_again_settles_it(client, signed):
    client.force_login(make_staff())
    top_up = late(signed)
    signed.pay(top_up)

    response = client.post(reverse("admin:wallet_ask", args=[top_up.pk]), follow=True)

    assert (seen(top_up).state, balance_of(top_up.user)) == ("SUCCEEDED", 5_000)
    assert "received" in response.content.decode()
    assert codes(client) == []


def test_asking_about_a_withdrawal_settles_it(client, signed):
    client.force_login(make_staff())
    withdrawal = late_withdrawal(signed)
    (item,) = client.get(STUCK).context["items"]

    client.post(item.steps[0].url)

    assert (seen(withdrawal).state, codes(client)) == ("SUCCEEDED", [])


def test_a_provider_that_is_away_is_said(client, signed):
    client.force_login(make_staff())
    top_up = late(signed)
    signed.fails_with = ProviderAway("timeout")

    response = client.post(reverse("admin:wallet_ask", args=[top_up.pk]), follow=True)

    assert "responding: timeout" in response.content.decode()


@pytest.mark.parametrize(("step", "left"), [("book", 4_000), ("give_back", 0)])
def test_booking_and_giving_back_ask_why_and_are_logged(client, signed, step, left):
    client.force_login(make_staff())
    top_up = differing(signed)
    address = reverse(f"admin:wallet_{step}", args=[top_up.pk])

    assert client.get(address).status_code == client.post(address, {"note": ""}).status_code == 200
    assert seen(top_up).failure == "amount_differs"
    assert client.post(address, {"note": "Talked to the fan"}).url == STUCK

    assert (balance_of(top_up.user), codes(client)) == (left, [])
    assert "Talked to the fan" in LogEntry.objects.get().get_change_message()
    again = client.post(address, {"note": "twice"})
    assert "nothing left to do" in again.content.decode()
    assert balance_of(top_up.user) == left


def test_a_message_is_done_again_by_its_button_and_by_the_action(client, signed):
    client.force_login(make_staff())
    one, other = failed_event(signed), failed_event(signed)

    client.post(reverse("admin:wallet_replay", args=[one.pk]))
    client.post("/admin/wallet/providerevent/", {"action": "replay_selected", "_selected_action": [other.pk]})

    assert [(seen(each).state, each.attempts) for each in (one, other)] == [("RECEIVED", 0)] * 2
    assert provider_events.handle_due(Signed.name) == 2
    assert codes(client) == []


def test_who_may_only_look_has_no_action(client, signed):
    event = failed_event(signed)
    client.force_login(make_clerk("view_providerevent"))

    client.post("/admin/wallet/providerevent/", {"action": "replay_selected", "_selected_action": [event.pk]})

    assert seen(event).state == "FAILED"


def test_a_body_is_read_as_text_and_runs_nothing(client, signed):
    client.force_login(make_staff())
    event = failed_event(signed)
    ProviderEvent.objects.create(
        provider="x", event_id="raw", kind="", body=b"\xff\x00<b>", received_at=timezone.now(), state="DONE"
    )

    pages = [
        client.get(reverse("admin:wallet_providerevent_change", args=[each.pk])).content.decode()
        for each in (event, ProviderEvent.objects.latest("pk"))
    ]

    assert "&quot;said&quot;: &quot;&lt;script&gt;alert(1)&lt;/script&gt;&quot;" in pages[0]
    assert "<script>alert(1)" not in pages[0]
    assert "&lt;b&gt;" in pages[1]


# --- Settlements -------------------------------------------------------------------------------


def test_a_day_that_differs_warns_on_the_first_page_until_it_is_explained(client, signed):
    client.force_login(make_staff())
    day = differing_day(signed)
    index = client.get("/admin/")
    assert "settlement_differs" in [each.code for each in index.context["warnings"]]
    assert 'data-stuck="1"' in index.content.decode()

    response = client.post(reverse("admin:wallet_explain", args=[day.pk]), {"note": "Sold at the door"})

    assert (response.url, seen(day).note, codes(client)) == (STUCK, "Sold at the door", [])
    assert "settlement_differs" not in [each.code for each in client.get("/admin/").context["warnings"]]
    page = client.get(reverse("admin:wallet_settlementday_change", args=[day.pk])).content.decode()
    assert "ledger: nothing" in page


def test_a_day_is_compared_again(client, signed):
    client.force_login(make_staff())
    day = differing_day(signed)
    signed.lines.clear()

    client.post(reverse("admin:wallet_settle_again", args=[day.pk]))

    assert (seen(day).difference_count, codes(client)) == (0, [])


def test_a_day_is_exported_line_by_line_and_no_cell_is_a_formula(client, signed):
    client.force_login(make_staff())
    top_up = start_top_up()
    signed.pay(top_up)
    top_ups.settle(top_up, top_ups.look_up(top_up))
    today, at = timezone.localdate(), timezone.now()
    signed.lines[today] = [
        BookLine(reference=top_up.reference, provider_reference="", amount=5_000, currency="KRW", at=at),
        BookLine(reference="=cmd()", provider_reference="+1", amount=900, currency="KRW", at=at),
    ]
    day = settlements.settle_day(Signed.name, today)

    answer = client.get(reverse("admin:wallet_settlement_csv", args=[day.pk]))

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    header, ours, theirs = (line.split(",") for line in answer.content.decode("utf-8-sig").splitlines())
    assert len(header) == len(ours) == len(theirs) == 10
    assert ours[2:8] == [f"top-up {top_up.pk}", top_up.reference, f"pay_{top_up.reference}", "KRW", "5000", "5000"]
    assert (theirs[3:5], theirs[6:8], theirs[9]) == (["'=cmd()", "'+1"], ["", "900"], "True")


# --- The lists ---------------------------------------------------------------------------------


def test_a_list_costs_the_same_for_one_and_for_two(client, signed, django_assert_num_queries):
    client.force_login(make_staff())
    for _ in range(2):
        late_withdrawal(signed), failed_event(signed), differing_day(signed)
        for name in LISTS:
            # The session, the actor, the page, and what waits for a second person; no row is counted.
            with django_assert_num_queries(4):
                assert client.get(f"/admin/wallet/{name}/").status_code == 200


def test_a_list_is_for_who_may_look_and_nobody_changes_a_row(client, signed):
    late_withdrawal(signed), failed_event(signed), differing_day(signed)
    for name, model in LISTS.items():
        address, pk = f"/admin/wallet/{name}/", model.objects.first().pk
        for actor, status in ((make_clerk(), 403), (make_clerk(f"view_{name}"), 200)):
            client.force_login(actor)
            assert client.get(address).status_code == status
        client.force_login(make_staff())

        answers = [client.post(f"{address}{page}").status_code for page in ("add/", f"{pk}/change/", f"{pk}/delete/")]
        assert answers == [403] * 3
        assert client.get(f"{address}{pk}/change/").status_code == 200


@pytest.mark.parametrize("by", ["email", "reference", "provider_reference"])
def test_top_ups_and_withdrawals_are_found_by_address_and_reference(client, signed, by):
    client.force_login(make_staff())
    row = late_withdrawal(signed)
    Withdrawal.objects.update(provider_reference="re_1")
    late_withdrawal(signed)
    for name, wanted in (("topup", row.top_up), ("withdrawal", seen(row))):
        term = wanted.user.email if by == "email" else getattr(wanted, by)
        found = client.get(f"/admin/wallet/{name}/", {"q": f" {term} "}).context["cl"].result_list
        assert [each.pk for each in found] == [wanted.pk]


def test_top_ups_are_filtered_by_state_purpose_and_provider(client, signed):
    client.force_login(make_staff())
    differing(signed)

    for query, found in [
        ({"state__exact": "PENDING"}, 1),
        ({"state__exact": "FAILED"}, 0),
        ({"purpose__exact": "WALLET"}, 1),
        ({"provider": Signed.name}, 1),
        ({"provider": "stripe"}, 0),
    ]:
        assert len(client.get("/admin/wallet/topup/", query).context["cl"].result_list) == found
