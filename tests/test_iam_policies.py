"""The policies of docs/aws grant what the code calls, and nothing that could be narrower: as far as shows offline."""

import ast
import fnmatch
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import ray.autoscaler._private.aws.config
import ray.autoscaler._private.aws.node_provider
import ray.autoscaler.tags
import yaml

from slomo_batch.steps import sidecar
from tests.architecture.project import modules, parsed

ROOT = Path(__file__).parents[1]
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
TYPES: dict[str, Any] = CONFIG["available_node_types"]
HEAD: str = CONFIG["head_node_type"]
POLICIES = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "docs" / "aws").glob("*.json"))}
STATEMENTS = [(name, each) for name, policy in POLICIES.items() for each in policy["Statement"]]
WORK, OUTPUT = "arn:aws:s3:::EXAMPLE-SCRATCH", "arn:aws:s3:::EXAMPLE-OUTPUT/EXAMPLE-PREFIX"
OBJECTS = (f"{WORK}/slomo/jobs/*", f"{WORK}/slomo/*.probe")
"""Those of jobs, and those with which `slomo-batch doctor` tries whether it may write."""
LAUNCHERS = {"head": False, "operator": True}
"""Policies that start instances, and whether they start the head; else the workers."""

S3_ACTIONS = {
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "complete_multipart_upload": "s3:PutObject",
    "create_multipart_upload": "s3:PutObject",
    "delete_objects": "s3:DeleteObject",
    "get_bucket_lifecycle_configuration": "s3:GetLifecycleConfiguration",
    "get_bucket_versioning": "s3:GetBucketVersioning",
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
    "describe_instance_types": "",  # by `ray up` alone
    "describe_images": "",  # only with CloudWatch's agent, which the file does not ask for
    "start_instances": "",  # only where stopped nodes are kept: cache_stopped_nodes is off
    "stop_instances": "",
}
OPERATOR_ACTIONS = {
    "create_key_pair": "ec2:CreateKeyPair",
    "describe_instance_types": "ec2:DescribeInstanceTypes",
    "key_pairs.filter": "ec2:DescribeKeyPairs",
    "security_groups.filter": "ec2:DescribeSecurityGroups",
    "subnets.all": "ec2:DescribeSubnets",
}
"""What `ray up` calls before it starts the head: Ray's module, with a group and roles that exist."""
NO_RESOURCE = {
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeKeyPairs",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
}
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


def test_the_policies_of_five_purposes_are_there() -> None:
    assert set(POLICIES) == {"head", "operator", "storage", "trust", "worker"}


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
    # The limits of a policy inside a role, and of one that is attached to a person, without white space.
    assert len(json.dumps(policy, separators=(",", ":"))) <= (6_144 if name == "operator" else 10_240)


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


CONDITIONS = {
    "StringEquals": {
        "aws:RequestTag/ray-cluster-name",
        "aws:ResourceTag/ray-cluster-name",
        "ec2:CreateAction",
        "ec2:InstanceType",
        "ec2:MetadataHttpTokens",
        "ec2:Owner",
        "iam:PassedToService",
    },
    "ForAllValues:StringLike": {"aws:TagKeys"},
    "NumericEquals": {"ec2:MetadataHttpPutResponseHopLimit"},
}
"""Condition operators and their keys: the service authorization reference, sections Amazon EC2 and IAM."""


def test_conditions_use_operators_that_exist_on_keys_that_exist() -> None:
    for name, each in STATEMENTS:
        for operator, keys in each.get("Condition", {}).items():
            assert set(keys) <= CONDITIONS[operator], name


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
    everything = granted("storage", WORK) | granted("storage", OBJECTS[0])
    assert everything == {S3_ACTIONS[call] for call in calls}


def test_the_archive_is_only_read_and_of_the_outputs_only_the_probe_can_be_deleted() -> None:
    assert granted("storage", "arn:aws:s3:::EXAMPLE-ARCHIVE/EXAMPLE-PREFIX/*") == {"s3:GetObject"}
    assert "s3:DeleteObject" not in granted("storage", f"{OUTPUT}/*")
    assert granted("storage", f"{OUTPUT}/*.probe") == {"s3:DeleteObject"}
    assert granted("storage", f"{OUTPUT}/*{sidecar.SUFFIX}") == {"s3:DeleteObject"}


def test_gpu_workers_may_do_with_the_work_place_what_others_may_and_nothing_else() -> None:
    assert {resource for each in POLICIES["worker"]["Statement"] for resource in listed(each["Resource"])} == {
        WORK,
        *OBJECTS,
    }
    for objects in OBJECTS:
        assert granted("worker", objects) == granted("storage", objects)
    assert granted("worker", WORK) == {"s3:ListBucket"}


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


def statement(name: str, sid: str) -> dict[str, Any]:
    """A statement of a policy, by the beginning of its id."""
    [found] = [each for each in POLICIES[name]["Statement"] if each["Sid"].startswith(sid)]
    assert isinstance(found, dict)
    return found


def nodes_started_with(name: str) -> list[dict[str, Any]]:
    """Configurations of the nodes that the holder of a policy starts."""
    is_head = LAUNCHERS[name]
    return [kind["node_config"] for kind_name, kind in TYPES.items() if (kind_name == HEAD) == is_head]


@pytest.mark.parametrize("name", LAUNCHERS)
def test_only_instances_of_this_cluster_are_started_tagged_and_ended(name: str) -> None:
    for each in POLICIES[name]["Statement"]:
        if any(":instance/" in resource for resource in listed(each["Resource"])):
            equal = each["Condition"]["StringEquals"]
            tag = equal.get("aws:RequestTag/ray-cluster-name") or equal.get("aws:ResourceTag/ray-cluster-name")
            assert tag == CONFIG["cluster_name"] or equal == {"ec2:CreateAction": "RunInstances"}
    assert "ec2:RunInstances" in listed(statement(name, "Start")["Action"])


@pytest.mark.parametrize("name", LAUNCHERS)
def test_only_the_instance_types_of_the_file_are_started_with_protected_metadata(name: str) -> None:
    condition = statement(name, "Start")["Condition"]
    nodes = nodes_started_with(name)
    assert set(listed(condition["StringEquals"]["ec2:InstanceType"])) == {node["InstanceType"] for node in nodes}
    for node in nodes:
        metadata = node["MetadataOptions"]
        assert condition["StringEquals"]["ec2:MetadataHttpTokens"] == metadata["HttpTokens"]
        limit = condition["NumericEquals"]["ec2:MetadataHttpPutResponseHopLimit"]
        assert int(limit) == metadata["HttpPutResponseHopLimit"] == 1


@pytest.mark.parametrize("name", LAUNCHERS)
def test_instances_start_from_images_of_amazon_in_the_group_of_the_file_only(name: str) -> None:
    image = statement(name, "FromImages")
    assert image["Condition"] == {"StringEquals": {"ec2:Owner": "amazon"}}
    runs = [
        resource
        for each in POLICIES[name]["Statement"]
        if "ec2:RunInstances" in listed(each["Action"]) and "Condition" not in each
        for resource in listed(each["Resource"])
    ]
    assert not any(":image/" in resource or ":instance/" in resource for resource in runs)
    groups = {resource.rpartition("/")[2] for resource in runs if ":security-group/" in resource}
    assert groups == {group for node in nodes_started_with(name) for group in node["SecurityGroupIds"]}
    is_spot = any("InstanceMarketOptions" in node for node in nodes_started_with(name))
    assert any("spot-instances-request" in resource for resource in runs) == is_spot


@pytest.mark.parametrize("name", LAUNCHERS)
def test_all_tags_of_ray_and_no_others_can_be_set(name: str) -> None:
    tags = [value for key, value in vars(ray.autoscaler.tags).items() if key.startswith("TAG_")]
    for sid in ("TagWhatIsBeingStarted", "TagInstances"):
        allowed = statement(name, sid)["Condition"]["ForAllValues:StringLike"]["aws:TagKeys"]
        assert all(any(fnmatch.fnmatchcase(tag, pattern) for pattern in allowed) for tag in [*tags, "Name"])
        assert not any(fnmatch.fnmatchcase("cost-center", pattern) for pattern in allowed)


@pytest.mark.parametrize("name", LAUNCHERS)
def test_a_launcher_can_pass_the_role_of_its_nodes_and_no_other(name: str) -> None:
    [passing] = [each for each in POLICIES[name]["Statement"] if "iam:PassRole" in listed(each["Action"])]
    roles = {node["IamInstanceProfile"]["Name"] for node in nodes_started_with(name)}
    assert {resource.rsplit("/")[-1] for resource in listed(passing["Resource"])} == roles
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}


def test_head_and_workers_have_different_roles() -> None:
    names = [{node["IamInstanceProfile"]["Name"] for node in nodes_started_with(name)} for name in LAUNCHERS]
    assert not set.intersection(*names)


@pytest.mark.parametrize("name", LAUNCHERS)
def test_a_launcher_can_find_the_image_of_the_file(name: str) -> None:
    images = {kind["node_config"]["ImageId"] for kind in TYPES.values()}
    finding = statement(name, "FindTheImage")
    assert finding["Action"] == "ssm:GetParameters"
    assert {f"resolve:ssm:{finding['Resource'].split(':parameter')[1]}"} == images


# ---- EC2: what `ray up` calls ----------------------------------------------------------------------------------------


def test_every_call_of_ray_up_is_granted_and_nothing_else_is() -> None:
    launcher: tuple[Any, ...] = (ray.autoscaler._private.aws.config, ray.autoscaler._private.aws.node_provider)
    source = "".join(Path(module.__file__).read_text() for module in launcher)
    assert all(call in source for call in OPERATOR_ACTIONS), "this Ray calls something else"
    shared = {action for each in POLICIES["head"]["Statement"] for action in listed(each["Action"])}
    operator = {action for each in POLICIES["operator"]["Statement"] for action in listed(each["Action"])}
    assert operator == shared | set(OPERATOR_ACTIONS.values())


def test_the_key_that_ray_makes_can_be_made_and_used() -> None:
    launcher: Any = ray.autoscaler._private.aws.config
    key, _ = launcher.key_pair(0, CONFIG["provider"]["region"], None)
    for name in LAUNCHERS:
        [pattern] = {
            resource.rpartition("/")[2]
            for each in POLICIES[name]["Statement"]
            for resource in listed(each["Resource"])
            if ":key-pair/" in resource
        }
        assert fnmatch.fnmatchcase(key, pattern)
