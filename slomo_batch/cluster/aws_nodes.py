"""What a cluster file for AWS asks of EC2: region, zones, network, image, machine type, disk. Checked without AWS."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from slomo_batch.cluster.instance_types import InstanceType, instance_type
from slomo_batch.cluster.scratch import SCRATCH
from slomo_batch.manifest.scalars import did_you_mean
from slomo_batch.storage.ec2 import known_regions, node_config_problems

PLACEHOLDER = "REPLACE-ME"
"""Part of each value that a person must write before the file can be used."""
MIN_MEMORY_GIB = 8
"""Least memory of a machine: Ray, the driver or a worker, and the libraries."""
MIN_ROOT_GB = 60
"""Least root disk: the image, the GPU libraries of the Python environment, and scratch files of steps."""
_IMAGE_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})|resolve:ssm:\S+|latest_dlami")
_GROUP_ID = re.compile(r"sg-([0-9a-f]{8}|[0-9a-f]{17})")
_ANYONE = {"0.0.0.0/0", "::/0"}
_ROOT_OF_UBUNTU = "/dev/sda1"


def aws_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Problems of a file whose provider is AWS and whose form Ray's schema accepts; of others, nothing."""
    provider = config["provider"]
    if provider.get("type") != "aws":
        return
    yield from _place_problems(provider)
    if provider.get("cache_stopped_nodes", True):
        yield (
            "provider.cache_stopped_nodes: is not false, so Ray stops machines instead of terminating them, "
            "and their disks are billed"
        )
    yield from _ssh_problems(config)
    for name, kind in config["available_node_types"].items():
        node = kind.get("node_config", {})
        faults = chain(
            node_config_problems(node),
            _image_problems(node),
            _size_problems(kind.get("resources", {}), node),
            _disk_problems(node),
            _scratch_problems(kind.get("resources", {}), node),
            _metadata_problems(node, in_container=bool(config.get("docker", {}).get("image"))),
        )
        yield from (f"{name}: {fault}" for fault in faults)


def unchecked_types(config: Mapping[str, Any]) -> list[str]:
    """Instance types of the file about which nothing is known here."""
    kinds = config["available_node_types"].values() if config["provider"].get("type") == "aws" else ()
    names = dict.fromkeys(kind.get("node_config", {}).get("InstanceType", "") for kind in kinds)
    return [name for name in names if name and instance_type(name) is None]


# ---- where the machines run ----------------------------------------------------------------------------------------


def _place_problems(provider: Mapping[str, Any]) -> Iterator[str]:
    region = provider.get("region", "")
    if not region:
        yield "provider.region: is missing; write the region of your buckets"
        return
    if region not in known_regions():
        yield f"provider.region: {region} is not a region of EC2{did_you_mean(region, known_regions())}"
    zones = [zone.strip() for zone in str(provider.get("availability_zone") or "").split(",") if zone.strip()]
    for zone in zones:
        if not re.fullmatch(rf"{re.escape(region)}([a-z]|-[a-z]+-\d+[a-z])", zone):
            yield f"provider.availability_zone: {zone} is not a zone of {region}"


# ---- network -------------------------------------------------------------------------------------------------------


def _ssh_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """SSH must not be open to everyone.

    Ray makes a group that allows SSH from anywhere for each node type without a group, and only adds to that what
    `provider.security_group` lists.
    """
    for rule in config["provider"].get("security_group", {}).get("IpPermissions", []):
        ranges = [*rule.get("IpRanges", []), *rule.get("Ipv6Ranges", [])]
        if any({each.get("CidrIp"), each.get("CidrIpv6")} & _ANYONE for each in ranges):
            yield "provider.security_group: opens a port to the whole Internet; write your own range of addresses"
    open_types = []
    for name, kind in config["available_node_types"].items():
        node = kind.get("node_config", {})
        interfaces = node.get("NetworkInterfaces") or [{}]
        groups = node.get("SecurityGroupIds") or [
            group for interface in interfaces for group in interface.get("Groups", [])
        ]
        if not groups and "LaunchTemplate" not in node:
            open_types.append(name)
        bad = [str(each) for each in groups if not _GROUP_ID.fullmatch(str(each)) and PLACEHOLDER not in str(each)]
        if bad:
            yield f"{name}: SecurityGroupIds: {', '.join(bad)} is not the id of a group, such as sg-0123456789abcdef0"
    if open_types:
        yield (
            f"{', '.join(open_types)}: SecurityGroupIds is missing, so Ray would make a group that opens SSH to the "
            "whole Internet; write the id of a group that opens it to you only (provider.security_group cannot)"
        )


def _metadata_problems(node: Mapping[str, Any], *, in_container: bool) -> Iterator[str]:
    """Only this machine's own processes may read the role's credentials, or its container if Ray runs in one."""
    options = node.get("MetadataOptions", {})
    if "LaunchTemplate" in node:
        return
    if options.get("HttpTokens") != "required":
        yield "MetadataOptions.HttpTokens: is not required, so a forged request could read the role's credentials"
    if options.get("HttpPutResponseHopLimit") != 1 and not in_container:
        yield "MetadataOptions.HttpPutResponseHopLimit: is not 1, so containers could read the role's credentials"


# ---- machines ------------------------------------------------------------------------------------------------------


def _image_problems(node: Mapping[str, Any]) -> Iterator[str]:
    image, name = str(node.get("ImageId", "")), str(node.get("InstanceType", ""))
    if image and not _IMAGE_ID.fullmatch(image):
        yield f"ImageId: {image} is not the id of an image; write ami- and 17 digits, or resolve:ssm: and a parameter"
    facts = instance_type(name)
    built_for = next((each for each in ("x86_64", "arm64") if each in image), "")
    if facts and built_for and built_for != facts.architecture:
        yield f"InstanceType: {name} is {facts.architecture}, its image {built_for}; choose another type or image"


def _size_problems(resources: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[str]:
    name = str(node.get("InstanceType", ""))
    facts = instance_type(name)
    if facts is None:
        return
    if facts.memory_gib < MIN_MEMORY_GIB:
        yield f"InstanceType: {name} has {facts.memory_gib:g} GiB of memory; a node needs {MIN_MEMORY_GIB} GiB"
    cpus, gpus = resources.get("CPU", 0), resources.get("GPU", 0)
    if cpus > facts.vcpus:
        yield f"resources: declares {cpus} CPU, and {name} has {facts.vcpus}"
    yield from _gpu_problems(gpus, facts, name)


def _gpu_problems(gpus: int, facts: InstanceType, name: str) -> Iterator[str]:
    if gpus > facts.gpus:
        yield f"resources: declares {gpus} GPU, and {name} has {facts.gpus}"
    elif gpus < facts.gpus:
        yield f"resources: declares {gpus} GPU, and {name} has {facts.gpus}: you pay for GPUs that stay idle"
    if gpus and facts.gpus and not facts.has_cuda:
        yield f"InstanceType: the GPUs of {name} do not run CUDA"


def _disk_problems(node: Mapping[str, Any]) -> Iterator[str]:
    image, disks = str(node.get("ImageId", "")), _disks(node)
    if "LaunchTemplate" in node or "ubuntu" not in image:
        return
    if _ROOT_OF_UBUNTU not in disks:
        yield (
            f"BlockDeviceMappings: {_ROOT_OF_UBUNTU}, the root disk of Ubuntu, is missing, so it has only the size of "
            "the image"
        )
    elif (size := disks[_ROOT_OF_UBUNTU].get("VolumeSize", MIN_ROOT_GB)) < MIN_ROOT_GB:
        yield (
            f"BlockDeviceMappings: the root disk has {size} GB; the image, the Python environment and scratch files "
            f"need {MIN_ROOT_GB}"
        )


def _disks(node: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The disks of a machine, by device."""
    return {each.get("DeviceName", ""): each.get("Ebs", {}) for each in node.get("BlockDeviceMappings", [])}


def _scratch_problems(resources: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[str]:
    """A machine must have the disk that it declares for stitches."""
    declared = resources.get(SCRATCH, 0)
    sizes = [disk["VolumeSize"] for disk in _disks(node).values() if "VolumeSize" in disk]
    if sizes and declared > max(0, sum(sizes) - MIN_ROOT_GB):
        yield (
            f"resources: declares {SCRATCH}: {declared}, and its disks have {sum(sizes)} GB, of which the image and "
            f"the Python environment need {MIN_ROOT_GB}"
        )
