"""The JSON Schema accepts the same manifests as the program."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from slomo_batch.manifest.schema import json_schema
from tests.manifest.manifests import GOOD, with_inputs

ROOT = Path(__file__).parents[2]
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def faults(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def test_the_schema_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", ["jobs/demo.yaml", "jobs/ramp.yaml", "jobs/archive-s3.yaml"])
def test_the_schema_accepts_the_shipped_manifests(path: str) -> None:
    assert faults((ROOT / path).read_text()) == []


@pytest.mark.parametrize(
    "more",
    [
        "",
        "retime: {slowdown: 2.5, fps: 60}\n",
        "retime: {slowdown: 5/2, fps: 60000/1001}\n",
        "retime: {fps: x2}\n",
        "retime: {fps: source}\n",
        "interpolate: {method: blend, precision: bf16, flow_scale: 0.5}\n",
        "interpolate: {flow_scale: 1/4, doubt: trust}\n",
        "interpolate: {doubt: hold}\n",
        "chunks: {pairs: 8}\n",
        "cluster: {workers: {max: auto}, gpus_per_worker: 0.5}\n",
        "storage: {requester_pays: yes, expected_bucket_owner: '012345678901'}\n",
        "storage: {shared: [/mnt/archive, file:///mnt/b]}\n",
        "storage: {buckets: {studio: {endpoint_url: 'https://minio.example.org', profile: studio}}}\n",
    ],
)
def test_the_schema_accepts_what_load_accepts(more: str) -> None:
    assert faults(GOOD + more) == []


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("version: 1", "version: 2"),
        GOOD.replace("name: derby-2019", "name: a b"),
        GOOD + "retim: {}\n",
        GOOD + "retime: {ramp: []}\n",
        GOOD + "retime: {slowdown: 0.5}\n",
        GOOD + "retime: {fps: fast}\n",
        GOOD + "encode: {codec: h256}\n",
        GOOD + "encode: {quality: -1}\n",
        GOOD + "interpolate: {method: flo}\n",
        GOOD + "chunks: {pairs: few}\n",
        with_inputs("[]"),
        with_inputs("[{uri: a.mov, table: b.csv}]"),
        with_inputs("[{except: [a]}]"),
        GOOD.replace("output:\n  uri: out/{stem}.mp4\n", ""),
    ],
)
def test_the_schema_refuses_what_load_refuses(text: str) -> None:
    assert faults(text) != []


def test_every_setting_has_a_default_that_the_schema_accepts() -> None:
    def walk(node: Any) -> None:
        for part in node.get("properties", {}).values():
            if "default" in part:
                own = {**part, "$defs": json_schema()["$defs"]}
                empty_means_absent = part["default"] in ("", [])
                assert empty_means_absent or jsonschema.Draft202012Validator(own).is_valid(part["default"]), part

    whole = json_schema()
    walk(whole)
    for section in whole["$defs"].values():
        walk(section)
