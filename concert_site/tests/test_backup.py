"""Backups: whole or not there, opened by their key alone, kept by a rule, and restored as they were."""

import io
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pyrage
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from concert_site.accounts.models import User
from concert_site.embedded import postgres
from concert_site.embedded.data_dir import DataDir
from concert_site.embedded.errors import CannotStart
from concert_site.operations.backup import databases, postgres_tools, restoring, retention
from concert_site.operations.backup.archive import ArchiveWriter, Part, pieces_of
from concert_site.operations.backup.archive_names import StoredArchive
from concert_site.operations.backup.encryption import Decryptor, Encryptor, new_identity
from concert_site.operations.backup.errors import BackupFailed
from concert_site.operations.backup.pipes import written_by
from concert_site.operations.backup.stores import Folder, store_at
from concert_site.tests import pooled

NIGHT = datetime(2027, 3, 1, 3, 0, tzinfo=UTC)


def identity(folder: Path) -> tuple[str, str]:
    private, public = new_identity()
    (folder / "key.txt").write_text(f"# public key: {public}\n{private}\n")
    return str(folder / "key.txt"), public


def encrypted(encryptor: Encryptor, data: bytes) -> bytes:
    out = io.BytesIO()
    encryptor.encrypt(io.BytesIO(data), out)
    return out.getvalue()


def decrypted(decryptor: Decryptor, data: bytes) -> bytes:
    out = io.BytesIO()
    decryptor.decrypt(io.BytesIO(data), out)
    return out.getvalue()


def test_public_key_writes_what_any_age_opens(tmp_path):
    file, public = identity(tmp_path)
    data = encrypted(Encryptor([public]), b"rows" * 100_000)
    assert b"rows" not in data
    assert decrypted(Decryptor(file), data) == b"rows" * 100_000
    private = pyrage.x25519.Identity.from_str((tmp_path / "key.txt").read_text().splitlines()[1])
    assert pyrage.decrypt(data, [private]) == b"rows" * 100_000


def test_passphrase_is_asked_for_where_one_was_used():
    # That it opens is tried by bench/drills/backup_elsewhere.py: age has each try take seconds of a processor.
    with pytest.raises(BackupFailed, match="set BACKUP_PASSPHRASE_FILE"):
        decrypted(Decryptor(), b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl")
    with pytest.raises(BackupFailed, match="isn't encrypted"):
        decrypted(Decryptor(), b"PGDMP")


@pytest.mark.parametrize("harm", ["cut", "flip", "foreign"])
def test_damaged_file_is_refused(tmp_path, harm):
    file, public = identity(tmp_path)
    data = bytearray(encrypted(Encryptor([public]), b"rows" * 100_000))
    if harm == "cut":
        del data[200_000:]
    elif harm == "flip":
        data[200_000] ^= 1
    else:
        data = bytearray(encrypted(Encryptor([new_identity()[1]]), b"rows"))
    with pytest.raises(BackupFailed, match=r"damaged or cut off|doesn't open"):
        decrypted(Decryptor(file), bytes(data))


def test_lock_needs_a_key_or_a_good_passphrase(tmp_path):
    (tmp_path / "short").write_text("hunter2\n")
    for arguments in ((), (["age1nonsense"],), ([], str(tmp_path / "short")), ([], str(tmp_path / "absent"))):
        with pytest.raises(BackupFailed, match="BACKUP_"):
            Encryptor(*arguments)


def test_long_stream_is_kept_in_pieces(monkeypatch):
    monkeypatch.setattr("concert_site.operations.backup.archive.PIECE_BYTES", 1000)
    out = io.BytesIO()
    with ArchiveWriter(out) as archive:
        archive.add_stream("database", io.BytesIO(b"x" * 2500))
        archive.add_bytes("keys/A", b"secret")
        archive.add_manifest(b"{}")
    out.seek(0)
    found = [(name, len(data)) for name, data in pieces_of(out)]
    assert found == [("database", 1000), ("database", 1000), ("database", 500), ("keys/A", 6), ("manifest.json", 2)]
    whole = Part(pieces=3)
    whole.add(b"x" * 2500)
    assert archive.parts["database"].as_json() == whole.as_json()


def test_reader_hears_what_went_wrong_in_the_writer():
    def write(out):
        out.write(b"half")
        raise BackupFailed("pg_dump failed")

    read = 0
    with pytest.raises(BackupFailed, match="pg_dump failed"), written_by(write) as source:
        read = len(source.read(4)) + len(source.read(4))
    assert read == 0


def test_half_a_backup_is_never_taken_for_one(tmp_path):
    store = Folder(tmp_path)

    def fail(out):
        out.write(b"half")
        raise BackupFailed("the network is gone")

    with pytest.raises(BackupFailed):
        store.save("frontrow-20270301T030000Z.tar.age", fail)
    assert list(tmp_path.iterdir()) == []
    # What a backup that was killed has left.
    (tmp_path / "frontrow-20270301T030000Z.tar.age.partial").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    assert store.archives() == []
    store.clear_drafts()
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
    assert store.save("frontrow-20270301T030000Z.tar.age", lambda out: out.write(b"whole")) == 5
    assert store.archives() == [StoredArchive(NIGHT, "frontrow-20270301T030000Z.tar.age", 5)]


def test_rule_keeps_the_newest_of_days_weeks_and_months():
    times = [NIGHT - timedelta(days=day, hours=hour) for day in range(100) for hour in (0, 1)]
    nightly = [StoredArchive(made_at, f"{(NIGHT - made_at).days}-{made_at.hour}", 1) for made_at in times]
    gone = retention.superfluous(nightly, retention.RetentionRule(daily=3, weekly=2, monthly=3))
    left = sorted(set(nightly) - set(gone), reverse=True)
    # Monday 1 March; Sundays end weeks; months end on 28 February and 31 January.
    assert [archive.name for archive in left] == ["0-3", "1-3", "2-3", "29-3"]
    assert retention.superfluous(nightly, retention.RetentionRule(0, 0, 0)) == []
    assert len(retention.superfluous(nightly[:1], retention.RetentionRule(0, 0, 1))) == 0


def test_unknown_store_is_refused():
    with pytest.raises(BackupFailed, match="folder or to s3"):
        store_at("ftp://example.com/backups")


def test_programs_that_do_not_fit_are_refused_by_what_to_install(monkeypatch):
    tools = (postgres_tools.Tools((15, 18), Path("/a")), postgres_tools.Tools((18, 6), Path("/b")))
    monkeypatch.setattr(postgres_tools, "known_tools", lambda: tools)
    assert postgres_tools.tools_for_dump(15) == tools[0]
    with pytest.raises(BackupFailed, match="postgresql-client-16"):
        postgres_tools.tools_for_dump(16)
    assert postgres_tools.tools_for_restore(dumped_by=15, major=15) == tools[0]
    assert postgres_tools.tools_for_restore(dumped_by=15, major=18) == tools[1]
    with pytest.raises(BackupFailed, match="use 18 or later"):
        postgres_tools.tools_for_restore(dumped_by=18, major=15)


def backups_of(folder: Path) -> list[Path]:
    return sorted((folder / "store").glob("*"))


@pytest.fixture
def past_the_pooler(transactional_db):
    with pooled.past_it():
        yield


@pytest.mark.processes
def test_backup_is_restored_as_it_was_and_a_tampered_one_is_not(past_the_pooler, tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path / "media"
    file, public = identity(tmp_path)
    settings.BACKUP_RECIPIENT, settings.BACKUP_TO = [public], str(tmp_path / "store")
    settings.TICKET_PRIVATE_KEY = ""
    name = f"posters/{'a' * 64}.webp"
    default_storage.save(name, ContentFile(b"a poster"))
    User.objects.create_user("fan@example.com")
    printed = io.StringIO()
    call_command("backup", stdout=printed)
    (backup,) = backups_of(tmp_path)
    assert backup.stat().st_mode & 0o077 == 0
    assert b"fan@example.com" not in backup.read_bytes()

    User.objects.create_user("later@example.com")
    call_command("backup", verify=str(backup), identity=file, stdout=printed)
    assert "Audit: all" in printed.getvalue()
    assert databases_left() == []

    # Into a database of its own, since the test's is in use.
    default_storage.delete(name)
    restored = databases.scratch_name("verify")
    databases.create_like(restored, connection.settings_dict["NAME"])
    try:
        with databases.pointed_at(restored):
            restoring.restore(
                str(backup), Decryptor(file), restoring.RestoreOptions(keys_to=str(tmp_path / "keys")), print
            )
            assert list(User.objects.values_list("email", flat=True)) == ["fan@example.com"]
            # Whoever signs up now gets no number that was another's.
            assert User.objects.create_user("new@example.com").pk > 10_000_000
            with pytest.raises(CommandError, match="isn't empty"):
                call_command("restore", str(backup), identity=file)
    finally:
        databases.drop(restored)
    with default_storage.open(name) as poster:
        assert poster.read() == b"a poster"
    assert (tmp_path / "keys" / "SECRET_KEY").read_text() == settings.SECRET_KEY

    data = bytearray(backup.read_bytes())
    data[-100] ^= 1
    backup.write_bytes(data)
    with pytest.raises(CommandError, match="damaged"):
        call_command("backup", verify=str(backup), identity=file)
    assert databases_left() == []


@pytest.mark.django_db(transaction=True)
def test_what_was_empty_and_is_not_in_order_says_so(monkeypatch):
    own, place = str(connection.settings_dict["NAME"]), databases.scratch_name("restore")

    def restored_half(name, *_arguments):
        with databases.pointed_at(name), connection.cursor() as cursor:
            cursor.execute("create table concert (id int)")
        raise BackupFailed("the audit found 1 breach")

    def refused(*_arguments):
        raise BackupFailed("pg_restore failed")

    databases.create_like(place, own)
    try:
        with databases.pointed_at(place):
            monkeypatch.setattr(restoring, "restore_into", refused)
            with pytest.raises(BackupFailed) as empty:
                restoring.fill(place, None, restoring.RestoreOptions(), print)
            monkeypatch.setattr(restoring, "restore_into", restored_half)
            with pytest.raises(BackupFailed) as filled:
                restoring.fill(place, None, restoring.RestoreOptions(), print)
    finally:
        databases.drop(place)
    assert str(empty.value) == "pg_restore failed"
    assert f"found 1 breach. Database {place} was empty and now has what was restored" in str(filled.value)
    assert f"--replace {place}" in str(filled.value)


@pytest.mark.django_db
def test_secrets_of_the_address_stand_in_no_command_line(monkeypatch):
    secrets = {"sslpassword": "pass phrase=1", "password": "hunter2"}
    database = connection.copy()
    database.settings_dict["OPTIONS"] = {**database.settings_dict["OPTIONS"], "sslpassword": secrets["sslpassword"]}
    database.settings_dict["PASSWORD"] = secrets["password"]

    said = postgres_tools.connection_string(database)
    assert not [secret for secret in secrets.values() if secret in said]
    with postgres_tools.environment(database) as variables:
        assert not [secret for secret in [secrets["sslpassword"]] if secret in str(variables)]
        file = Path(variables["PGSERVICEFILE"])
        assert file.stat().st_mode & 0o077 == 0
        # libpq itself reads them back.
        with monkeypatch.context() as environment:
            for name in ("PGSERVICEFILE", "PGSERVICE", "PGPASSWORD"):
                environment.setenv(name, variables[name])
            connected = psycopg.connect(said)
        with connected:
            read = {each.keyword.decode(): (each.val or b"").decode() for each in connected.pgconn.info}
        assert {name: read[name] for name in secrets} == secrets
    assert not file.exists()
    with postgres_tools.environment(connection) as variables:
        assert "PGSERVICE" not in variables


def test_key_in_an_archive_is_a_file_by_no_other_name_than_ours(tmp_path):
    files = restoring.RestoredFiles(with_posters=False)
    for name in ("keys/../../cron.d/frontrow", "keys//etc/cron.d/frontrow", "keys/SECRET_KEY"):
        files.take(name, b"* * * * * root true")
    restoring.require_room_for_keys(tmp_path / "a" / "b")
    restoring.write_keys(tmp_path / "a" / "b", files.keys, print)
    files = [file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()]
    assert files == [Path("a/b/SECRET_KEY")]


@pytest.mark.django_db
def test_keys_that_could_not_be_written_are_refused_before_anything_is_done(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "SECRET_KEY").write_text("of the backup before")
    said = {
        tmp_path / "file": "the keys can't be written to .*/file",
        tmp_path: "has a SECRET_KEY already",
    }
    for folder, refusal in said.items():
        with pytest.raises(BackupFailed, match=refusal):
            restoring.restore("/nowhere.tar.age", Decryptor(), restoring.RestoreOptions(keys_to=str(folder)), print)
    with pytest.raises(BackupFailed, match="nowhere"):
        restoring.restore(
            "/nowhere.tar.age", Decryptor(), restoring.RestoreOptions(keys_to=str(tmp_path / "new")), print
        )


def test_age_of_no_hours_is_asked_for_and_no_backup_is_made(tmp_path):
    (tmp_path / "frontrow-20240301T030000Z.tar.age").write_bytes(b"old")
    with pytest.raises(CommandError, match="hours old"):
        call_command("backup", to=str(tmp_path), require_newer_than=0.0)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.django_db(transaction=True)
def test_database_is_replaced_whole_or_keeps_its_name():
    old = databases.scratch_name("restore")
    databases.create_like(old, connection.settings_dict["NAME"])
    try:
        with pytest.raises(BackupFailed, match="could not be replaced"):
            databases.put_in_place("frontrow_restore_absent", old, f"{old}_aside")
        assert databases_left() == [old]
        new = databases.scratch_name("restore")
        databases.create_like(new, old)
        databases.put_in_place(new, old, f"{old}_aside")
        assert databases_left() == [old, f"{old}_aside"]
    finally:
        for name in databases_left():
            databases.drop(name)


def databases_left() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("select datname from pg_database where datname ~ '^frontrow_(verify|restore)_' order by 1")
        return [name for (name,) in cursor.fetchall()]


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_failing_pg_dump_leaves_no_backup(tmp_path, settings):
    settings.BACKUP_RECIPIENT, settings.BACKUP_TO = [new_identity()[1]], str(tmp_path / "store")
    real = postgres_tools.tools_for_dump(databases.server_version() // 10_000)
    fake = tmp_path / "bin"
    fake.mkdir()
    version = subprocess.run([real.folder / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
    (fake / "pg_dump").write_text(
        f"#!/bin/sh\n[ \"$1\" = --version ] && echo '{version.strip()}' && exit\n"
        "head -c 1000000 /dev/zero; echo 'pg_dump: error: disk is gone' >&2; exit 1\n"
    )
    (fake / "pg_dump").chmod(0o755)
    settings.POSTGRES_BIN_DIR = str(fake)
    postgres_tools.known_tools.cache_clear()
    try:
        with pytest.raises(CommandError, match="pg_dump failed: pg_dump: error: disk is gone"):
            call_command("backup")
    finally:
        postgres_tools.known_tools.cache_clear()
    assert backups_of(tmp_path) == []


def test_embedded_cluster_of_another_major_is_refused_by_what_to_do(tmp_path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(CannotStart, match=r"is of PostgreSQL 15, and .* brings 18"):
        postgres.require_major(DataDir(tmp_path))
