"""Fixtures of the tests of S3: a bucket, a prefix in it for each test, and a file that is uploaded in parts."""

import random
from pathlib import Path
from uuid import uuid4

import pytest

from slomo_batch.storage.s3_upload import MULTIPART_FROM_BYTES
from tests.s3_server import S3Server

MIB = 1 << 20


@pytest.fixture(scope="session")
def bucket(s3: S3Server) -> str:
    return s3.make_bucket()


@pytest.fixture
def prefix(bucket: str) -> str:
    return f"s3://{bucket}/{uuid4().hex}"


@pytest.fixture(scope="session")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("big") / "big.mp4"
    path.write_bytes(random.Random(4).randbytes(MIB) * (MULTIPART_FROM_BYTES // MIB) + b"and more")
    return path
