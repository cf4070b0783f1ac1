"""The mails of payments and refunds, over SMTP to a real server."""

import io
import threading
from datetime import timedelta
from functools import partial
from importlib import import_module

import pytest
import zxingcpp
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from PIL import Image

from concert_site.accounts.models import User
from concert_site.accounts.tests.concurrency import at_once
from concert_site.lib import formats
from concert_site.lib.redis import client as redis_client
from concert_site.lib.task_runs import single_run
from concert_site.tests.committed import committed
from payments.domain import mail_sending, refunds
from payments.models import Payment
from payments.queries.mails import CANCELED, CONFIRMED, owed_mails, payments_of_mail
from payments.tasks import send_mails
from payments.tests.mail_server import MailServer, listening
from payments.tests.scenes import buy, make_fan, make_paid, pay
from reservations.tests.factories import make_concert
from reservations.tests.scenes import CONCERT_AT, NOW, hold, in_order, make_sale
from reservations.tickets.codes import read_ticket

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_waits():
    forget_waits()


def forget_waits():
    """As if the time of every wait were over."""
    for key in redis_client().scan_iter("*mails:*"):
        redis_client().delete(key)


def cancel(payment, now=NOW):
    refunds.cancel(user_id=payment.user_id, reservation_id=payment.reservation_id, now=now)


def send(now=NOW):
    return mail_sending.send_owed(now=now)


def parts(letter):
    """The mail's text, its HTML, and its pictures by Content-ID."""
    pictures = {part["Content-ID"]: part for part in letter.walk() if part.get_content_maintype() == "image"}
    text, html = (letter.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("plain", "html"))
    return text, html, pictures


def mailed():
    """Which payments were mailed: whether of the payment, whether of the refund."""
    rows = Payment.objects.order_by("pk").values_list("confirmed_mail_at", "canceled_mail_at")
    return [(bool(confirmed), bool(canceled)) for confirmed, canceled in rows]


# --- What a fan reads --------------------------------------------------------------------------


def test_seats_paid_together_are_one_mail_with_a_ticket_each(mail_server):
    fan, sale = make_fan(balance=150_000, email="fan@example.com", name="Ada"), make_sale()
    paid = buy(fan, sale, 0, 1)

    assert send() == 1

    (letter,) = mail_server.accepted
    text, html, pictures = parts(letter)
    reference = paid[0].reservation.booking_reference
    assert letter["To"] == "fan@example.com"
    assert letter["Subject"].startswith(f"Your tickets: {paid[0].reservation.concert_name}, ")
    for body in (text, html):
        assert "Hello Ada," in body
        assert "Your 2 seats are booked and paid." in body
        assert "A, row 1, seat A-1-1" in body
        assert "A, row 1, seat A-1-2" in body
        assert "₩100,000" in body
        assert reference in body
        assert "https://tickets.example.com/" in body
        assert formats.clock(CONCERT_AT) in body
    assert [f"<ticket-{each.reservation_id}@frontrow>" for each in paid] == list(pictures)
    for payment in paid:
        assert f'src="cid:ticket-{payment.reservation_id}@frontrow"' in html
        (found,) = zxingcpp.read_barcodes(
            Image.open(io.BytesIO(pictures[f"<ticket-{payment.reservation_id}@frontrow>"].get_content()))
        )
        assert read_ticket(found.text).payment == payment.pk
    assert mailed() == [(True, False)] * 2


def test_a_mail_has_its_text_its_html_and_the_pictures_that_belong_to_them(mail_server):
    make_paid()

    send()

    (letter,) = mail_server.accepted
    kinds = [part.get_content_type() for part in letter.walk()]
    assert kinds == ["multipart/related", "multipart/alternative", "text/plain", "text/html", "image/png"]
    assert letter["Auto-Submitted"] == "auto-generated"


def test_a_refund_says_what_came_back_and_what_was_kept(mail_server):
    payment = make_paid(price=50_000)
    send()

    cancel(payment, now=CONCERT_AT - timedelta(days=5))

    assert send() == 1
    text, html, pictures = parts(mail_server.accepted[1])
    assert mail_server.accepted[1]["Subject"].startswith("Canceled and refunded: ")
    assert "Cancellation fee: ₩10,000\nRefunded to your wallet: ₩40,000" in text
    assert all(amount in html for amount in ("₩50,000", "₩10,000", "₩40,000"))
    assert "https://tickets.example.com/" in html
    assert pictures == {}
    assert mailed() == [(True, True)]


def test_what_was_refunded_before_its_mail_is_told_once(mail_server):
    payment = make_paid()
    cancel(payment)

    assert send() == 1

    assert [letter["Subject"].split(":")[0] for letter in mail_server.accepted] == ["Canceled and refunded"]
    assert mailed() == [(True, True)]
    assert send() == 0


def test_what_was_never_paid_is_not_mailed(mail_server):
    fan = make_fan()
    (held,) = in_order(hold(fan, make_sale(), 0))
    refunds.cancel(user_id=fan.pk, reservation_id=held, now=NOW)

    assert send() == 0
    assert mail_server.asked == []


def test_each_booking_and_each_fan_has_a_mail_of_its_own(mail_server):
    one, other, sale = make_fan(balance=200_000), make_fan(balance=200_000), make_sale()
    buy(one, sale, 0)
    (late,) = in_order(hold(one, sale, 1))
    pay(one, late)
    buy(other, sale, 2)

    assert send() == 3
    assert sorted(mail_server.addressees()) == sorted([one.email, one.email, other.email])


@pytest.mark.parametrize(("chosen", "spoken"), [("ko", "ko"), ("en", "en"), ("ko-KR", "ko"), ("", "en"), ("xx", "en")])
def test_a_mail_speaks_the_language_of_the_fan(mail_server, chosen, spoken):
    payment = make_paid()
    User.objects.filter(pk=payment.user_id).update(locale=chosen)

    send()
    cancel(payment)
    send()

    with override(spoken):
        when = " ".join(formats.day_and_time(CONCERT_AT).split())
    for letter in mail_server.accepted:
        assert letter["Subject"].endswith(f", {when}")
        assert f'<html lang="{spoken}">' in parts(letter)[1]


def test_names_can_break_neither_headers_nor_html(mail_server):
    name = 'Evil\r\nBcc: all@example.com\u2028<script>alert(1)</script> & "x"'
    sale = make_sale(concert=make_concert(name=name))
    fan = make_fan(balance=50_000, name="<b>Bob</b>\r\nX-Evil: 1")
    buy(fan, sale, 0)

    assert send() == 1

    (letter,) = mail_server.accepted
    text, html, _ = parts(letter)
    assert letter["Bcc"] is None
    assert letter["X-Evil"] is None
    assert mail_server.asked == [fan.email]
    assert letter["Subject"].startswith('Your ticket: Evil Bcc: all@example.com <script>alert(1)</script> & "x", ')
    assert "<script" not in html
    assert "<b>Bob" not in html
    assert "<script>alert(1)</script> & " in text


def test_a_mail_that_is_sent_again_has_the_same_name(mail_server):
    payment = make_paid()
    send()
    Payment.objects.update(confirmed_mail_at=None)
    send()
    cancel(payment)
    send()

    first, again, canceled = (letter["Message-ID"] for letter in mail_server.accepted)
    assert first == again != canceled


# --- What goes wrong ---------------------------------------------------------------------------


def test_a_server_that_is_away_marks_nothing_and_is_one_line(mail_port, caplog):
    payment = make_paid()
    make_paid()

    assert send() == 0

    assert mailed() == [(False, False)] * 2
    (line,) = caplog.records
    assert line.levelname == "WARNING"
    assert line.getMessage().startswith("Mails wait, the mail server is away: ")
    with listening(MailServer(), mail_port) as mail_server:
        # It is left alone for a while, and so is the log.
        assert send() == 0
        assert len(caplog.records) == 1
        forget_waits()
        assert send() == 2
    assert payment.user.email in mail_server.addressees()


def test_an_address_that_is_refused_keeps_nobody_else_from_their_mail(mail_server, caplog):
    gone, other = make_paid(), make_paid()
    mail_server.refusals[gone.user.email] = "550 no such mailbox"

    assert send() == 1
    assert send() == 0

    assert mail_server.addressees() == [other.user.email]
    assert mail_server.asked == [gone.user.email, other.user.email]
    assert mailed() == [(False, False), (True, False)]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no such mailbox" in caplog.text


@pytest.mark.parametrize(
    ("owed_for", "waits"), [(timedelta(), 60), (7 * MINUTE, 420), (50 * MINUTE, 3000), (5 * 60 * MINUTE, 3600)]
)
def test_a_refused_mail_waits_as_long_again_as_it_has(mail_server, owed_for, waits):
    gone = make_paid()
    mail_server.refusals[gone.user.email] = "450 mailbox full"

    send(now=NOW + owed_for)

    (key,) = redis_client().scan_iter("{mails:waiting}:*")
    assert waits - 5 <= redis_client().ttl(key) <= waits


def test_a_refused_mail_comes_once_its_wait_is_over(mail_server):
    gone = make_paid()
    mail_server.refusals[gone.user.email] = "450 mailbox full"
    send()
    mail_server.refusals.clear()
    forget_waits()

    assert send() == 1
    assert mail_server.addressees() == [gone.user.email]


def test_a_mail_that_is_refused_for_a_day_is_given_up_with_a_line(mail_server, caplog):
    gone = make_paid()
    mail_server.refusals[gone.user.email] = "550 no such mailbox"

    assert send(now=NOW + DAY) == 0

    assert mailed() == [(True, False)]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert f"confirmed:{gone.user_id}:" in caplog.text
    assert "given up" in caplog.text


def test_a_mail_whose_content_is_refused_waits_alone(mail_server):
    first, other = make_paid(), make_paid()
    answers = iter(["554 looks like spam", "250 OK"])
    mail_server.answer = lambda: next(answers)

    assert send() == 1

    assert mail_server.addressees() == [other.user.email]
    assert mailed() == [(False, False), (True, False)]
    assert mail_server.asked == [first.user.email, other.user.email]


def test_a_server_that_says_goodbye_at_one_mail_hears_another_first_next_time(mail_server, caplog):
    poison, other = make_paid(), make_paid()
    mail_server.refusals[poison.user.email] = "421 closing"

    assert send() == 0
    assert mailed() == [(False, False)] * 2
    redis_client().delete(mail_sending.SERVER_BACKOFF_KEY)

    assert send() == 1
    assert mail_server.addressees() == [other.user.email]


def test_a_mail_that_cannot_be_written_keeps_nobody_else_from_theirs(mail_server, caplog, settings, monkeypatch):
    odd, other = make_paid(), make_paid()
    User.objects.filter(pk=odd.user_id).update(email="a\r\nbcc: x@example.com")

    assert send() == 1

    assert mail_server.addressees() == [other.user.email]
    assert mailed() == [(False, False), (True, False)]


def test_old_refused_mails_do_not_hide_new_ones(mail_server, monkeypatch):
    """More refused mails than one look at the index reads."""
    monkeypatch.setattr("payments.queries.mails.BATCH", 2)
    gone = [make_paid() for _ in range(5)]
    mail_server.refusals.update({each.user.email: "550 no" for each in gone})
    send()
    late = make_paid()

    assert send() == 1
    assert mail_server.addressees() == [late.user.email]


def test_a_run_ends_and_the_next_goes_on(mail_server, monkeypatch):
    monkeypatch.setattr(mail_sending, "MOST_AT_ONCE", 2)
    for _ in range(3):
        make_paid()

    assert [send(), send(), send()] == [2, 1, 0]


# --- Two at once, and a crash between ----------------------------------------------------------


def send_twice_at_once(mail_server):
    """Two workers who found the same mail; the first is still talking to the server when the second begins."""
    make_paid()
    (owed,) = owed_mails(CONFIRMED)
    both = threading.Barrier(2)

    def talk():
        # Where only one gets here, it waits for nobody for long.
        try:
            both.wait(timeout=0.5)
        except threading.BrokenBarrierError:
            both.reset()
        return "250 OK"

    mail_server.answer = talk

    def worker():
        with mail_sending.server() as backend:
            return mail_sending.send(owed, backend, now=NOW)

    return at_once([worker, worker])


@committed
def test_two_workers_at_once_send_one_mail(mail_server):
    assert sorted(send_twice_at_once(mail_server)) == [False, True]
    assert len(mail_server.accepted) == 1


@committed
def test_control_without_the_claim_both_send_it(mail_server, monkeypatch):
    monkeypatch.setattr(mail_sending, "claim", lambda owed: True)

    send_twice_at_once(mail_server)

    assert len(mail_server.accepted) == 2


@committed
def test_runs_at_once_send_each_mail_once(mail_server):
    for _ in range(12):
        make_paid()

    at_once([partial(send), partial(send), partial(send)])

    assert len(mail_server.accepted) == 12
    assert len(set(mail_server.addressees())) == 12
    assert mailed() == [(True, False)] * 12


@committed
def test_a_crash_after_the_server_accepted_sends_it_again_and_never_none(mail_server, monkeypatch):
    make_paid()

    def die(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(mail_sending, "mark_sent", die)
        with pytest.raises(KeyboardInterrupt):
            send()
    assert mailed() == [(False, False)]

    assert send() == 1
    assert len(mail_server.accepted) == 2
    assert mailed() == [(True, False)]


@committed
def test_a_refund_does_not_wait_for_the_mail_server(mail_server):
    """And what was refunded while its confirmation was under way gets both mails."""
    payment = make_paid()
    canceled = []
    mail_server.answer = lambda: "250 OK" if canceled else cancel_meanwhile()

    def cancel_meanwhile():
        (answer,) = at_once([partial(cancel, payment)])
        canceled.append(answer)
        return "250 OK"

    assert send() == 2
    assert canceled == [None]
    assert [letter["Subject"].split(":")[0] for letter in mail_server.accepted] == [
        "Your ticket",
        "Canceled and refunded",
    ]
    assert mailed() == [(True, True)]


# --- Beat, and what was there before -----------------------------------------------------------


def test_the_task_sends_what_is_owed_and_is_alone(mail_server):
    payment = make_paid()
    with single_run("payments.send_mails"):
        send_mails()
    assert mail_server.accepted == []

    send_mails()
    assert mail_server.addressees() == [payment.user.email]


def test_without_anything_owed_no_server_is_asked(mail_port, caplog):
    assert send() == 0
    assert caplog.records == []


def test_payments_from_before_the_mails_count_as_mailed(mail_server):
    migration = import_module("payments.migrations.0005_mails_of_the_past")
    paid, refunded = make_paid(), make_paid()
    cancel(refunded, now=NOW + MINUTE)

    migration.count_as_mailed(apps, connection.schema_editor())

    paid.refresh_from_db()
    refunded.refresh_from_db()
    assert (paid.confirmed_mail_at, paid.canceled_mail_at) == (NOW, None)
    assert (refunded.confirmed_mail_at, refunded.canceled_mail_at) == (NOW, NOW + MINUTE)
    assert send() == 0


@pytest.mark.parametrize("seats", [1, 3])
def test_a_mail_costs_four_statements_whatever_its_seats(mail_server, seats):
    fan = make_fan(balance=150_000)
    buy(fan, make_sale(), *range(seats))
    (owed,) = owed_mails(CONFIRMED)

    with mail_sending.server() as backend, CaptureQueriesContext(connection) as queries:
        mail_sending.send(owed, backend, now=NOW)

    told = [query["sql"].split()[0].lower() for query in queries if "savepoint" not in query["sql"].lower()]
    assert told == ["select", "select", "select", "update"]


def test_how_long_it_is_owed_is_by_the_databases_clock():
    payment = make_paid()
    Payment.objects.update(created_at=timezone.now() - DAY)
    (owed,) = owed_mails(CONFIRMED)

    (found,) = payments_of_mail(owed)

    assert found == payment
    assert DAY <= found.owed_for < DAY + MINUTE
    assert list(owed_mails(CANCELED)) == []
