"""Pages on which staff move a date, cancel it, and write to its ticket holders."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.urls import reverse
from django.utils.timezone import localtime, now

from concert_site.accounts.tests.factories import make_clerk, make_staff
from concert_site.tests.unchanged import nothing_changed
from payments.domain import mail_sending, refund_work
from payments.models import Payment, RefundRun
from payments.tests.scenes import buy, make_fan
from reservations.models import Announcement, ConcertSchedule
from reservations.tests.scenes import CONCERT_AT, make_sale

pytestmark = pytest.mark.django_db

KEY = "5b0f3b5e-8f0f-4b34-9d46-8a0d3c1f2a11"
WHY = {"reason_ko": "태풍", "reason_en": "Typhoon", "key": KEY}


@pytest.fixture
def sale():
    """Two tickets of one fan."""
    sale, fan = make_sale(), make_fan(balance=100_000)
    buy(fan, sale, 0)
    buy(fan, sale, 1)
    return sale


@pytest.fixture
def staff(client):
    client.force_login(make_staff())
    return client


def date_url(name, sale, *more):
    return reverse(f"admin:reservations_concertschedule_{name}", args=[sale.pk, *more])


def cancel_url(sale, name="cancel_date"):
    return reverse(f"admin:payments_{name}", args=[sale.pk])


def moving(to, **more):
    local = localtime(to)
    return WHY | {
        "seen": CONCERT_AT.isoformat(),
        "concert_at_0": f"{local:%Y-%m-%d}",
        "concert_at_1": f"{local:%H:%M}",
        "free_days": "14",
        **more,
    }


# --- Moving --------------------------------------------------------------------------------------


def test_moving_asks_says_whom_it_touches_and_does_it_once(staff, sale):
    to = CONCERT_AT + timedelta(days=20)

    with nothing_changed():
        asked = staff.post(date_url("move", sale), moving(to)).content.decode()
    done = staff.post(date_url("move", sale), moving(to, confirmed="on"), follow=True).content.decode()
    again = staff.post(date_url("move", sale), moving(to, confirmed="on"), follow=True).content.decode()

    assert "Tickets: 2, fans: 1, paid: ₩100,000" in asked
    assert "→" in asked
    assert 0 < done.index("Moved from") < done.index("1 mail is being sent.")
    assert "This was done already." in again
    assert ConcertSchedule.objects.get(pk=sale.pk).concert_at == to
    assert Announcement.objects.get().recipients.count() == 1
    (logged,) = LogEntry.objects.values_list("change_message", flat=True)
    assert logged.startswith("Moved from Sat, May 31, 2031")


def test_what_is_wrong_comes_back_at_its_field_with_what_was_typed(staff, sale):
    with nothing_changed():
        page = staff.post(date_url("move", sale), moving(CONCERT_AT)).content.decode()

    assert "It is played at this time already." in page
    assert 'value="태풍"' in page


def test_on_second_thoughts_the_form_is_as_it_was_typed(staff, sale):
    with nothing_changed():
        page = staff.post(date_url("move", sale), moving(CONCERT_AT, edit="on", confirmed="on")).content.decode()

    assert 'value="태풍"' in page


# --- Canceling -----------------------------------------------------------------------------------


def test_canceling_asks_does_it_and_shows_how_far_it_is(staff, sale):
    sent = WHY | {"refund_to": "wallet"}

    with nothing_changed():
        asked = staff.post(cancel_url(sale), sent).content.decode()
    done = staff.post(cancel_url(sale), sent | {"confirmed": "on"}, follow=True).content.decode()
    part = staff.get(cancel_url(sale, "date_refunds")).content.decode()
    refund_work.process_due()
    over = staff.get(cancel_url(sale, "date_refunds")).content.decode()

    assert "Tickets: 2, fans: 1, paid: ₩100,000" in asked
    assert "can’t be undone" in asked
    assert "Refunding: 0 of 2 tickets" in done
    assert "Refunding: 0 of 2 tickets" in part
    assert "data-going" in part
    assert "Done: 2 tickets refunded, ₩100,000." in over
    assert set(Payment.objects.values_list("state", flat=True)) == {"CANCELED"}
    assert "Canceled the date: Typhoon" in LogEntry.objects.values_list("change_message", flat=True)


def test_a_canceled_date_offers_neither_move_nor_refund_nor_another_cancellation(staff, sale):
    staff.post(cancel_url(sale), WHY | {"refund_to": "wallet", "confirmed": "on"})

    page = staff.get(date_url("change", sale)).content.decode()
    with nothing_changed():
        staff.post(cancel_url(sale), WHY | {"refund_to": "wallet", "confirmed": "on"})
        staff.post(reverse("admin:payments_refund_schedule", args=[sale.pk]), {"fee": "1", "note": "x"})

    refunding = reverse("admin:payments_refund_schedule", args=[sale.pk])
    for address in (cancel_url(sale), date_url("move", sale), refunding):
        assert f'href="{address}"' not in page


def test_what_failed_is_named_and_tried_again(staff, sale):
    staff.post(cancel_url(sale), WHY | {"refund_to": "wallet", "confirmed": "on"})
    first = Payment.objects.order_by("pk").first()
    rest = now() + timedelta(minutes=10)
    RefundRun.objects.update(refused={str(first.reservation_id): "balance_too_large"}, leased_until=rest)

    page = staff.get(cancel_url(sale, "date_refunds")).content.decode()
    staff.post(cancel_url(sale, "retry_date_refunds"))

    assert first.user.email in page
    assert RefundRun.objects.get().leased_until is None


# --- Writing to all --------------------------------------------------------------------------------


def test_a_message_is_previewed_and_sent_once(staff, sale):
    sent = {"key": KEY, "subject_ko": "안내", "body_ko": "주차장이 닫힙니다.", "subject_en": "", "body_en": ""}

    with nothing_changed():
        preview = staff.post(date_url("message", sale), sent).content.decode()
    done = staff.post(date_url("message", sale), sent | {"confirmed": "on"}, follow=True).content.decode()
    staff.post(date_url("message", sale), sent | {"confirmed": "on"})

    assert "Send to 1 fan" in preview
    assert "주차장이 닫힙니다." in preview
    assert "0 of 1 sent" in done
    assert Announcement.objects.count() == 1
    mail.outbox.clear()
    mail_sending.send_owed()
    (letter,) = [each for each in mail.outbox if each.subject == "안내"]
    for text in (letter.body, letter.alternatives[0].content):
        assert "주차장이 닫힙니다." in text
        assert sale.schedule.concert.name in text


# --- Who may ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rights", [(), ("view_concertschedule", "change_concertschedule", "refund_payment")])
def test_steps_of_a_date_need_their_permission(client, sale, rights):
    client.force_login(make_clerk(*rights))
    sent = WHY | {"refund_to": "wallet", "confirmed": "on"}

    with nothing_changed():
        answers = [
            client.post(cancel_url(sale), sent),
            client.post(cancel_url(sale, "retry_date_refunds")),
            client.post(date_url("move", sale), moving(CONCERT_AT + timedelta(days=1), confirmed="on")),
            client.post(date_url("message", sale), {"key": KEY, "subject_ko": "a", "body_ko": "b", "confirmed": "on"}),
        ]

    assert {answer.status_code for answer in answers} == {403}


def test_the_page_of_a_canceled_date_takes_few_queries(staff, sale, django_assert_max_num_queries):
    staff.post(cancel_url(sale), WHY | {"refund_to": "wallet", "confirmed": "on"})
    staff.get(date_url("change", sale))

    with django_assert_max_num_queries(22):
        staff.get(date_url("change", sale))
