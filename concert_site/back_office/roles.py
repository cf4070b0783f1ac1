"""The roles of the house: one table of who may do what, made as groups after every migrate.

The four groups are always as the table has them: a permission that is added here is given, one that is taken out here
is taken from the role, whatever was done to the group by hand. Who holds a role is never touched, nor are permissions
that somebody was given by themselves. A house that wants another cut makes a group of its own, which nothing here
looks at. A permission whose model no longer declares it stays a row of Django's that no role has.

The name of a role names its group, and is never changed; what people read is its title.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connections, router, transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from concert_site.accounts import staff_roles
from concert_site.approvals.ceilings import add_missing
from concert_site.approvals.models import Ceiling
from concert_site.lib.lazy_text import StrOrPromise


@dataclass(frozen=True, slots=True)
class Role:
    """A role: the group's name, what it is called, what it may do in a sentence, and its permissions (app.codename).

    `ceilings` are what it begins with: how much (minor units) it may do at once with a permission before a second
    person is asked. They are rows that a house changes.
    """

    name: str
    title: StrOrPromise
    may: StrOrPromise
    permissions: frozenset[str]
    ceilings: Mapping[str, int] = field(default_factory=dict)


def on(app: str, *codenames: str) -> set[str]:
    """Permissions of one app."""
    return {f"{app}.{codename}" for codename in codenames}


def all_of(app: str, *models: str) -> set[str]:
    """Django's own four for these models."""
    return on(app, *(f"{step}_{model}" for model in models for step in ("view", "add", "change", "delete")))


SEE_SHOWS = on(
    "reservations", "view_concert", "view_venue", "view_venuehall", "view_concertschedule", "view_concertseat"
)
SEE_BOOKINGS = on("reservations", "view_reservation") | on("queueing", "view_waitingtoken")
SEE_MONEY = on("payments", "view_payment") | on("wallet", "view_balance", "view_balancehistory")
SEE_PROVIDERS = on("wallet", "view_topup", "view_withdrawal")

BOX_OFFICE = Role(
    name="box office",
    title=_("Box office"),
    may=_(
        "Helps fans: finds bookings, refunds and exchanges seats, extends holds, sells at the counter, keeps seats for "
        "somebody, adjusts wallets, and looks after fans’ accounts."
    ),
    permissions=frozenset(
        SEE_SHOWS
        | SEE_BOOKINGS
        | SEE_MONEY
        | SEE_PROVIDERS
        | on("reservations", "change_reservation", "serve_fan", "manage_blocks")
        | on("payments", "refund_payment", "exchange_reservation", "sell_at_counter")
        | on("wallet", "adjust_balance")
        | on("accounts", "view_user", "add_user", "change_user")
        | on("approvals", "view_approval")
    ),
    ceilings={
        "wallet.adjust_balance": 300_000,
        "payments.refund_payment": 1_000_000,
        "payments.exchange_reservation": 1_000_000,
        "reservations.serve_fan": 1_000_000,
    },
)
EVENT_MANAGER = Role(
    name="event manager",
    title=_("Event manager"),
    may=_(
        "Sets up concerts, dates and halls, runs the sale and its waiting room, moves and cancels dates, writes to "
        "ticket holders, gives complimentary tickets, refunds, and writes the house’s pages."
    ),
    permissions=frozenset(
        all_of("reservations", "concert", "venue", "venuehall", "concertschedule", "concertseat")
        | SEE_BOOKINGS
        | on("reservations", "change_reservation", "serve_fan")
        | on("reservations", "run_sale", "change_date", "message_holders", "manage_blocks")
        | on("payments", "view_payment", "refund_payment", "exchange_reservation", "give_complimentary")
        | on("accounts", "view_user")
        | all_of("house", "housepage")
        | on("house", "view_housefacts")
        | on("approvals", "view_approval", "decide_approval")
    ),
    # A date is canceled by two, unless little was sold.
    ceilings={
        "payments.refund_payment": 3_000_000,
        "payments.exchange_reservation": 3_000_000,
        "payments.give_complimentary": 3_000_000,
        "reservations.serve_fan": 3_000_000,
        "reservations.change_date": 3_000_000,
    },
)
FINANCE = Role(
    name="finance",
    title=_("Finance"),
    may=_(
        "Looks at everything that was paid, refunds, adjusts wallets, asks payment providers, compares their "
        "settlements with the ledger, and keeps the company’s details."
    ),
    permissions=frozenset(
        SEE_SHOWS
        | on("reservations", "view_reservation")
        | SEE_MONEY
        | SEE_PROVIDERS
        | on("payments", "refund_payment", "view_tillentry")
        | on("wallet", "adjust_balance", "settle_top_up", "replay_event", "view_providerevent", "view_settlementday")
        | on("accounts", "view_user")
        | all_of("house", "housefacts")
        | on("approvals", "view_approval", "decide_approval")
    ),
    ceilings={"wallet.adjust_balance": 3_000_000, "payments.refund_payment": 10_000_000},
)
DOOR = Role(
    name="door",
    title=_("Door"),
    may=_("Looks up which concert is played when and where, and its seats. No fans, no money."),
    permissions=frozenset(SEE_SHOWS),
)

ROLES = (BOX_OFFICE, EVENT_MANAGER, FINANCE, DOOR)

for _role in ROLES:
    staff_roles.describe(_role.name, staff_roles.RoleText(_role.title, _role.may))


def make_after_migrate(*, using: str, **_signal: object) -> None:
    """What follows each migrate (`post_migrate`), once Django has made the permissions of all apps."""
    if router.allow_migrate_model(using, Group) and are_tables_there(using):
        make_groups(using)


def are_tables_there(using: str) -> bool:
    """Whether there is anything to write to: a migrate may have taken an app back to nothing."""
    return is_there(using, Group) and is_there(using, Permission)


def is_there(using: str, model: type[Model]) -> bool:
    table = model._meta.db_table  # noqa: SLF001  what a model says of itself
    return table in connections[using].introspection.table_names()


def make_groups(using: str = "default") -> None:
    """Make the roles' groups as the table has them; where they are so already, a few queries and no write.

    A permission whose table isn't migrated yet is given by the migrate that makes it.
    """
    with transaction.atomic(using=using):
        ids = permission_ids(using)
        groups = Group.objects.using(using)
        found = {group.name: group for group in groups.filter(name__in=[role.name for role in ROLES])}
        through = Group.permissions.through.objects.using(using)
        given: dict[int, set[int]] = {}
        for group_id, permission_id in through.values_list("group_id", "permission_id"):
            given.setdefault(group_id, set()).add(permission_id)
        for role in ROLES:
            group = found.get(role.name) or groups.get_or_create(name=role.name)[0]
            wanted = {ids[name] for name in role.permissions if name in ids}
            if given.get(group.pk, set()) != wanted:
                group.permissions.set(wanted)
        if is_there(using, Ceiling):
            add_missing({(role.name, name): amount for role in ROLES for name, amount in role.ceilings.items()})


def permission_ids(using: str = "default") -> dict[str, int]:
    """The id of each permission that a model of today declares, by its name."""
    rows = Permission.objects.using(using).values_list(
        "content_type__app_label", "content_type__model", "codename", "pk"
    )
    return {f"{app}.{codename}": pk for app, model, codename, pk in rows if codename in declared_by(app, model)}


def declared_by(app: str, model: str) -> set[str]:
    """The codenames that a model declares; none if it is gone."""
    try:
        options = apps.get_model(app, model)._meta  # noqa: SLF001  what a model says of itself
    except LookupError:
        return set()
    own = {f"{step}_{options.model_name}" for step in options.default_permissions}
    return own | {codename for codename, _name in options.permissions}
