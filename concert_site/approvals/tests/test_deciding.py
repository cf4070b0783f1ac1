"""What is above a ceiling waits, and is done once, by a second person. Tried on adjusting a wallet."""

from datetime import timedelta
from functools import partial

import pgtrigger
import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from concert_site.accounts.models import User
from concert_site.accounts.tests.concurrency import at_once
from concert_site.accounts.tests.factories import make_clerk, make_staff
from concert_site.approvals import deciding, tasks
from concert_site.approvals.ceilings import ceiling_of
from concert_site.approvals.errors import (
    AlreadyDecided,
    ApprovalRequired,
    AskerMayNot,
    MayNotDecide,
    OwnRequest,
)
from concert_site.approvals.models import Approval, Ceiling
from concert_site.lib.errors import Invalid
from concert_site.tests.committed import committed
from wallet.domain.adjustments import adjust_by_staff
from wallet.domain.errors import InsufficientBalance
from wallet.models import BalanceHistory
from wallet.queries import wallet_of
from wallet.tests.factories import make_fan

pytestmark = pytest.mark.django_db
ADJUST = "wallet.adjust_balance"


def make_colleague(*roles):
    colleague = make_clerk()
    colleague.groups.set(Group.objects.filter(name__in=roles))
    return User.objects.get(pk=colleague.pk)


def ask(actor, fan, amount=400_000, key="a", note="Cash"):
    with pytest.raises(ApprovalRequired) as waits:
        adjust_by_staff(user_id=fan.pk, amount=amount, note=note, actor_id=actor.pk, idempotency_key=key)
    return Approval.objects.get(pk=waits.value.approval_id)


# --- Ceilings ----------------------------------------------------------------------------------


def test_a_role_has_the_ceiling_of_its_row(settings):
    settings.SUPERUSER_ADJUST_CEILING = 500
    settings.STAFF_CEILING = 70
    both = make_colleague("box office", "finance")

    assert ceiling_of(make_colleague("box office"), ADJUST) == 300_000
    assert ceiling_of(both, ADJUST) == 3_000_000
    assert ceiling_of(make_clerk("adjust_balance"), ADJUST) == 70
    assert ceiling_of(make_staff(), ADJUST) == 500
    assert ceiling_of(make_staff(), "payments.refund_payment") is None
    Ceiling.objects.filter(group__name="finance").update(amount=None)
    assert ceiling_of(both, ADJUST) is None
    settings.SUPERUSER_ADJUST_CEILING = 0
    assert ceiling_of(make_staff(), ADJUST) is None


def test_up_to_the_ceiling_it_is_done_at_once():
    clerk, fan = make_colleague("box office"), make_fan()

    adjust_by_staff(user_id=fan.pk, amount=300_000, note="Cash", actor_id=clerk.pk, idempotency_key="a")

    assert wallet_of(fan.pk).amount == 300_000
    assert not Approval.objects.exists()


def test_above_it_nothing_is_done_and_it_waits_once_however_often_it_is_sent():
    clerk, fan = make_colleague("box office"), make_fan()

    asked = ask(clerk, fan)
    assert ask(clerk, fan) == asked

    assert wallet_of(fan.pk).amount == 0
    waiting = Approval.objects.get()
    assert (waiting.state, waiting.amount, waiting.asked_by, waiting.fan, waiting.reason) == (
        "PENDING",
        400_000,
        clerk,
        fan,
        "Cash",
    )


def test_a_large_sum_does_not_pass_in_small_ones():
    clerk, fan = make_colleague("box office"), make_fan()
    order = {"user_id": fan.pk, "note": "Cash", "actor_id": clerk.pk}
    adjust_by_staff(**order, amount=200_000, idempotency_key="a")

    ask(clerk, fan, amount=200_000, key="b")
    adjust_by_staff(**order, amount=-200_000, idempotency_key="c")

    assert wallet_of(fan.pk).amount == 0


def test_an_impossible_step_makes_no_approval():
    with pytest.raises(InsufficientBalance):
        adjust_by_staff(
            user_id=make_fan().pk,
            amount=-10_000_000,
            note="Back",
            actor_id=make_colleague("box office").pk,
            idempotency_key="a",
        )

    assert not Approval.objects.exists()


# --- Deciding ----------------------------------------------------------------------------------


def test_a_second_person_confirms_and_it_is_booked_by_who_asked():
    clerk, fan, second = make_colleague("box office"), make_fan(), make_colleague("finance")
    asked = ask(clerk, fan)

    done = deciding.confirm(approval_id=asked.pk, actor_id=second.pk)

    assert (done.state, done.decided_by, done.done_at is None) == ("CONFIRMED", second, False)
    entry = BalanceHistory.objects.get()
    assert (entry.amount, entry.note, entry.actor, entry.user_id) == (400_000, "Cash", clerk, fan.pk)
    assert ask(clerk, fan).pk == asked.pk


@pytest.mark.parametrize(
    ("decider", "refusal"),
    [
        (lambda clerk: clerk, OwnRequest),
        (lambda clerk: make_colleague("box office"), MayNotDecide),
        (lambda clerk: make_colleague("event manager"), MayNotDecide),
        (lambda clerk: make_clerk("decide_approval"), MayNotDecide),
        (lambda clerk: make_fan(is_superuser=True), MayNotDecide),
        (lambda clerk: make_staff(is_active=False), MayNotDecide),
    ],
    ids=["themselves", "no decider", "not this step", "not the step itself", "no staff", "switched off"],
)
def test_who_may_not_confirm_an_approval_changes_nothing(decider, refusal):
    clerk, fan = make_colleague("box office"), make_fan()
    asked = ask(clerk, fan)

    with pytest.raises(refusal):
        deciding.confirm(approval_id=asked.pk, actor_id=decider(clerk).pk)

    assert Approval.objects.get().state == "PENDING"
    assert wallet_of(fan.pk).amount == 0


def switch_off(clerk):
    User.objects.filter(pk=clerk.pk).update(is_active=False)


@pytest.mark.parametrize("loses", [lambda clerk: clerk.groups.clear(), switch_off])
def test_who_asked_must_still_be_allowed_to(loses):
    clerk, fan = make_colleague("box office"), make_fan()
    asked = ask(clerk, fan)
    loses(clerk)

    with pytest.raises(AskerMayNot):
        deciding.confirm(approval_id=asked.pk, actor_id=make_staff().pk)

    assert wallet_of(fan.pk).amount == 0
    deciding.decline(approval_id=asked.pk, actor_id=make_staff().pk, answer="Gone")


def test_what_was_decided_or_has_lapsed_is_not_decided_again():
    clerk, fan, second = make_colleague("box office"), make_fan(), make_staff()
    asked = ask(clerk, fan)
    with pytest.raises(Invalid):
        deciding.decline(approval_id=asked.pk, actor_id=second.pk, answer=" ")
    deciding.decline(approval_id=asked.pk, actor_id=second.pk, answer="Too much")

    lapsed = ask(clerk, fan, key="b")
    much_later = timezone.now() + timedelta(days=4)
    for approval, now in ((asked, None), (lapsed, much_later)):
        with pytest.raises(AlreadyDecided):
            deciding.confirm(approval_id=approval.pk, actor_id=second.pk, now=now)

    assert deciding.expire_overdue() == 0
    assert deciding.expire_overdue(much_later) == 1
    assert {row.state for row in Approval.objects.all()} == {"DECLINED", "EXPIRED"}
    assert wallet_of(fan.pk).amount == 0


def test_the_task_notes_that_what_nobody_decided_is_over():
    asked, other = ask(make_colleague("box office"), make_fan()), ask(make_colleague("box office"), make_fan())
    long_ago = timezone.now() - timedelta(days=4)
    with pgtrigger.ignore("approvals.Approval:approval_order_stays"):
        Approval.objects.filter(pk=asked.pk).update(asked_at=long_ago, expires_at=long_ago + timedelta(days=3))

    tasks.expire()

    assert [Approval.objects.get(pk=each.pk).state for each in (asked, other)] == ["EXPIRED", "PENDING"]


def test_a_clerk_takes_back_their_own_approval():
    clerk, fan = make_colleague("box office"), make_fan()

    taken_back = deciding.decline(approval_id=ask(clerk, fan).pk, actor_id=clerk.pk, answer="A mistake")

    assert (taken_back.state, taken_back.decided_by, taken_back.answer) == ("DECLINED", clerk, "A mistake")


def test_what_the_step_refuses_is_noted_and_can_be_tried_again():
    clerk, fan, second = make_colleague("box office"), make_fan(balance=500_000), make_staff()
    asked = ask(clerk, fan, amount=-400_000)
    adjust_by_staff(user_id=fan.pk, amount=-200_000, note="Cash", actor_id=make_staff().pk, idempotency_key="b")

    with pytest.raises(InsufficientBalance):
        deciding.confirm(approval_id=asked.pk, actor_id=second.pk)
    failed = Approval.objects.get()
    assert (failed.state, failed.done_at, bool(failed.failure)) == ("CONFIRMED", None, True)

    adjust_by_staff(user_id=fan.pk, amount=200_000, note="Cash", actor_id=make_staff().pk, idempotency_key="c")
    done = deciding.try_again(approval_id=asked.pk, actor_id=second.pk)

    assert (done.failure, wallet_of(fan.pk).amount) == ("", 100_000)
    with pytest.raises(AlreadyDecided):
        deciding.try_again(approval_id=asked.pk, actor_id=second.pk)


def test_a_process_that_died_after_the_step_does_not_run_it_twice():
    clerk, fan, second = make_colleague("box office"), make_fan(), make_staff()
    asked = ask(clerk, fan)
    deciding.confirm(approval_id=asked.pk, actor_id=second.pk)
    Approval.objects.update(done_at=None)

    deciding.try_again(approval_id=asked.pk, actor_id=second.pk)

    assert wallet_of(fan.pk).amount == 400_000


@committed
def test_of_two_who_confirm_at_once_one_does_and_it_runs_once():
    clerk, fan = make_colleague("box office"), make_fan()
    asked = ask(clerk, fan)
    seconds = [make_staff().pk for _nth in range(4)]

    answers = at_once([partial(deciding.confirm, approval_id=asked.pk, actor_id=pk) for pk in seconds])

    assert sorted(type(answer).__name__ for answer in answers) == ["AlreadyDecided"] * 3 + ["Approval"]
    assert wallet_of(fan.pk).amount == 400_000


def test_who_could_confirm_is_named():
    clerk, fan, finance = make_colleague("box office"), make_fan(), make_colleague("finance")
    make_colleague("event manager")
    superuser = make_staff()

    found = set(deciding.deciders_of(ask(clerk, fan)))

    assert found == {finance, superuser}
    assert [deciding.count_waiting(User.objects.get(pk=each.pk)) for each in (finance, superuser, clerk)] == [1, 1, 0]
