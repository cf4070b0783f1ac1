"""Backups in an S3-compatible store: there once the last piece has arrived, and not before."""

from datetime import UTC, datetime
from functools import partial

import pytest

from concert_site.operations.backup.archive_names import name_at
from concert_site.operations.backup.errors import BackupFailed
from concert_site.operations.backup.stores import opened, store_at
from concert_site.tests.s3_server import s3_server

pytestmark = pytest.mark.processes

OLDER, NEWER = (name_at(datetime(2031, 1, day, tzinfo=UTC)) for day in (1, 2))


@pytest.fixture(scope="module")
def address():
    with s3_server("backups") as (found, _client):
        yield found


@pytest.fixture
def store(address, monkeypatch, request):
    """What is under a prefix of this test's own."""
    keys = {"AWS_ENDPOINT_URL_S3": address, "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in (keys | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}).items():
        monkeypatch.setenv(name, value)
    return store_at(f"s3://backups/{request.node.name}/")


def save(store, name, content):
    return store.save(name, lambda out: out.write(content))


def test_archives_are_kept_listed_read_and_deleted(store, tmp_path):
    assert (save(store, NEWER, b"newer"), save(store, OLDER, b"old")) == (5, 3)
    save(store, "notes.txt", b"none of ours")

    assert [(each.name, each.size) for each in store.archives()] == [(OLDER, 3), (NEWER, 5)]
    with opened(store.describe(OLDER), tmp_path) as file:
        assert file.read() == b"old"

    store.delete(OLDER)
    assert [each.name for each in store.archives()] == [NEWER]
    with pytest.raises(BackupFailed, match=r"s3://backups/.* can't be read"):
        opened(store.describe(OLDER), tmp_path)


def test_what_failed_on_its_way_is_not_there(store):
    def fail(out):
        out.write(b"some")
        raise BackupFailed("pg_dump failed")

    with pytest.raises(BackupFailed, match="pg_dump failed"):
        store.save(NEWER, fail)

    assert store.archives() == []


def test_a_bucket_that_is_not_there_is_said(store, tmp_path):
    other = store_at("s3://elsewhere")

    for step in (partial(save, other, NEWER, b"x"), other.archives, partial(other.delete, NEWER)):
        with pytest.raises(BackupFailed, match="s3://elsewhere/"):
            step()


def test_an_address_names_a_bucket():
    with pytest.raises(BackupFailed, match="s3:///site names no bucket"):
        store_at("s3:///site")
