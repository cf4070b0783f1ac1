"""Canceling a date: nobody can book it any more, and everybody is refunded once, whoever dies on the way."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext

from concert_site.accounts.tests.factories import make_clerk, make_staff
from concert_site.approvals import deciding
from concert_site.approvals.errors import ApprovalRequired
from concert_site.approvals.models import Approval
from concert_site.lib.errors import Conflict, Invalid, NotFound
from concert_site.tests.audited import broken_invariants
from concert_site.tests.committed import committed
from concert_site.tests.unchanged import nothing_changed
from payments.domain import card_refunds, mail_sending, refund_runs, refund_work, refunds, schedule_refunds
from payments.domain.date_cancellation import DateCancellation, cancel_date, describe
from payments.models import Payment, RefundRun, RefundTo
from payments.queries import is_valid_ticket
from payments.tests.scenes import buy, ledger_of, make_fan, pay
from queueing.domain.errors import SaleClosed
from reservations.domain.date_changes import ChangeReason
from reservations.models import ConcertSchedule, Reservation
from reservations.queries.booking_summaries import booking_summary
from reservations.tests.scenes import NOW, hold, hold_with, in_order, let_in, make_sale
from reservations.tests.test_date_changes import move
from wallet.domain.errors import BalanceTooLarge
from wallet.tests.factories import balance_of

pytestmark = pytest.mark.django_db

WHY = ChangeReason(ko="출연자 사정으로 취소되었습니다.", en="The orchestra can’t travel.")


def cancel(sale, *, reason=WHY, refund_to=RefundTo.WALLET, actor=None):
    order = DateCancellation(sale.pk, reason, refund_to)
    return cancel_date(order, actor_id=(actor or make_staff()).pk, now=NOW)


def refund_all(run):
    """Work until it is over."""
    while refund_work.process_run(run.pk, now=NOW) == "more":
        pass
    return RefundRun.objects.get(pk=run.pk)


def test_canceling_ends_the_sale_and_refunds_everybody_in_full():
    sale, fan, other, holder = make_sale(), make_fan(balance=100_000), make_fan(balance=50_000), make_fan()
    buy(fan, sale, 0)
    buy(fan, sale, 1)
    buy(other, sale, 2)
    hold(holder, sale, 3)

    run = cancel(sale)
    done = refund_all(run)

    assert done.ended_at is not None
    assert (done.paid, done.amount, done.held, done.refused) == (3, 150_000, 1, {})
    assert (balance_of(fan), balance_of(other)) == (100_000, 50_000)
    assert set(Payment.objects.values_list("state", "refund_fee")) == {("CANCELED", 0)}
    assert set(Reservation.objects.values_list("status", flat=True)) == {"CANCELED"}
    progress = refund_work.progress_of(done)
    assert (progress.refunded, progress.amount, progress.left, progress.held) == (3, 150_000, 0, 0)
    assert (progress.mails_owed, progress.is_over, progress.is_stuck) == (2, True, False)
    assert not broken_invariants()


def test_the_ledger_says_why_in_the_language_of_the_fan():
    sale, fan = make_sale(), make_fan(balance=50_000, locale="en")
    buy(fan, sale, 0)

    refund_all(cancel(sale))

    entry = fan.balancehistory_set.get(kind="REFUND")
    assert entry.note == "The orchestra can’t travel."


def test_nobody_holds_a_seat_of_a_canceled_date():
    sale, fan = make_sale(), make_fan()
    token = let_in(fan, sale)
    cancel(sale)

    with pytest.raises(SaleClosed), nothing_changed():
        hold_with(token, fan, sale, 0)


def test_a_ticket_is_void_at_once():
    sale, fan = make_sale(), make_fan(balance=50_000)
    (paid,) = buy(fan, sale, 0)
    assert is_valid_ticket(reservation_id=paid.reservation_id, payment_id=paid.pk)

    cancel(sale)

    assert not is_valid_ticket(reservation_id=paid.reservation_id, payment_id=paid.pk)
    assert booking_summary(paid.reservation.booking_reference, user_id=fan.pk, now=NOW).is_date_canceled


@pytest.mark.parametrize("reason", [ChangeReason(), ChangeReason(ko="x" * 501)])
def test_without_a_reason_nothing_is_canceled(reason):
    sale, actor = make_sale(), make_staff()

    with pytest.raises(Invalid), nothing_changed():
        cancel(sale, reason=reason, actor=actor)


def test_it_is_canceled_once_and_never_moved_again():
    sale, actor = make_sale(), make_staff()
    cancel(sale)

    with pytest.raises(Conflict), nothing_changed():
        cancel(sale, actor=actor)
    with pytest.raises(Conflict), nothing_changed():
        move(sale, actor=actor)


def test_a_date_that_is_not_there_is_not_canceled():
    with pytest.raises(NotFound):
        cancel_date(DateCancellation(10**12, WHY, RefundTo.WALLET), actor_id=make_staff().pk)


def test_above_the_ceiling_a_second_person_confirms_it(settings):
    settings.STAFF_CEILING = 40_000
    sale, fan, clerk = make_sale(), make_fan(balance=50_000), make_clerk("change_date")
    buy(fan, sale, 0)

    with pytest.raises(ApprovalRequired):
        cancel(sale, actor=clerk)

    assert ConcertSchedule.objects.get(pk=sale.pk).canceled_at is None
    assert not RefundRun.objects.exists()
    asked = Approval.objects.get()
    *_, (what, why) = describe(asked)
    assert (str(what), why) == (gettext("Reason"), f"{WHY.ko} / {WHY.en}")

    deciding.confirm(approval_id=asked.pk, actor_id=make_staff().pk)
    # As after a death between doing it and noting that it is done.
    Approval.objects.filter(pk=asked.pk).update(done_at=None)
    deciding.try_again(approval_id=asked.pk, actor_id=make_staff().pk)

    run = RefundRun.objects.get()
    assert (run.actor, run.is_cancellation, run.amount) == (clerk, True, 50_000)
    assert ConcertSchedule.objects.get(pk=sale.pk).canceled_at is not None


def test_pages_of_a_fan_say_that_the_date_was_canceled(client):
    sale, fan = make_sale(), make_fan(balance=50_000)
    (payment,) = buy(fan, sale, 0)
    cancel(sale)
    client.force_login(fan)
    booking = payment.reservation.booking_reference

    tickets = client.get(reverse("tickets", args=[booking]), follow=True)
    assert tickets.redirect_chain == [(reverse("booking", args=[booking]), 302)]
    assert "This date was canceled, so it has no tickets any more." in tickets.content.decode()
    assert "DESCRIPTION:This date was canceled." in client.get(reverse("calendar", args=[booking])).content.decode()
    assert "/EventCancelled" in client.get(reverse("concert", args=[sale.schedule.concert_id])).content.decode()
    assert client.get(f"/api/v1/reservations/{payment.reservation_id}/ticket/").status_code == 404


def test_who_refunds_with_a_fee_is_stopped_by_the_cancellation():
    sale, fan, other = make_sale(), make_fan(balance=50_000), make_fan(balance=50_000)
    buy(fan, sale, 0)
    buy(other, sale, 1)
    order = {"schedule_id": sale.pk, "actor_id": make_staff().pk, "note": "Off", "fee": 5_000}
    schedule_refunds.refund_round(seconds=0, **order)

    run = cancel(sale)

    with pytest.raises(Conflict):
        schedule_refunds.refund_round(seconds=0, **order)
    assert not refund_runs.end(run_id=run.pk)
    refund_all(run)
    assert (balance_of(fan), balance_of(other)) == (45_000, 50_000)


# --- Deaths and late comers ----------------------------------------------------------------------


def test_a_worker_that_dies_leaves_a_run_that_another_goes_on_with(monkeypatch):
    sale = make_sale()
    fans = [make_fan(balance=50_000) for _nth in range(4)]
    for nth, fan in enumerate(fans):
        buy(fan, sale, nth)
    run = cancel(sale)
    real = card_refunds.refund
    calls = []

    def dies_at_the_third(*args, **kept):
        calls.append(args)
        if len(calls) == 3:
            raise SystemExit
        return real(*args, **kept)

    with monkeypatch.context() as dying:
        dying.setattr(card_refunds, "refund", dies_at_the_third)
        with pytest.raises(SystemExit):
            refund_work.process_run(run.pk)

    assert refund_work.due_runs() == []
    assert refund_work.process_run(run.pk) is None
    RefundRun.objects.update(leased_until=Now() - timedelta(seconds=1))
    assert refund_work.due_runs() == [run.pk]
    assert refund_all(run).ended_at is not None
    for fan in fans:
        assert [entry[:2] for entry in ledger_of(fan.pk, "REFUND")] == [("REFUND", 50_000)]
    assert not broken_invariants()


def test_a_worker_whose_lease_went_to_another_stops(monkeypatch):
    monkeypatch.setattr(refund_work, "BATCH", 1)
    sale = make_sale()
    for nth in range(3):
        buy(make_fan(balance=50_000), sale, nth)
    run = cancel(sale)
    real = card_refunds.refund

    def taken_over(*args, **kept):
        RefundRun.objects.update(leased_until=Now() + timedelta(minutes=1))
        return real(*args, **kept)

    monkeypatch.setattr(card_refunds, "refund", taken_over)

    assert refund_work.process_run(run.pk) == "more"

    assert Payment.objects.filter(state="CANCELED").count() == 1
    assert refund_work.due_runs() == []


def test_a_seat_that_was_paid_meanwhile_is_refunded_as_well():
    sale, fan = make_sale(), make_fan(balance=50_000)
    held = in_order(hold(fan, sale, 0))
    run = cancel(sale)
    pay(fan, *held)

    assert refund_all(run).ended_at is not None
    assert balance_of(fan) == 50_000


@committed
def test_a_hold_that_was_committed_late_opens_the_run_again():
    sale, fan = make_sale(), make_fan(balance=50_000)
    run = cancel(sale)
    refund_all(run)
    assert refund_work.due_runs() == []
    late = make_late_hold(fan, sale)

    assert refund_work.due_runs() == [run.pk]
    refund_all(run)

    assert Reservation.objects.get(pk=late).status == "CANCELED"


def make_late_hold(fan, sale):
    """Hold a seat as a transaction does that began before the cancellation."""
    with connection.cursor() as cursor:
        cursor.execute("alter table concert_schedule disable trigger user")
        ConcertSchedule.objects.filter(pk=sale.pk).update(canceled_at=None)
        (late,) = in_order(hold(fan, sale, 0))
        ConcertSchedule.objects.filter(pk=sale.pk).update(canceled_at=NOW)
        cursor.execute("alter table concert_schedule enable trigger user")
    return late


def test_what_is_refused_is_named_and_tried_again(monkeypatch):
    sale, full, fan = make_sale(), make_fan(balance=50_000), make_fan(balance=50_000)
    (stuck,) = buy(full, sale, 0)
    buy(fan, sale, 1)
    run = cancel(sale)
    real = card_refunds.refund

    def wallet_is_full(reservation_id, **kept):
        if reservation_id == stuck.reservation_id:
            raise BalanceTooLarge
        return real(reservation_id, **kept)

    with monkeypatch.context() as refusing:
        refusing.setattr(card_refunds, "refund", wallet_is_full)
        assert refund_work.process_run(run.pk, now=NOW) == "refused"

    progress = refund_work.progress_of(RefundRun.objects.select_related("concert_schedule").get())
    assert progress.run.refused == {str(stuck.reservation_id): BalanceTooLarge.code}
    assert ([each.pk for each in progress.refused], progress.is_stuck) == ([stuck.reservation_id], True)
    assert refund_work.due_runs() == []
    assert refund_work.retry(run_id=run.pk)
    assert refund_all(run).refused == {}
    assert balance_of(full) == 50_000


# --- Mails -----------------------------------------------------------------------------------------


def test_a_fan_gets_one_mail_for_all_tickets_in_their_language():
    sale = make_sale()
    korean, english = make_fan(balance=100_000, locale="ko"), make_fan(balance=50_000, locale="en")
    buy(korean, sale, 0)
    buy(korean, sale, 1)
    buy(english, sale, 2)

    run = cancel(sale)
    assert mail_sending.send_owed() == 0
    refund_all(run)
    assert mail_sending.send_owed() == 2
    assert mail_sending.send_owed() == 0

    by_fan = {each.to[0]: each for each in mail.outbox}
    assert "출연자 사정으로 취소되었습니다." in by_fan[korean.email].body
    assert "100,000원" in by_fan[korean.email].body
    assert "The orchestra can’t travel." in by_fan[english.email].body
    assert by_fan[english.email].subject.startswith("Concert canceled, refunded in full: ")
    assert not Payment.objects.filter(canceled_mail_at=None).exists()
    assert refund_work.progress_of(RefundRun.objects.select_related("concert_schedule").get()).mails_owed == 0


def test_what_a_fan_canceled_before_is_told_by_itself():
    sale, fan = make_sale(), make_fan(balance=50_000)
    (paid,) = buy(fan, sale, 0)
    refunds.cancel(user_id=fan.pk, reservation_id=paid.reservation_id, now=NOW - timedelta(minutes=1))
    cancel(sale)

    mail_sending.send_owed()

    (told,) = mail.outbox
    assert "Concert canceled" not in told.subject


def test_a_move_is_told_to_who_has_a_ticket_still():
    sale, fan, gone = make_sale(), make_fan(balance=50_000, locale="en"), make_fan(balance=50_000)
    buy(fan, sale, 0)
    (returned,) = buy(gone, sale, 1)
    Payment.objects.update(confirmed_mail_at=NOW)
    moved, _is_new = move(sale, now=NOW, free_days=14)
    refunds.cancel(user_id=gone.pk, reservation_id=returned.reservation_id, now=NOW)
    Payment.objects.filter(state="CANCELED").update(canceled_mail_at=NOW)

    assert mail_sending.send_owed() == 1
    assert mail_sending.send_owed() == 0

    (told,) = mail.outbox
    assert told.to == [fan.email]
    assert "The singer is ill" in told.body
    assert "Moved from Sat, May 31, 2031" in told.body
    assert "cancel for free until" in told.body
    done = {each.user_id: (bool(each.mailed_at), bool(each.skipped_at)) for each in moved.recipients.all()}
    assert done == {fan.pk: (True, False), gone.pk: (False, True)}


def test_nothing_is_kept_by_hand_of_what_was_paid_for_a_canceled_date():
    fan, sale = make_fan(balance=50_000), make_sale()
    (paid,) = buy(fan, sale, 0)
    cancel(sale)

    with nothing_changed(), pytest.raises(Invalid):
        card_refunds.refund_by_staff(
            reservation_id=paid.reservation_id, fee=5_000, actor_id=make_staff().pk, note="Late"
        )
