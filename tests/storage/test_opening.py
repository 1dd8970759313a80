"""Opening of stores."""

import pickle
import subprocess
import sys
from pathlib import Path

from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.s3 import S3Store
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.uri import Uri


def test_a_spec_opens_the_store_it_names_in_whichever_process(tmp_path: Path) -> None:
    local = open_store(pickle.loads(pickle.dumps(StoreSpec(uri=Uri(tmp_path)))))
    assert isinstance(local, LocalStore)
    assert local.root == str(tmp_path)
    remote = open_store(
        pickle.loads(pickle.dumps(StoreSpec(uri=Uri("s3://bucket/a/b/"), options=S3Options(region="x"))))
    )
    assert isinstance(remote, S3Store)
    assert remote.root == "s3://bucket/a/b"
    assert remote.uri("c") == "s3://bucket/a/b/c"
    assert open_store(StoreSpec(uri=Uri("s3://bucket"))).uri("c") == "s3://bucket/c"


def test_boto3_is_loaded_only_where_s3_is_used(tmp_path: Path) -> None:
    program = f"""
import sys
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.uri import Uri
open_store(StoreSpec(uri=Uri({str(tmp_path)!r}))).put("a", b"")
assert not {{"boto3", "botocore"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=240)
