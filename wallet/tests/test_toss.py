"""Toss Payments' class against a server that goes wrong: what is known, what isn't, and that nothing moves twice."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from concert_site.lib.rate_limits import LIMITS
from wallet.domain import top_ups
from wallet.providers import toss as toss_module
from wallet.providers.base import ProviderAway, ProviderRefused, ProviderStatus
from wallet.providers.toss import Toss
from wallet.tests.factories import make_fan
from wallet.tests.provider_orders import make_order, make_refund

LOST = ["silence", "hangup", "garbage"]


def paid(toss, server, amount=66_000):
    order = make_order(amount)
    stands = toss.confirm(order, None, server.toss.begin(order.reference, amount))
    assert stands.status == ProviderStatus.SUCCEEDED
    return order, stands.provider_reference


# --- Settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"TOSS_CLIENT_KEY": ""}, ["TOSS_CLIENT_KEY is not set, and Toss Payments takes the money"]),
        ({"TOSS_SECRET_KEY": ""}, ["TOSS_SECRET_KEY is not set, and Toss Payments takes the money"]),
        (
            {"TOSS_CLIENT_KEY": "test_ck_1"},
            ["TOSS_CLIENT_KEY and TOSS_SECRET_KEY are not a pair (test or live, of the widget or not)"],
        ),
        ({"CURRENCY": "USD"}, ["CURRENCY=USD: Toss Payments takes won alone here"]),
    ],
)
def test_settings_that_dont_fit_are_told_by_name(server, settings, changes, said):
    for name, value in changes.items():
        setattr(settings, name, value)

    assert Toss().check() == said


def test_a_key_that_is_refused_is_told_and_not_shown(server, settings):
    settings.TOSS_SECRET_KEY = "test_gsk_mistyped"

    assert Toss().check() == [f"TOSS_SECRET_KEY is refused by {server.url} (UNAUTHORIZED_KEY)"]


def test_toss_that_is_away_keeps_no_process_from_starting(toss, server, settings):
    server.fail("before")
    assert toss.check() == []

    settings.TOSS_API_BASE = "http://127.0.0.1:9"
    assert toss.check() == []


# --- Payments ----------------------------------------------------------------------------------


def test_nothing_is_asked_before_the_fan_has_been_at_the_widget(toss, server):
    order = make_order()

    started = toss.start(order)

    assert (started.provider_reference, started.next_url, started.is_paid, server.asked) == (None, None, False, [])
    assert toss.look_up(order, None).status == ProviderStatus.UNKNOWN


def test_another_currency_is_refused(toss):
    with pytest.raises(ProviderRefused, match="currency_not_taken"):
        toss.start(make_order(currency="USD"))


@pytest.mark.parametrize(("easy", "method"), [("", "Card 123*"), ("카카오페이", "카카오페이")])
def test_what_the_fan_brings_back_is_confirmed_once(toss, server, easy, method):
    order = make_order()
    returned = server.toss.begin(order.reference, 66_000, easy)
    assert toss.look_up(order, None).status == ProviderStatus.OPEN

    first, again = toss.confirm(order, None, returned), toss.confirm(order, None, returned)

    assert first == again == toss.look_up(order, first.provider_reference)
    assert (first.status, first.amount, first.currency, first.method) == (
        ProviderStatus.SUCCEEDED,
        66_000,
        "KRW",
        method,
    )
    assert [line["amount"] for line in server.book()] == [66_000]


@pytest.mark.parametrize("amount", ["1", "x"])
def test_the_amount_in_the_address_changes_nothing(toss, server, amount):
    order = make_order()
    returned = server.toss.begin(order.reference, 66_000)

    stands = toss.confirm(order, None, returned | {"amount": amount, "orderId": "other"})

    assert (stands.status, stands.amount) == (ProviderStatus.SUCCEEDED, 66_000)


def test_a_payment_of_another_amount_is_never_taken(toss, server):
    order = make_order(66_000)
    returned = server.toss.begin(order.reference, 100)

    stands = toss.confirm(order, None, returned)

    assert (stands.status, stands.failure, server.book()) == (ProviderStatus.FAILED, "INVALID_REQUEST", [])


def test_a_payment_of_another_order_is_never_taken(toss, server):
    mine, other = make_order(), make_order()
    returned = server.toss.begin(other.reference, 66_000)

    assert toss.confirm(mine, None, returned).status == ProviderStatus.FAILED
    assert server.book() == []


def test_a_card_that_is_declined_says_why(toss, server):
    order = make_order()
    server.toss.decline("REJECT_CARD_PAYMENT")

    stands = toss.confirm(order, None, server.toss.begin(order.reference, 66_000))

    assert (stands.status, stands.failure) == (ProviderStatus.FAILED, "REJECT_CARD_PAYMENT")


def test_after_a_decline_another_card_may_pay(toss, server):
    order = make_order()
    server.toss.decline()
    toss.confirm(order, None, server.toss.begin(order.reference, 66_000))

    assert toss.confirm(order, None, server.toss.begin(order.reference, 66_000)).status == ProviderStatus.SUCCEEDED
    assert len(server.book()) == 1


def test_two_windows_pay_once(toss, server):
    order = make_order()
    one, other = (server.toss.begin(order.reference, 66_000) for _ in range(2))

    stands = [toss.confirm(order, None, returned) for returned in (one, other)]

    assert [each.status for each in stands] == [ProviderStatus.SUCCEEDED] * 2
    assert len(server.book()) == 1


@pytest.mark.parametrize("kind", LOST)
def test_a_confirmation_whose_answer_was_lost_is_made_once(toss, server, kind):
    order = make_order()
    returned = server.toss.begin(order.reference, 66_000)
    server.fail(kind, "confirm", times=2)
    with pytest.raises(ProviderAway):
        toss.confirm(order, None, returned)

    server.faults.clear()
    assert toss.confirm(order, None, returned).status == ProviderStatus.SUCCEEDED
    assert toss.look_up(order, None).status == ProviderStatus.SUCCEEDED
    assert len(server.book()) == 1


def test_a_confirmation_that_broke_after_it_was_made_is_known_by_asking(toss, server):
    order = make_order()
    returned = server.toss.begin(order.reference, 66_000)
    server.fail("500", "confirm")

    for _ in range(2):
        with pytest.raises(ProviderAway, match="FAILED_INTERNAL_SYSTEM_PROCESSING"):
            toss.confirm(order, None, returned)

    assert toss.look_up(order, None).status == ProviderStatus.SUCCEEDED
    assert len(server.book()) == 1


def test_a_connection_that_was_closed_meanwhile_is_opened_anew(toss, server):
    order = make_order()
    server.fail("hangup", "confirm", times=1)

    assert toss.confirm(order, None, server.toss.begin(order.reference, 66_000)).status == ProviderStatus.SUCCEEDED
    assert len(server.book()) == 1


@pytest.mark.parametrize("kind", ["before", "busy"])
def test_toss_that_is_away_raises_provider_away(toss, server, kind):
    order, key = paid(toss, server)
    server.fail(kind, times=3)

    for ask in (lambda: toss.look_up(order, key), lambda: toss.cancel(order, key)):
        with pytest.raises(ProviderAway):
            ask()
    with pytest.raises(ProviderAway):
        toss.refund(make_refund(order, key, 1_000))


def test_a_key_that_was_revoked_says_nothing_about_the_payment(toss, server):
    order = make_order()
    returned = server.toss.begin(order.reference, 66_000)
    server.toss.secret_key = "test_gsk_rolled"

    with pytest.raises(ProviderAway, match="UNAUTHORIZED_KEY"):
        toss.confirm(order, None, returned)


def test_who_comes_back_too_late_hasnt_paid(toss, server):
    order = make_order()
    returned = server.toss.begin(order.reference, 66_000)
    server.clock_off = 601

    assert toss.confirm(order, None, returned).status == ProviderStatus.EXPIRED
    assert server.book() == []


def test_an_unconfirmed_payment_is_given_up_and_a_confirmed_one_stays(toss, server):
    order = make_order()
    server.toss.begin(order.reference, 66_000)

    assert [toss.cancel(each, None).status for each in (order, make_order())] == [ProviderStatus.FAILED] * 2
    assert toss.cancel(*paid(toss, server)).status == ProviderStatus.SUCCEEDED


# --- Refunds -----------------------------------------------------------------------------------


def test_refunds_add_up(toss, server):
    order, key = paid(toss, server)

    made = [toss.refund(make_refund(order, key, amount)) for amount in (6_000, 60_000)]

    assert [each.status for each in made] == [ProviderStatus.SUCCEEDED] * 2
    stands = toss.look_up(order, key)
    assert (stands.status, stands.amount, stands.refunded) == (ProviderStatus.SUCCEEDED, 66_000, 66_000)


@pytest.mark.parametrize("kind", [*LOST, "500"])
def test_a_refund_whose_answer_was_lost_is_made_once(toss, server, kind):
    order, key = paid(toss, server)
    wanted = make_refund(order, key, 6_000)
    server.fail(kind, "/cancel", times=2)
    with pytest.raises(ProviderAway):
        toss.refund(wanted)
    server.faults.clear()

    made = toss.refund(wanted)

    assert made == toss.look_up_refund(wanted, None)
    assert (made.status, [line["amount"] for line in server.book()]) == (ProviderStatus.SUCCEEDED, [66_000, -6_000])


def test_a_refund_is_made_once_when_the_key_is_forgotten(toss, server):
    order, key = paid(toss, server)
    wanted = make_refund(order, key, 6_000)
    first = toss.refund(wanted)
    server.toss.keys.given.clear()

    assert toss.refund(wanted) == first
    assert len(server.book()) == 2


def test_a_refund_that_takes_its_time_is_open_until_it_is_made(toss, server):
    order, key = paid(toss, server)
    server.toss.is_refund_slow = True
    wanted = make_refund(order, key, 6_000)
    assert toss.refund(wanted).status == ProviderStatus.OPEN

    server.toss.finish_refund(wanted.reference)

    assert toss.look_up_refund(wanted, None).status == ProviderStatus.SUCCEEDED


def test_a_refund_to_a_closed_card_fails_and_moves_nothing(toss, server):
    order, key = paid(toss, server)
    server.toss.close_card(order.reference)

    made = toss.refund(make_refund(order, key, 6_000))

    assert (made.status, made.failure) == (ProviderStatus.FAILED, "NOT_CANCELABLE_PAYMENT")
    assert len(server.book()) == 1
    assert toss.look_up_refund(make_refund(order, key, 6_000), None).status == ProviderStatus.UNKNOWN


def test_more_than_was_paid_isnt_given_back(toss, server):
    order, key = paid(toss, server)
    toss.refund(make_refund(order, key, 60_000))

    assert toss.refund(make_refund(order, key, 6_001)).failure == "NOT_CANCELABLE_AMOUNT"


def test_a_long_reason_is_cut_and_the_reference_stays(toss, server):
    order, key = paid(toss, server)
    wanted = make_refund(order, key, 1_000)
    long = type(wanted)(**{name: getattr(wanted, name) for name in wanted.__slots__} | {"reason": "x" * 500})

    toss.refund(long)

    (made,) = server.toss.payments[key]["cancels"]
    assert (len(made["cancelReason"]), toss.look_up_refund(wanted, None).status) == (200, ProviderStatus.SUCCEEDED)


# --- Webhooks ----------------------------------------------------------------------------------


@pytest.fixture
def top_up(toss, server, settings):
    """One under way by Toss Payments that the fan has paid."""
    settings.WALLET_PROVIDER = "toss"
    begun = top_ups.start(top_ups.TopUpRequest(user_id=make_fan().pk, amount=66_000)).top_up
    toss.confirm(top_ups.order_of(begun), None, server.toss.begin(begun.reference, 66_000))
    return begun


@pytest.mark.django_db(transaction=True)
def test_a_webhook_is_a_reason_to_ask_about_our_order(toss, server, top_up):
    headers, body = server.toss.webhook()

    said, again = toss.parse_webhook(headers, body), toss.parse_webhook({}, body)

    assert (said.kind, said.reference) == ("PAYMENT_STATUS_CHANGED", top_up.reference)
    assert said == again


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("reference", ["another-shop-1", "", "\0", None, ["x"]])
def test_a_webhook_about_somebody_elses_order_is_refused(toss, server, top_up, reference):
    event = server.toss.events[-1]
    event["data"]["orderId"] = reference

    with pytest.raises(ProviderRefused, match="not_ours"):
        toss.parse_webhook(*server.toss.webhook(event))


@pytest.mark.django_db(transaction=True)
def test_of_one_order_no_more_webhooks_are_taken_than_anybody_needs(toss, server, settings, monkeypatch, top_up):
    settings.THROTTLE = True
    monkeypatch.setitem(LIMITS, "webhook", 2)
    monkeypatch.setattr("concert_site.lib.rate_limits.WINDOW_SECONDS", 86_400)  # so that none ends in the middle
    headers, body = server.toss.webhook()

    for number in range(2):
        toss.parse_webhook(headers, body + b" " * number)
    with pytest.raises(ProviderRefused, match="too_many"):
        toss.parse_webhook(headers, body + b" " * 3)


def test_a_house_without_keys_takes_no_webhooks(toss, server, settings):
    server.toss.tell({"orderId": "x"})
    settings.TOSS_SECRET_KEY = ""

    with pytest.raises(ProviderRefused, match="not_configured"):
        toss.parse_webhook(*server.toss.webhook())


@pytest.mark.parametrize("off", [timedelta(days=-4, minutes=-1), timedelta(minutes=6)])
def test_a_webhook_of_another_time_is_refused(toss, server, off):
    server.clock_off = off.total_seconds()
    server.toss.tell({})

    with pytest.raises(ProviderRefused, match="too_old"):
        toss.parse_webhook(*server.toss.webhook())


@pytest.mark.parametrize("said", [{}, [], "x", 1, {"createdAt": "soon", "eventType": "x", "data": {}}])
def test_a_webhook_that_cant_be_read_is_refused(toss, server, said):
    with pytest.raises(ProviderRefused, match="unreadable"):
        toss.parse_webhook(*server.toss.webhook(said))


# --- The book ----------------------------------------------------------------------------------


def test_the_book_of_a_day_is_the_servers(toss, server, monkeypatch):
    monkeypatch.setattr(toss_module, "PAGE", 2)
    orders = [paid(toss, server, amount) for amount in (1_000, 2_000, 3_000)]
    refund = toss.refund(make_refund(*orders[0], 400))
    today = timezone.localdate()

    book = toss.book_of(today)

    assert [line.amount for line in book] == [line["amount"] for line in server.book()]
    payments = [(line.reference, line.provider_reference) for line in book if line.amount > 0]
    assert payments == [(order.reference, key) for order, key in orders]
    assert [line.provider_reference for line in book if line.amount < 0] == [refund.provider_reference]
    assert toss.book_of(today - timedelta(days=1)) == []


@pytest.mark.parametrize(("zone", "days"), [("Asia/Seoul", [0, 1]), ("Asia/Tokyo", [0, 1]), ("UTC", [0, 0])])
def test_a_day_is_the_venues_and_not_koreas(toss, server, settings, zone, days):
    settings.TIME_ZONE = zone
    day = datetime(2026, 11, 28, tzinfo=toss_module.ZONE)
    for at in (day + timedelta(hours=9), day + timedelta(hours=24)):
        server.clock_off = (at - timezone.now()).total_seconds()
        paid(toss, server, 1_000)

    found = [nth for nth in (0, 1) for _ in toss.book_of((day + timedelta(days=nth)).date())]

    assert found == days


def test_a_book_that_breaks_off_isnt_given_in_part(toss, server):
    paid(toss, server)
    server.fail("garbage", "transactions")

    with pytest.raises(ProviderAway):
        toss.book_of(timezone.localdate())


# --- What comes back ---------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds_left", "is_taken"), [(60, True), (-1, False)])
def test_what_comes_back_after_its_seats_are_let_go_is_not_taken(toss, server, settings, seconds_left, is_taken):
    settings.WALLET_PROVIDER = "toss"
    begun = top_ups.start(
        top_ups.TopUpRequest(
            user_id=make_fan().pk,
            amount=66_000,
            reservations=(1,),
            expires_at=timezone.now() + timedelta(seconds=seconds_left),
        )
    ).top_up

    returned = server.toss.begin(begun.reference, 66_000)

    assert (top_ups.confirm(begun, returned).status == ProviderStatus.SUCCEEDED) == is_taken
    assert bool(server.book()) == is_taken
