"""Validate a node's configuration by botocore's model of EC2, without a request."""

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

_UNKNOWN_KEY = re.compile(r'Unknown parameter in (?P<where>[^:]*): "(?P<key>[^"]*)", must be one of: (?P<known>.*)')


def node_config_problems(node_config: Mapping[str, Any]) -> list[str]:
    """List unknown keys, wrong types and unknown values in the parameters of RunInstances (the EC2 API reference).

    Ray takes a list, SubnetIds, and replaces it by one SubnetId.
    """
    request = {**node_config, "MinCount": 1, "MaxCount": 1}
    request.pop("SubnetIds", None)
    report = ParamValidator().validate(request, _run_instances())
    if report.has_errors():
        return [_nearest_key(line.strip()) for line in report.generate_report().splitlines() if line.strip()]
    return _unknown_values(request, _run_instances(), "node_config")


@cache
def known_regions() -> frozenset[str]:
    """EC2's regions, of all partitions."""
    session = botocore.session.get_session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition)
    )


@cache
def _run_instances() -> Any:
    return botocore.session.get_session().get_service_model("ec2").operation_model("RunInstances").input_shape


def _nearest_key(line: str) -> str:
    """A line of botocore's report; of an unknown key, with the nearest one in place of all."""
    found = _UNKNOWN_KEY.fullmatch(line)
    if not found:
        return line
    where = found["where"].replace("input", "node_config", 1)
    return f"{where}: unknown key {found['key']}{_nearest(found['key'], found['known'].split(', '))}"


def _unknown_values(value: object, shape: Any, where: str) -> list[str]:
    """List strings that are not among the values that the model enumerates."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        members = [(item, shape.members[key], f"{where}.{key}") for key, item in value.items()]
        return [fault for member in members for fault in _unknown_values(*member)]
    if shape.type_name == "list" and isinstance(value, list):
        return [fault for item in value for fault in _unknown_values(item, shape.member, where)]
    known = getattr(shape, "enum", [])
    if not known or value in known:
        return []
    return [f"{where}: {value!r} is not known to EC2{_nearest(str(value), known)}"]


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
