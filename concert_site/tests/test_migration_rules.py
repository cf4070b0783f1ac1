"""Migrations that a rolling restart doesn't stand are told before they land."""

import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.core.management import CommandError, call_command
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader

from concert_site.operations import migration_rules
from concert_site.operations.migration_rules import FIRST_JUDGED, LARGE, faults_of

TEXT = models.CharField(max_length=20)
INDEX = models.Index(fields=["price"], name="new_index")
CHECK = models.CheckConstraint(condition=models.Q(price__gte=0), name="new_check")
BEFORE = "the release before"


@pytest.fixture(scope="module")
def states():
    return MigrationLoader(None).project_state()


def judged(states, *operations, **attributes):
    migration = migrations.Migration("0099_new", "reservations")
    migration.operations = list(operations)
    for name, value in attributes.items():
        setattr(migration, name, value)
    return list(faults_of(migration, states.clone()))


BAD = {
    "a column is dropped": (migrations.RemoveField("reservation", "price"), f"{BEFORE} reads it"),
    "a table is dropped": (migrations.DeleteModel("reservation"), f"{BEFORE} reads it"),
    "a column is renamed": (migrations.RenameField("reservation", "price", "cost"), f"{BEFORE} reads it"),
    "a column without a default": (migrations.AddField("concert", "tone", TEXT), f"{BEFORE} inserts without it"),
    "a column with Django's default": (
        migrations.AddField("concert", "tone", models.CharField(max_length=20, default="")),
        f"{BEFORE} inserts without it",
    ),
    "another type": (migrations.AlterField("reservation", "price", models.TextField()), "another type rewrites"),
    "null no more": (
        migrations.AlterField("concert", "age_rating", models.PositiveSmallIntegerField()),
        f"{BEFORE} may still write null",
    ),
    "fewer characters": (
        migrations.AlterField("concert", "name", models.CharField(max_length=20)),
        f"{BEFORE} may still write more characters",
    ),
    "a default no more": (
        migrations.AlterField("concert", "cast", models.TextField()),
        f"{BEFORE} inserts without it",
    ),
    "an index of a large table": (migrations.AddIndex("reservation", INDEX), "use AddIndexConcurrently"),
    "a constraint of a large table": (migrations.AddConstraint("reservation", CHECK), "use AddConstraintNotValid"),
    "a drop by SQL": (migrations.RunSQL("ALTER TABLE x DROP COLUMN y"), f"{BEFORE} reads it"),
    "not null by SQL": (migrations.RunSQL("alter table x alter column y set not null"), f"{BEFORE} reads it"),
    "an index by SQL": (migrations.RunSQL("create unique index i on payment (price)"), "nobody may write to payment"),
}
FINE = {
    "a column that may be null": migrations.AddField("concert", "tone", models.CharField(max_length=20, null=True)),
    "a column with a default of the database": migrations.AddField(
        "concert", "tone", models.CharField(max_length=20, db_default="")
    ),
    "a table": migrations.CreateModel("Tone", [("name", TEXT)]),
    "an index of a small table": migrations.AddIndex("concert", models.Index(fields=["name"], name="new_index")),
    "an index, concurrently": AddIndexConcurrently("reservation", INDEX),
    "a constraint for what is new": AddConstraintNotValid("reservation", CHECK),
    "an index by SQL, concurrently": migrations.RunSQL("create index concurrently i on payment (price)"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_the_release_before_does_not_stand_is_told(states, what):
    operation, said = BAD[what]
    (fault,) = judged(states, operation)
    assert said in fault
    (fault,) = judged(states, migrations.SeparateDatabaseAndState(database_operations=[operation]))
    assert said in fault


@pytest.mark.parametrize("what", FINE)
def test_a_migration_that_adds_is_allowed(states, what):
    assert judged(states, FINE[what]) == []


def test_a_mark_says_since_which_release_nobody_needs_it(states):
    operation = migrations.RemoveField("reservation", "price")
    assert judged(states, operation, contracts="1.3.0: nobody reads it since") == []
    (fault,) = judged(states, operation, contracts="soon")
    assert "doesn't say since which release" in fault


def test_a_table_of_the_same_migration_may_be_treated_in_any_way(states):
    made = migrations.CreateModel("Tone", [("name", TEXT)])
    assert judged(states, made, migrations.AddField("tone", "pitch", TEXT)) == []


def test_what_is_large_is_a_table_and_the_trace_is():
    assert "change" in LARGE
    assert {model._meta.db_table for model in apps.get_models()} >= LARGE


def test_our_own_migrations_follow_the_rules():
    loader = MigrationLoader(None)
    assert set(FIRST_JUDGED) <= {app for app, _ in loader.disk_migrations}
    call_command("lint_migrations")


def test_the_command_says_what_is_wrong(monkeypatch, capsys):
    monkeypatch.setattr(migration_rules, "FIRST_JUDGED", {"reservations": 1})
    with pytest.raises(CommandError, match="A rolling restart would break"):
        call_command("lint_migrations")
    assert "reservations.0" in capsys.readouterr().err
