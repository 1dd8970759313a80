"""The policies of docs/aws grant what the code calls, and nothing that could be narrower: as far as shows offline."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import ray.autoscaler._private.aws.node_provider
import yaml

from slomo_batch.steps import sidecar
from tests.architecture.project import modules, parsed

ROOT = Path(__file__).parents[1]
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
TYPES: dict[str, Any] = CONFIG["available_node_types"]
POLICIES = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "docs" / "aws").glob("*.json"))}
STATEMENTS = [(name, each) for name, policy in POLICIES.items() for each in policy["Statement"]]
WORK, OUTPUT = "arn:aws:s3:::EXAMPLE-SCRATCH", "arn:aws:s3:::EXAMPLE-OUTPUT"

S3_ACTIONS = {
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "complete_multipart_upload": "s3:PutObject",
    "create_multipart_upload": "s3:PutObject",
    "delete_objects": "s3:DeleteObject",
    "get_object": "s3:GetObject",
    "head_object": "s3:GetObject",
    "list_multipart_uploads": "s3:ListBucketMultipartUploads",
    "list_objects_v2": "s3:ListBucket",
    "list_parts": "s3:ListMultipartUploadParts",
    "put_object": "s3:PutObject",
    "upload_part": "s3:PutObject",
}
"""What a call takes: the service authorization reference, section Amazon S3."""
EC2_ACTIONS = {
    "create_tags": "ec2:CreateTags",
    "terminate_instances": "ec2:TerminateInstances",
    "describe_instance_types": "",  # by `ray up` alone, where it is called
    "describe_images": "",  # only with CloudWatch's agent, which the file does not ask for
    "start_instances": "",  # only where stopped nodes are kept: cache_stopped_nodes is off
    "stop_instances": "",
}
NO_RESOURCE = {"ec2:DescribeInstances"}
"""Actions that can be granted for everything only."""


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def granted(name: str, resource: str) -> set[str]:
    """Actions that a policy allows on this very resource, conditions aside."""
    return {
        action
        for each in POLICIES[name]["Statement"]
        if resource in listed(each["Resource"])
        for action in listed(each["Action"])
    }


# ---- form ----------------------------------------------------------------------------------------------------------


def test_the_policies_of_three_purposes_are_there() -> None:
    assert set(POLICIES) == {"head", "storage", "trust"}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_has_the_form_of_one(name: str) -> None:
    policy = POLICIES[name]
    assert set(policy) == {"Version", "Statement"}
    assert policy["Version"] == "2012-10-17"
    sids = [each["Sid"] for each in policy["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)
    for each in policy["Statement"]:
        about = "Principal" if name == "trust" else "Resource"
        assert set(each) - {"Condition"} == {"Sid", "Effect", "Action", about}
        assert each["Effect"] == "Allow"
        assert listed(each["Action"])
    # What may stand inline in a role, white space aside.
    assert len(json.dumps(policy, separators=(",", ":"))) <= 10_240


@pytest.mark.parametrize(("name", "statement"), STATEMENTS)
def test_actions_are_named_one_by_one_and_exist(name: str, statement: dict[str, Any]) -> None:
    for action in listed(statement["Action"]):
        service, verb = action.split(":")
        if service == "s3":
            assert action in S3_ACTIONS.values()
        elif action not in {"iam:PassRole", "sts:AssumeRole"}:
            model = botocore.session.get_session().get_service_model(service)
            assert verb in model.operation_names


@pytest.mark.parametrize(("name", "statement"), STATEMENTS)
def test_a_wildcard_stands_only_where_no_name_can(name: str, statement: dict[str, Any]) -> None:
    for resource in listed(statement.get("Resource", [])):
        if resource == "*":
            assert set(listed(statement["Action"])) <= NO_RESOURCE
            continue
        arn, partition, service, region, account, rest = resource.split(":", 5)
        assert (arn, partition) == ("arn", "aws")
        assert not re.search(r"[*?]", service + region + account)
        kind = rest.split("/")[0]
        assert not re.search(r"[*?]", kind), "a bucket or a kind of resource is named"
        if service == "ec2":
            assert region == CONFIG["provider"]["region"]
        if service in {"iam", "ssm"}:
            assert "*" not in rest


def test_conditions_use_operators_that_exist_on_keys_that_exist() -> None:
    for name, each in STATEMENTS:
        for operator, keys in each.get("Condition", {}).items():
            assert operator == "StringEquals", name
            assert set(keys) <= {
                "aws:RequestTag/ray-cluster-name",
                "aws:ResourceTag/ray-cluster-name",
                "ec2:CreateAction",
                "iam:PassedToService",
            }


# ---- S3: what the code calls ---------------------------------------------------------------------------------------


def s3_calls() -> Iterator[str]:
    """Names of the operations that the code asks a boto3 client for."""
    for path in modules("slomo_batch"):
        for node in ast.walk(parsed(path)) if path.parent.name == "storage" else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                if node.func.attr == "get_paginator":
                    yield ast.literal_eval(node.args[0])
                elif owner == "client" or owner.endswith("._client"):
                    yield node.func.attr


def test_every_s3_call_of_the_code_is_granted_on_the_work_place_and_nothing_else_is() -> None:
    calls = set(s3_calls())
    assert {"get_object", "put_object", "list_objects_v2", "upload_part"} <= calls
    unknown = calls - set(S3_ACTIONS)
    assert not unknown, f"say in S3_ACTIONS what {sorted(unknown)} takes, and grant it in docs/aws/storage.json"
    everything = granted("storage", WORK) | granted("storage", f"{WORK}/slomo/jobs/*")
    assert everything == {S3_ACTIONS[call] for call in calls}


def test_the_archive_is_only_read_and_of_the_outputs_only_the_probe_can_be_deleted() -> None:
    assert granted("storage", "arn:aws:s3:::EXAMPLE-ARCHIVE/*") == {"s3:GetObject"}
    assert "s3:DeleteObject" not in granted("storage", f"{OUTPUT}/*")
    assert granted("storage", f"{OUTPUT}/*.probe") == {"s3:DeleteObject"}
    assert granted("storage", f"{OUTPUT}/*{sidecar.SUFFIX}") == {"s3:DeleteObject"}


def test_buckets_are_listed_without_a_condition_for_else_what_is_missing_looks_refused() -> None:
    lists = [each for _, each in STATEMENTS if "s3:ListBucket" in listed(each["Action"])]
    assert lists
    assert all("Condition" not in each and not str(each["Resource"]).endswith("/*") for each in lists)


# ---- EC2: what Ray's autoscaler calls on the head ------------------------------------------------------------------


def test_every_ec2_call_of_the_autoscaler_is_granted() -> None:
    source = Path(ray.autoscaler._private.aws.node_provider.__file__).read_text()
    calls = set(re.findall(r"(?:meta\.client|ec2)\.([a-z_]+(?:instances|tags|images|types))\b", source))
    assert calls >= {"create_tags", "terminate_instances"}
    assert calls <= set(EC2_ACTIONS), "this Ray calls what the policy has not been judged against"
    actions = {action for each in POLICIES["head"]["Statement"] for action in listed(each["Action"])}
    assert {EC2_ACTIONS[call] for call in calls} - {""} <= actions
    assert {"ec2:RunInstances", "ec2:DescribeInstances"} <= actions
    assert CONFIG["provider"]["cache_stopped_nodes"] is False


def test_only_instances_of_this_cluster_are_started_tagged_and_ended() -> None:
    for each in POLICIES["head"]["Statement"]:
        if any(":instance/" in resource for resource in listed(each["Resource"])):
            [(_, value)] = each["Condition"]["StringEquals"].items()
            assert value in {CONFIG["cluster_name"], "RunInstances"}


def test_the_head_can_hand_on_the_workers_role_and_no_other() -> None:
    [passing] = [each for _, each in STATEMENTS if "iam:PassRole" in listed(each["Action"])]
    workers = {
        kind["node_config"]["IamInstanceProfile"]["Name"]
        for name, kind in TYPES.items()
        if name != CONFIG["head_node_type"]
    }
    assert {resource.rsplit("/")[-1] for resource in listed(passing["Resource"])} == workers
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    assert TYPES["head"]["node_config"]["IamInstanceProfile"]["Name"] not in workers


def test_the_head_can_find_the_image_of_the_file() -> None:
    images = {kind["node_config"]["ImageId"] for kind in TYPES.values()}
    [finding] = [each for _, each in STATEMENTS if "ssm:GetParameters" in listed(each["Action"])]
    assert {f"resolve:ssm:{finding['Resource'].split(':parameter')[1]}"} == images
