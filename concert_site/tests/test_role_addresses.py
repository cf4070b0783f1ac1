"""Every role tries every address of the admin, reading and writing, and opens what this table says, no more, no less.

A new address fails these tests until it is declared here: who may open it is decided, and not left to happen.
"""

from functools import cache

import pytest
from django.contrib.auth.models import Group
from django.contrib.messages.storage import default_storage
from django.db import transaction
from django.http import HttpResponseForbidden
from django.urls import reverse

from concert_site.accounts.session_store import SessionStore
from concert_site.accounts.tests.factories import make_clerk, make_fan, make_staff
from concert_site.back_office.roles import ROLES
from concert_site.tests.admin_addresses import Addresses, names
from concert_site.tests.module_transaction import module_transaction

pytestmark = pytest.mark.django_db

BOX_OFFICE, EVENT_MANAGER, FINANCE, DOOR = (role.name for role in ROLES)
NOTHING = "no role"
# Of any member of staff: the first page and the search show each what they may see.
EVERYBODY = {"index", "jsi18n", "password_change", "password_change_done", "search", "find"}
# Not at all, or nothing in this house: each answers so to all.
NOBODY = {"autocomplete", "view_on_site", "wallet_settle_day"}

# The models of which a role sees list, rows and history; and those that it adds, changes and deletes as well.
SHOWS = {f"reservations_{name}" for name in ("concert", "venue", "venuehall", "concertschedule", "concertseat")}
LOOKS = {
    BOX_OFFICE: {
        *SHOWS,
        *("reservations_reservation", "queueing_waitingtoken", "payments_payment", "approvals_approval"),
        *("wallet_balance", "wallet_balancehistory", "wallet_topup", "wallet_withdrawal", "accounts_user"),
    },
    EVENT_MANAGER: {
        *SHOWS,
        *("reservations_reservation", "queueing_waitingtoken", "payments_payment", "approvals_approval"),
        *("accounts_user", "house_housepage", "house_housefacts"),
    },
    FINANCE: {
        *SHOWS,
        *("reservations_reservation", "payments_payment", "payments_tillentry", "approvals_approval", "accounts_user"),
        *("wallet_balance", "wallet_balancehistory", "wallet_topup", "wallet_withdrawal", "wallet_providerevent"),
        *("wallet_settlementday", "house_housefacts"),
    },
    DOOR: SHOWS,
    NOTHING: set(),
}
WRITES = {
    BOX_OFFICE: {"accounts_user_add", "accounts_user_change"},
    EVENT_MANAGER: {f"house_housepage_{step}" for step in ("add", "change", "delete")}
    | {
        f"reservations_{model}_{step}"
        for model in ("concert", "venue", "venuehall", "concertschedule")
        for step in ("add", "change", "delete")
    },
    FINANCE: {f"house_housefacts_{step}" for step in ("add", "change", "delete")},
    DOOR: set(),
    NOTHING: set(),
}

# Pages and steps of our own. What is one of both is read and sent.
OF_DATE = {
    f"reservations_concertschedule_{name}"
    for name in ("map", "announcement", "hall", "hall_seats", "hall_states", "hall_who", "hall_named")
}
SALES = {"sales", "sales_figures", "sale", "sale_figures", "app_list", "reservations_venuehall_version", *OF_DATE}
DESK = {"booking", "booking_map", "fan"}
# What is done for a fan on the page of their booking.
HELP = {f"booking_{name}" for name in ("exchange", "extend", "hand_over", "note", "release", "send_again", "tickets")}
HELP |= {"fan_note"}
REFUNDS = {"payments_refund_reservation", "payments_refund_selected", "payments_refund_schedule"}
TILL = {"payments_till", "payments_counter_sale", "payments_counter_undo"}
STEPS_OF_APPROVAL = {"approvals_confirm", "approvals_decline", "approvals_again"}
ON_DATE = {
    f"reservations_concertschedule_{name}"
    for name in (
        *("add_seats", "import_plan", "price_plan", "remove_seats", "copy", "close_sale", "waiting_room"),
        *("move", "message", "keep_hall", "use_hall"),
    )
}
SETUP = {f"reservations_venuehall_{name}" for name in ("grid", "import")}
SETUP |= {"reservations_concert_add_dates", "reservations_concert_prices"}
NAMED = {"reservations_concertschedule_hall_release_named"}
CONTROLS = {"sales_pause", "sales_resume", "sale_control"}
CONTROLS |= {f"reservations_concertschedule_{name}" for name in ("pause", "resume")}
PROVIDERS = {f"wallet_{name}" for name in ("ask", "ask_withdrawal", "book", "give_back", "explain", "replay")}
PROVIDERS |= {"wallet_settle_again", "wallet_settlement_csv"}
PAGES = {
    BOX_OFFICE: SALES
    | NAMED
    | HELP
    | DESK
    | REFUNDS
    | TILL
    | {"payments_counter", "payments_counter_print", "payments_take_payment", "wallet_adjust", "wallet_stuck"}
    | {"auth_user_password_change"},
    EVENT_MANAGER: SALES
    | DESK
    | REFUNDS
    | TILL
    | ON_DATE
    | SETUP
    | NAMED
    | HELP
    | {"payments_counter", "payments_counter_print", "payments_cancel_date"},
    FINANCE: SALES | DESK | REFUNDS | TILL | PROVIDERS | {"wallet_adjust", "wallet_stuck", "booking_tickets"},
    DOOR: SALES,
    NOTHING: set(),
}
# What is sent alone: its address answers nothing to who reads it.
STEPS = {
    BOX_OFFICE: STEPS_OF_APPROVAL | {"reservations_reservation_release_hold"},
    EVENT_MANAGER: STEPS_OF_APPROVAL
    | CONTROLS
    | {"reservations_reservation_release_hold", "reservations_concert_publish", "payments_retry_date_refunds"}
    | {"reservations_concertschedule_hall_step"},
    FINANCE: STEPS_OF_APPROVAL,
    DOOR: set(),
    NOTHING: set(),
}
# What an answer passes that the pages themselves need.
KEPT_MIDDLEWARE = {
    "concert_site.trace.middleware.ActorMiddleware",
    "concert_site.lib.web.middleware.RequestLocaleMiddleware",
    "allauth.account.middleware.AccountMiddleware",
}
ANYBODY = (NOTHING, *(role.name for role in ROLES))


def expected(role, method):
    """What a role opens by this method."""
    looked_at = {f"{model}_{page}" for model in LOOKS[role] for page in ("changelist", "history")}
    opened = EVERYBODY | looked_at | PAGES[role] | WRITES[role]
    if method == "get":
        return opened | {f"{model}_change" for model in LOOKS[role]}
    # The page of an approval is shown, whatever is sent there.
    shown = {"approvals_approval_change"} if "approvals_approval" in LOOKS[role] else set()
    return (opened | shown | STEPS[role]) - {"jsi18n", "password_change_done"}


@cache
def all_names():
    return tuple(names())


def make_colleague(role):
    colleague = make_clerk()
    if role != NOTHING:
        colleague.groups.set([Group.objects.get(name=role)])
    return colleague


class LoggedIn:
    """Middleware: whoever asks is this colleague. Reading session, account and permissions anew for each address is
    two thirds of what a refusal costs.
    """

    colleague = None

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.user, request.session = self.colleague, SessionStore()
        request._messages = default_storage(request)
        return self.get_response(request)


def answer(client, method, address):
    """What who is logged in is answered; nothing of it stays."""
    before = transaction.savepoint()
    response = getattr(client, method)(address)
    transaction.savepoint_rollback(before)
    return response


def is_opened(response):
    """Whether there was something; who asks for a row that isn't there is sent to the first page."""
    is_away = response.status_code == 302 and response["Location"] == reverse("admin:index")
    return response.status_code not in {403, 404, 405} and not is_away


@pytest.fixture(scope="module")
def built(django_db_setup, django_db_blocker):
    """A small house, built once; each test's transaction lies within this one."""
    with module_transaction(django_db_blocker):
        yield Addresses()


@pytest.fixture
def addresses(built, db):
    return built


@pytest.fixture(autouse=True)
def short_refusals(monkeypatch):
    """Two thousand times the page of a refusal is a quarter of these tests' time; test_errors looks at it."""
    monkeypatch.setattr("concert_site.urls.handler403", lambda request, exception: HttpResponseForbidden())


@pytest.fixture
def colleague(monkeypatch, settings):
    """Log a member of staff in, so that only their permissions are asked."""
    settings.MIDDLEWARE = [f"{__name__}.LoggedIn", *(name for name in settings.MIDDLEWARE if name in KEPT_MIDDLEWARE)]

    def log_in(user):
        monkeypatch.setattr(LoggedIn, "colleague", user)

    return log_in


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("role", ANYBODY)
def test_a_role_opens_what_the_table_says(client, addresses, colleague, role, method):
    colleague(make_colleague(role))
    client.raise_request_exception = False
    answers = {name: answer(client, method, addresses.of(name)) for name in all_names() if name not in NOBODY}

    assert {name for name, each in answers.items() if each.status_code >= 500} == set()
    assert {name for name, each in answers.items() if is_opened(each)} == expected(role, method) & answers.keys()


def opens_nothing(client, name, address):
    for method in ("get", "post"):
        response = getattr(client, method)(address)
        assert response.status_code in {302, 403, 404}, name
        assert "/admin/" not in response.headers.get("Location", "").split("?")[0] or "login" in response["Location"]


def test_a_fan_opens_nothing(client, addresses):
    client.force_login(make_fan())
    for name in all_names():
        opens_nothing(client, name, addresses.of(name))


# What lets them in would let a fan in.
@pytest.mark.parametrize("who", [None, lambda: make_staff(is_active=False)], ids=["visitor", "ended"])
def test_who_is_not_logged_in_opens_nothing(client, addresses, who):
    if who:
        client.force_login(who())
    for name in ("index", "jsi18n", "reservations_concert_change", "sales", "booking", "wallet_adjust"):
        opens_nothing(client, name, addresses.of(name))


def test_the_table_names_no_address_that_is_gone():
    declared = set().union(*(expected(role, method) for role in ANYBODY for method in ("get", "post")))

    assert (declared | NOBODY) - set(all_names()) == set()
