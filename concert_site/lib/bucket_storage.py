"""Uploads in an S3-compatible store, which all web nodes share: what concert_site.lib.storage does with a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.base import File
from django.utils.deconstruct import deconstructible
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from concert_site.lib.cache_control import FOR_EVER
from concert_site.lib.errors import Unavailable

NOT_FOUND = 404
# Addresses of Amazon's own environment variables are those of backups, which lie elsewhere. Stores that aren't Amazon's
# know no newer checksums.
CLIENT = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"max_attempts": 2, "mode": "standard"},
    ignore_configured_endpoint_urls=True,
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


@contextmanager
def reaching_the_store(name: str) -> Iterator[None]:
    """Have the store's failures be ours.

    :raises FileNotFoundError: for what isn't there
    :raises Unavailable: while the store is away, or refuses us
    """
    try:
        yield
    except ClientError as error:
        if error.response["ResponseMetadata"].get("HTTPStatusCode") == NOT_FOUND:
            raise FileNotFoundError(name) from None
        raise Unavailable from error
    except BotoCoreError as error:
        raise Unavailable from error


@deconstructible
class BucketStorage(S3Storage):  # type: ignore[misc]  # django-storages comes without types
    """Files in a bucket, each there as a whole or not at all: a store shows an object once it has arrived.

    A name says what is in its file, so a name that is taken is that very file, and is written again.
    """

    def __init__(self, *, public_url: str = "", **options: Any) -> None:  # Any: django-storages' own
        """:param public_url: where readers find the files without us, with a slash at its end; empty: by us"""
        self.public_url = public_url
        parameters = {"CacheControl": FOR_EVER}
        super().__init__(**options, client_config=CLIENT, object_parameters=parameters, file_overwrite=True)

    def url(self, name: str, *_args: object, **_options: object) -> str:
        """Where a browser finds a file: it needs no signature, and is the same for everybody."""
        return f"{self.public_url or settings.MEDIA_URL}{name}"

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        with reaching_the_store(name):
            found: File[bytes] = super()._open(name, mode)
            # Read now, so that what fails, fails here.
            found.open()
            return found

    def _save(self, name: str, content: File[bytes]) -> str:
        with reaching_the_store(name):
            saved: str = super()._save(name, content)
            return saved

    def delete(self, name: str) -> None:
        with reaching_the_store(name):
            super().delete(name)

    def exists(self, name: str) -> bool:
        with reaching_the_store(name):
            return bool(super().exists(name))

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        with reaching_the_store(name):
            folders, files = super().listdir(name)
            return folders, files

    def get_modified_time(self, name: str) -> datetime:
        with reaching_the_store(name):
            found: datetime = super().get_modified_time(name)
            return found

    def written_files(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """The name of every file in a folder, and when it was last written or touched; a thousand a question."""
        path = self._normalize_name(clean_name(folder)) + "/"
        with reaching_the_store(folder):
            pages = self.connection.meta.client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket_name, Prefix=path, Delimiter="/"):
                for each in page.get("Contents", ()):
                    yield f"{folder}/{each['Key'].removeprefix(path)}", each["LastModified"]

    def touch(self, name: str, moment: datetime) -> None:
        """Let a file count as written now: a store keeps no other time than its own, and copies without a download."""
        key = self._normalize_name(clean_name(name))
        with reaching_the_store(name):
            self.bucket.Object(key).copy_from(
                CopySource={"Bucket": self.bucket_name, "Key": key},
                MetadataDirective="REPLACE",
                **self._get_write_parameters(name),
            )
