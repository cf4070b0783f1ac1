"""Archives in an S3-compatible store. An object is there when its last piece has arrived, and not before."""

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from concert_site.operations.backup.archive_names import StoredArchive, archive_named
from concert_site.operations.backup.errors import BackupFailed
from concert_site.operations.backup.pipes import written_by

# One piece at a time is in memory, and a store takes 10,000 of them: 320 GB.
PIECES = TransferConfig(multipart_threshold=32 * 1024**2, multipart_chunksize=32 * 1024**2, use_threads=False)
# Address, region and keys come from where every program of its kind finds them: AWS_ENDPOINT_URL_S3,
# AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY. Stores that aren't Amazon's know no newer checksums.
OPTIONS = Config(
    connect_timeout=10,
    read_timeout=60,
    retries={"max_attempts": 4, "mode": "standard"},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
FAILURES = (BotoCoreError, ClientError)


class Bucket:
    """A bucket, or what is under a prefix in it: `s3://bucket/prefix`."""

    def __init__(self, address: str) -> None:
        """:raises BackupFailed: if no bucket is named, or no keys can be found"""
        self.bucket, _, prefix = address.removeprefix("s3://").partition("/")
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        if not self.bucket:
            raise BackupFailed(f"{address} names no bucket: write s3://bucket/prefix")
        try:
            self._client: Any = boto3.client("s3", config=OPTIONS)  # Any: boto3 makes its methods as it runs
        except (*FAILURES, ValueError) as error:
            raise BackupFailed(f"the store of {address} can't be used: {error}") from error

    def describe(self, name: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{name}"

    def save(self, name: str, write: Callable[[IO[bytes]], None]) -> int:
        """Send it in pieces as it is written. If that ends early, the store drops those it has.

        :raises BackupFailed: if it can't be sent
        """
        with written_by(write) as source:
            try:
                self._client.upload_fileobj(source, self.bucket, self.prefix + name, Config=PIECES)
                size: int = self._client.head_object(Bucket=self.bucket, Key=self.prefix + name)["ContentLength"]
            except FAILURES as error:
                raise BackupFailed(f"{self.describe(name)} can't be written: {error}") from error
        return size

    def archives(self) -> list[StoredArchive]:
        """:raises BackupFailed: if the store doesn't say"""
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
            objects = [one for page in pages for one in page.get("Contents", ())]
        except FAILURES as error:
            raise BackupFailed(f"{self.describe('')} can't be read: {error}") from error
        found = (archive_named(one["Key"].removeprefix(self.prefix), one["Size"]) for one in objects)
        return sorted(filter(None, found))

    def delete(self, name: str) -> None:
        """:raises BackupFailed: if the store refuses"""
        try:
            self._client.delete_object(Bucket=self.bucket, Key=self.prefix + name)
        except FAILURES as error:
            raise BackupFailed(f"{self.describe(name)} can't be deleted: {error}") from error

    def fetch(self, name: str, to: Path) -> None:
        """Copy an archive into a file, encrypted as it is.

        :raises BackupFailed: if it isn't there
        """
        try:
            self._client.download_file(self.bucket, self.prefix + name, str(to), Config=PIECES)
        except FAILURES as error:
            raise BackupFailed(f"{self.describe(name)} can't be read: {error}") from error
