"""Closing an account beside what its fan does elsewhere at the same moment."""

from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import pytest
from allauth.account.models import EmailAddress
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from concert_site.accounts.models import User
from concert_site.accounts.tests.concurrency import start_behind, threads
from concert_site.accounts.tests.factories import make_fan
from concert_site.accounts.walk_ins import make_walk_in
from concert_site.lib.errors import Unavailable
from concert_site.operations.personal_data import closing, erasing
from concert_site.tests.committed import committed
from payments.tests.scenes import make_paid
from queueing.domain import line
from queueing.domain.errors import QueueTokenInactive
from queueing.models import WaitingToken
from queueing.tests.factories import make_active
from reservations.domain.holds import hold_seats
from reservations.models import Concert, ConcertSchedule, Reservation
from reservations.tests.factories import make_schedule, make_seats
from reservations.tests.test_lock_order import start_third
from wallet.domain import top_ups
from wallet.domain.top_ups import TopUpRequest
from wallet.models import TopUp, TopUpState

PASSWORD = "a horse that is correct"


def is_erased(fan):
    return erasing.is_erased(User.objects.get(pk=fan.pk))


@committed
def test_hold_that_waits_for_a_closing_account_is_refused():
    fan, schedule = make_fan(), make_schedule()
    seats = make_seats(schedule, 2)
    token = make_active(schedule, fan, since=timezone.now())
    address = EmailAddress.objects.create(user=fan, email=fan.email)
    hold = partial(hold_seats, user_id=fan.pk, schedule=schedule.pk, seats=[seats[0].pk], queue_token=token.token)

    with transaction.atomic():
        # What erasing comes to once it has looked whether anything is in the way.
        EmailAddress.objects.select_for_update().get(pk=address.pk)
        closing = start_behind(partial(erasing.erase, fan.pk))
        holding = start_third(hold)

    closing.result(timeout=60)
    with pytest.raises(QueueTokenInactive):
        holding.result(timeout=60)
    assert is_erased(fan)
    assert Reservation.objects.count() == 0
    assert WaitingToken.objects.get().expired_reason == "LEFT"


@contextmanager
def account_about_to_close(fan):
    """Erase an account in another thread; it has locked the account, and waits for us until the end of the block."""
    address = EmailAddress.objects.create(user=fan, email=fan.email)
    with transaction.atomic():
        EmailAddress.objects.select_for_update().get(pk=address.pk)
        erasing_ = start_behind(partial(erasing.erase, fan.pk))
        yield
    erasing_.result(timeout=60)
    assert is_erased(fan)


@committed
@pytest.mark.parametrize("join", [line.take_number, line.gather])
def test_join_that_waits_for_a_closing_account_is_refused(join):
    fan, schedule = make_fan(), make_schedule()
    ConcertSchedule.objects.filter(pk=schedule.pk).update(drawn_at=None)

    with account_about_to_close(fan):
        joining = start_third(partial(join, user_id=fan.pk, schedule_id=schedule.pk))

    with pytest.raises(Unavailable):
        joining.result(timeout=60)
    assert WaitingToken.objects.count() == 0


@committed
@pytest.mark.parametrize("join", [line.take_number, line.gather])
def test_place_taken_just_before_an_account_is_locked_is_given_up_as_well(join, monkeypatch):
    fan, schedule = make_fan(), make_schedule()
    ConcertSchedule.objects.filter(pk=schedule.pk).update(drawn_at=None)
    leave = line.leave_every_line
    joined = []

    def leave_and_join(**fan_of):
        leave(**fan_of)
        if not joined:
            joined.append(threads().submit(partial(join, schedule_id=schedule.pk, **fan_of)).result(timeout=60))

    monkeypatch.setattr(erasing, "leave_every_line", leave_and_join)

    erasing.erase(fan.pk)

    assert is_erased(fan)
    assert WaitingToken.objects.get().expired_reason == "LEFT"


@committed
def test_top_up_that_waits_for_a_closing_account_is_refused():
    fan = make_fan()
    request = TopUpRequest(user_id=fan.pk, amount=10_000)

    with account_about_to_close(fan):
        starting = start_third(partial(top_ups.create, request, "sandbox"))

    with pytest.raises(Unavailable):
        starting.result(timeout=60)
    assert TopUp.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(("failure", "keeps"), [("giving_back", True), ("given_back", False), ("card_declined", False)])
def test_money_that_staff_are_to_give_back_keeps_an_account(failure, keeps):
    fan = make_fan()
    begun = top_ups.create(TopUpRequest(user_id=fan.pk, amount=10_000), "sandbox").top_up
    top_ups.end(begun, TopUpState.FAILED, failure=failure)

    assert [type(each) for each in erasing.obstacles(fan.pk)] == [erasing.MoneyLeft] * keeps


@committed
def test_slot_whose_time_is_over_keeps_no_account_open():
    fan = make_fan()
    make_active(make_schedule(), fan, since=timezone.now() - timedelta(days=1))

    erasing.erase(fan.pk)

    assert is_erased(fan)


@committed
def test_account_with_something_in_the_way_keeps_its_place_in_line():
    fan, schedule = make_fan(), make_schedule()
    seats = make_seats(schedule)
    token = make_active(schedule, fan, since=timezone.now())
    hold_seats(user_id=fan.pk, schedule=schedule.pk, seats=[seats[0].pk], queue_token=token.token)

    with pytest.raises(erasing.TicketsLeft):
        erasing.erase(fan.pk)

    assert WaitingToken.objects.get().status == "ACTIVE"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("begun_minutes_ago", "running_minutes", "is_over"),
    [(100, None, False), (130, None, True), (130, 180, False), (190, 180, True)],
)
def test_ticket_keeps_an_account_until_the_concert_is_over(begun_minutes_ago, running_minutes, is_over):
    fan = make_paid().reservation.user_id
    begun = timezone.now() - timedelta(minutes=begun_minutes_ago)
    ConcertSchedule.objects.update(
        reservation_available_at=begun - timedelta(days=1), deadline_at=begun, concert_at=begun
    )
    Concert.objects.update(running_minutes=running_minutes)

    assert erasing.has_tickets(fan) is not is_over


@committed
@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        ("ko", "회원 탈퇴 안내", ["gildong@example.com 계정이 탈퇴 처리되었습니다", "본인이 직접 탈퇴하지 않으셨다면"]),
        ("en", "Your account was closed", ["account gildong@example.com was closed, as you asked", "If it wasn’t you"]),
    ],
)
def test_whose_account_was_closed_is_told_in_its_language_at_the_address_it_had(
    client, mailoutbox, language, subject, words
):
    fan = make_fan(email="gildong@example.com", password=PASSWORD, locale=language)
    client.force_login(fan, backend="allauth.account.auth_backends.AuthenticationBackend")

    client.post("/accounts/close/", {"is_sure": "on", "password": PASSWORD}, headers={"accept-language": "de"})

    assert is_erased(fan)
    (told,) = mailoutbox
    assert (told.to, told.subject) == (["gildong@example.com"], f"Frontrow: {subject}")
    for each in words:
        assert each in told.body
    # No table keeps the address for the mail's sake.
    assert not User.objects.filter(email="gildong@example.com").exists()


@committed
def test_who_is_closed_by_staff_is_told_so_and_who_has_no_address_is_not(mailoutbox, capsys):
    fan = make_fan(email="gildong@example.com", locale="ko")
    call_command("erase_fan", fan.email)
    assert mailoutbox == []

    call_command("erase_fan", fan.email, yes=True)
    (told,) = mailoutbox
    assert told.to == ["gildong@example.com"]
    assert "담당자가 gildong@example.com 계정을 탈퇴 처리하였습니다" in told.body
    assert "요청하지 않으셨다면" in told.body
    assert "A mail says so" in capsys.readouterr().out

    walk_in = make_walk_in("Hong")
    call_command("erase_fan", walk_in.email, yes=True)
    assert is_erased(walk_in)
    assert len(mailoutbox) == 1
    assert "A mail" not in capsys.readouterr().out


@committed
def test_account_that_can_not_be_closed_is_told_nothing(mailoutbox):
    paid = make_paid()
    with pytest.raises(erasing.TicketsLeft):
        closing.close(paid.reservation.user)
    assert mailoutbox == []
